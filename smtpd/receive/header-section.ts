/**
 * The header section of a message while it arrives (RFC 5322 §2.2): where it ends, and the few fields that a mail
 * server looks at. Pure. Octets stay octets; only the names of fields and the values of Delivered-To become text.
 *
 * It is lenient, as RFC 5321 §6.4 would have it: a line that is no field ends the section, as if the blank line had
 * been forgotten, except the "From " line of an mbox file, which some programs leave in.
 */

const LF = 0x0a;
const COLON = 0x3a;
const SPACE = 0x20;
const TAB = 0x09;
/** RFC 5322 §2.1.1 allows lines of 998; a name longer than this is none. */
const FIELD_NAME_OCTETS_MAX = 256;

/** Fields whose values are kept: loops are known by the first, and authors by the others. */
const KEPT = new Set(["delivered-to", "from", "sender"]);

/** What was seen in a header section. */
export interface HeaderFacts {
  /** How many fields of that name (lower case) there are. */
  count(name: string): number;
  /** The values of From and Sender fields as they came, unfolded. */
  values(name: "from" | "sender"): readonly Buffer[];
  /** The values of Delivered-To fields, unfolded and trimmed. */
  readonly deliveredTo: readonly string[];
  /** The message does not begin with a header section: a blank line must go before it when fields are put on top. */
  readonly headless: boolean;
  /** There was a line that is no field, and readers may differ about what follows it. */
  readonly irregular: boolean;
}

/** What a section looks like after a piece: `open` wants more, `ended` has seen all of it. */
export type HeaderState = "open" | "ended";

export class HeaderSection implements HeaderFacts {
  readonly #counts = new Map<string, number>();
  readonly #values = new Map<string, Buffer[][]>();
  #headless = false;
  #irregular = false;
  #state: HeaderState = "open";
  #partial: Buffer = Buffer.alloc(0);
  #current = "";
  #lines = 0;

  get headless(): boolean {
    return this.#headless;
  }

  get irregular(): boolean {
    return this.#irregular;
  }

  get deliveredTo(): readonly string[] {
    return this.#valuesOf("delivered-to").map((value) => value.toString("utf8").trim());
  }

  count(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  values(name: "from" | "sender"): readonly Buffer[] {
    return this.#valuesOf(name);
  }

  /** Takes the next octets of the message, in LF form. Pieces after the end change nothing. */
  push(octets: Buffer): HeaderState {
    if (this.#state === "ended") return "ended";
    const data = this.#partial.length === 0 ? octets : Buffer.concat([this.#partial, octets]);
    let start = 0;
    for (let end = data.indexOf(LF); end >= 0; end = data.indexOf(LF, start)) {
      this.#line(data.subarray(start, end));
      start = end + 1;
      if (this.#isEnded()) return "ended";
    }
    this.#partial = data.subarray(start);
    return "open";
  }

  /** The message is over, whether or not a blank line came. */
  end(): void {
    if (this.#state === "open" && this.#partial.length > 0) this.#line(this.#partial);
    this.#state = "ended";
  }

  #isEnded(): boolean {
    return this.#state === "ended";
  }

  #line(line: Buffer): void {
    const first = this.#lines++ === 0;
    if (line.length === 0) {
      this.#state = "ended";
      return;
    }
    if (!first && (line[0] === SPACE || line[0] === TAB)) {
      this.#continue(line);
      return;
    }
    const name = fieldName(line);
    if (name !== undefined) this.#field(name, line);
    else {
      this.#irregular = true;
      this.#current = "";
      if (isEnvelopeLine(line)) return;
      this.#headless = first;
      this.#state = "ended";
    }
  }

  #field(name: string, line: Buffer): void {
    this.#current = name;
    this.#counts.set(name, this.count(name) + 1);
    if (!KEPT.has(name)) return;
    const values = this.#values.get(name) ?? [];
    // A copy, since a line is part of a larger piece, which would be kept with it.
    values.push([Buffer.from(line.subarray(line.indexOf(COLON) + 1))]);
    this.#values.set(name, values);
  }

  #continue(line: Buffer): void {
    this.#values.get(this.#current)?.at(-1)?.push(Buffer.from(line));
  }

  #valuesOf(name: string): Buffer[] {
    return (this.#values.get(name) ?? []).map((lines) => Buffer.concat(lines));
  }
}

/** `field-name = 1*ftext` before a colon, white space between them as in RFC 5322 §4.5; in lower case. */
function fieldName(line: Buffer): string | undefined {
  const colon = line.subarray(0, FIELD_NAME_OCTETS_MAX).indexOf(COLON);
  if (colon <= 0) return undefined;
  const name = line.toString("latin1", 0, colon).trimEnd();
  return /^[\x21-\x39\x3b-\x7e]+$/.test(name) ? name.toLowerCase() : undefined;
}

/** mbox's "From " line, or as quoted by programs that met it before. */
function isEnvelopeLine(line: Buffer): boolean {
  return /^>?From /.test(line.toString("latin1", 0, 6));
}
