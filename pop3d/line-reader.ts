/**
 * From the octets that a client sends, cut anyhow, to command lines. Pure.
 *
 * A line ends in CRLF (RFC 1939 §3), or in LF alone, as people who try a server by hand send it; POP3 has nothing that
 * two programs could read differently for it. A CR elsewhere is part of the line, and no command has one.
 *
 * It holds what it was given until it is asked for, so whoever feeds it decides how far the client may be ahead. Of a
 * line without end it keeps no more than the limit.
 */

const LF = 0x0a;
const CR = 0x0d;

export type Line =
  | { readonly kind: "line"; readonly octets: Buffer }
  /** More than the limit without a line end. Nothing after it can be understood. */
  | { readonly kind: "overlong" };

export class LineReader {
  #held: Buffer = Buffer.alloc(0);
  /** Octets at the start of #held known to contain no LF. */
  #searched = 0;

  /** Octets that are held. */
  get octets(): number {
    return this.#held.length;
  }

  push(octets: Buffer): void {
    this.#held = this.#held.length === 0 ? octets : Buffer.concat([this.#held, octets]);
  }

  /**
   * The next line without its line end; undefined when it has not arrived whole.
   * @param octetsMax of the line with its CRLF, as RFC 2449 §4 counts it
   */
  next(octetsMax: number): Line | undefined {
    const lf = this.#held.indexOf(LF, this.#searched);
    const length = lf < 0 ? this.#held.length : lf + 1;
    if (length > octetsMax) return { kind: "overlong" };
    if (lf < 0) {
      this.#searched = this.#held.length;
      return undefined;
    }
    const end = lf > 0 && this.#held[lf - 1] === CR ? lf - 1 : lf;
    const octets = this.#held.subarray(0, end);
    this.#held = this.#held.subarray(length);
    this.#searched = 0;
    return { kind: "line", octets };
  }

  /** Forgets what has arrived, whole lines too. */
  clear(): void {
    this.#held = Buffer.alloc(0);
    this.#searched = 0;
  }
}
