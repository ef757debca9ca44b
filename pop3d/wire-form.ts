/**
 * From a message as it is stored to the octets that RETR and TOP send. Pure, one pass over Buffers, a piece at a time,
 * so that a message of any size and a line of any length cost the same memory.
 *
 *   stored                         sent
 *   LF, not preceded by CR         CRLF
 *   CRLF (a foreign program's)     CRLF
 *   "." that begins a line         ".." (RFC 1939 §3), also in the first octet of the message
 *   any other octet                itself: bare CR, NUL, 8-bit
 *
 * A line begins where one ended with LF, and nowhere else. The end is always "CRLF.CRLF" to the eye of the client: a
 * message without a final line end gets one that its announced size does not count, and the empty message is no line
 * at all.
 */

const LF = 0x0a;
const CR = 0x0d;
const DOT = 0x2e;
const CRLF_DOT_CRLF = Buffer.from("\r\n.\r\n");
const DOT_CRLF = CRLF_DOT_CRLF.subarray(2);

export class WireForm {
  // A message begins as if a line had just ended.
  #previous = LF;
  #octets = 0;

  /** The octets that a piece of `length` octets can become at most: every one of them may be a stuffed "." or an LF. */
  static lengthMax(length: number): number {
    return 2 * length;
  }

  /** Octets sent so far, as LIST counts them: without the stuffing and without what `end` adds. */
  get octets(): number {
    return this.#octets;
  }

  /**
   * Converts the next piece.
   * @param target where the result is put, of lengthMax or more; the result is a part of it
   */
  convert(piece: Uint8Array, target: Buffer = Buffer.allocUnsafe(WireForm.lengthMax(piece.length))): Buffer {
    let previous = this.#previous;
    let at = 0;
    let stuffed = 0;
    for (let i = 0; i < piece.length; i++) {
      const octet = piece[i] ?? 0;
      if (octet === LF) {
        if (previous !== CR) target[at++] = CR;
      } else if (octet === DOT && previous === LF) {
        target[at++] = DOT;
        stuffed++;
      }
      target[at++] = octet;
      previous = octet;
    }
    this.#previous = previous;
    this.#octets += at - stuffed;
    return target.subarray(0, at);
  }

  /** What follows the last piece. */
  end(): Buffer {
    return this.#previous === LF ? DOT_CRLF : CRLF_DOT_CRLF;
  }
}

/**
 * Cuts a stored message where TOP ends: after the blank line that ends the header and a number of lines of the body
 * (RFC 1939 §7). A message without a blank line is all header, and sent whole.
 */
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
