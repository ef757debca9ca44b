/**
 * Cuts a stored message where TOP ends: after the blank line that ends the header and a number of lines of the body
 * (RFC 1939 §7). A message without a blank line is all header, and sent whole. Pure.
 */

const LF = 0x0a;
const CR = 0x0d;

export class TopCut {
  #bodyLines: number;
  #inHeader = true;
  #lineOctets = 0;
  #lineIsBlank = true;
  #done = false;

  /** @param bodyLines from 0 on */
  constructor(bodyLines: number) {
    this.#bodyLines = bodyLines;
  }

  /** True when nothing more is to be sent. */
  get done(): boolean {
    return this.#done;
  }

  /** The part of the next piece that is to be sent. */
  take(piece: Uint8Array): Uint8Array {
    let start = 0;
    while (!this.#done) {
      const lf = piece.indexOf(LF, start);
      this.#look(piece.subarray(start, lf < 0 ? piece.length : lf));
      if (lf < 0) return piece;
      start = lf + 1;
      this.#endLine();
    }
    return piece.subarray(0, start);
  }

  /** A line is blank when it holds nothing, or one CR before its LF. */
  #look(part: Uint8Array): void {
    if (part.length === 0) return;
    this.#lineOctets += part.length;
    this.#lineIsBlank = this.#lineOctets === 1 && part[0] === CR;
  }

  #endLine(): void {
    const blank = this.#lineOctets === 0 || this.#lineIsBlank;
    this.#lineOctets = 0;
    if (!this.#inHeader) this.#bodyLines--;
    else if (blank) this.#inHeader = false;
    this.#done = !this.#inHeader && this.#bodyLines <= 0;
  }
}
