/**
 * The header section of a message as octets (RFC 5322 §2.1): where it ends, and whether it is ASCII. Pure. It ends with
 * the first blank line; a message without one is all header.
 */
import { isAscii } from "node:buffer";

const LF = 0x0a;
const CR = 0x0d;

/** Looks at a message piece by piece, cut anywhere. */
export class HeaderScan {
  #ended = false;
  #ascii = true;
  /** What the line holds so far. */
  #line: "nothing" | "CR" | "more" = "nothing";

  /** Whether the blank line has been seen. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether every octet of the header section so far is below 0x80. */
  get ascii(): boolean {
    return this.#ascii;
  }

  /** Takes the next piece; returns how many of its octets belong to the header section, blank line included. */
  take(piece: Uint8Array): number {
    if (this.#ended) return 0;
    const end = this.#endIn(piece);
    this.#ascii &&= isAscii(piece.subarray(0, end));
    return end;
  }

  #endIn(piece: Uint8Array): number {
    for (let start = 0; start < piece.length; ) {
      const lf = piece.indexOf(LF, start);
      const end = lf < 0 ? piece.length : lf;
      this.#look(piece, start, end);
      if (lf < 0) break;
      if (this.#line !== "more") {
        this.#ended = true;
        return lf + 1;
      }
      this.#line = "nothing";
      start = lf + 1;
    }
    return piece.length;
  }

  /** The octets of a line from `start` to before `end`. */
  #look(piece: Uint8Array, start: number, end: number): void {
    if (start === end) return;
    const isCr = this.#line === "nothing" && end - start === 1 && piece[start] === CR;
    this.#line = isCr ? "CR" : "more";
  }
}
