/**
 * The replies of another host: octets in, in any cut, replies out (RFC 5321 §4.2). Pure.
 *
 * What comes is bounded and believed as little as can be. A reply is a code of three digits, the same on each of its
 * lines; anything else is no reply, and whoever sent it is not spoken to any longer, since nobody could tell which
 * command the next one answers. Its texts are for people and never for us. They may be UTF-8 (RFC 6531 §3.7.4.2), as
 * far as they are; controls and what is not seen become "?", so that no log, file or notice is written by a stranger.
 */
import type { RemoteReply } from "../queue/envelope.js";

/** A reply as it came, its texts made safe. */
export interface HostReply {
  readonly code: number;
  readonly lines: readonly string[];
}

/** RFC 5321 §4.5.3.1.5 gives a line 512 octets; there are hosts that think of more to say. */
const LINE_OCTETS_MAX = 4096;
/** EHLO of hosts with everything has some thirty lines. */
const LINES_MAX = 200;

// What is kept of a reply: it is written into the queue at each attempt, and into notices.
const KEPT_LINES_MAX = 20;
const KEPT_CHARACTERS_MAX = 500;

const LF = 0x0a;
const NOTHING = Buffer.alloc(0);
/** `Reply-code`, but also what the ABNF forbids and hosts use, such as 571; then perhaps nothing at all. */
const LINE = /^([2-5]\d\d)(?:([ -])(.*))?$/su;
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

export class ReplyReader {
  #unread: Buffer = NOTHING;
  #code = 0;
  #lines: string[] = [];

  /** Takes the next octets. Gives the replies that are whole by now; `malformed` ends what can be read. */
  *push(octets: Buffer): Generator<HostReply | "malformed", void> {
    let rest = this.#unread.length === 0 ? octets : Buffer.concat([this.#unread, octets]);
    this.#unread = NOTHING;
    for (let lf = rest.indexOf(LF); lf >= 0; lf = rest.indexOf(LF)) {
      const line = rest.subarray(0, lf);
      rest = rest.subarray(lf + 1);
      // Whoever takes a reply may clear the reader, and with it what came behind.
      this.#unread = rest;
      const read = this.#take(line);
      if (read !== undefined) yield read;
      if (read === "malformed") return;
      rest = this.#unread;
    }
    this.#unread = rest;
    if (rest.length > LINE_OCTETS_MAX) yield "malformed";
  }

  /** Forgets what has come and was not read. */
  clear(): void {
    this.#unread = NOTHING;
    this.#lines = [];
  }

  #take(octets: Buffer): HostReply | "malformed" | undefined {
    if (octets.length > LINE_OCTETS_MAX) return "malformed";
    const [, digits, separator = " ", text = ""] = LINE.exec(utf8.decode(octets).replace(/\r$/, "")) ?? [];
    const code = Number(digits);
    if (digits === undefined || (this.#lines.length > 0 && code !== this.#code)) return "malformed";
    if (this.#lines.length >= LINES_MAX) return "malformed";
    this.#code = code;
    this.#lines.push(text.replace(UNSAFE, "?").trimEnd());
    if (separator === "-") return undefined;
    const lines = this.#lines;
    this.#lines = [];
    return { code, lines };
  }
}

/** What the queue and notices keep of a reply. */
export function remoteReply({ code, lines }: HostReply): RemoteReply {
  // RFC 2034 §4: the same code begins each line. Its class is that of the reply code, or it is none.
  const status = new RegExp(`^(${Math.floor(code / 100)}\\.\\d{1,3}\\.\\d{1,3})(?: |$)`);
  const kept = lines.slice(0, KEPT_LINES_MAX);
  return {
    code,
    status: status.exec(kept[0] ?? "")?.[1],
    lines: kept.map((line) => [...line.replace(status, "")].slice(0, KEPT_CHARACTERS_MAX).join("")),
  };
}
