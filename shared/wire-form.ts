/**
 * From a message as it is stored to the octets that RETR, TOP and DATA send. Pure, one pass over Buffers, a piece at a
 * time, so that a message of any size and a line of any length cost the same memory.
 *
 *   stored                         sent as it is (POP3)       sent strictly (SMTP)
 *   LF, not preceded by CR         CRLF                       CRLF
 *   CRLF (a foreign program's)     CRLF                       CRLF
 *   "." that begins a line         ".."                       ".."
 *   CR, not followed by LF         itself                     CRLF
 *   NUL                            itself                     nothing
 *   any other octet                itself                     itself
 *
 * RFC 1939 §3 and RFC 5321 §4.5.2 stuff the same dots, also in the first octet of the message. A line begins where one
 * ended on the wire, and nowhere else. The end is always "CRLF.CRLF" to the eye of who reads: a message without a
 * final line end gets one, and the empty message is no line at all.
 *
 * Strictly, since a host may exist that takes a bare CR for a line end, or that drops NULs before it looks for dots:
 * neither must ever find an end where we saw none. RFC 5321 §2.3.8 forbids the one to be sent, RFC 5322 §4 the other
 * to be made. A mail program must get what is stored; the next host must not be able to misread it.
 */

const NUL = 0x00;
const LF = 0x0a;
const CR = 0x0d;
const DOT = 0x2e;
const CRLF_DOT_CRLF = Buffer.from("\r\n.\r\n");
const LF_DOT_CRLF = CRLF_DOT_CRLF.subarray(1);
const DOT_CRLF = CRLF_DOT_CRLF.subarray(2);

export class WireForm {
  readonly #strict: boolean;
  // A message begins as if a line had just ended.
  #previous = LF;
  #octets = 0;

  constructor({ strict = false } = {}) {
    this.#strict = strict;
  }

  /**
   * The octets that a piece of `length` octets can become at most: every one of them may be a stuffed "." or an LF, and
   * the first may end a line that a bare CR before it began to end.
   */
  static lengthMax(length: number): number {
    return 2 * length + 1;
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
    const strict = this.#strict;
    let previous = this.#previous;
    let at = 0;
    let stuffed = 0;
    for (let i = 0; i < piece.length; i++) {
      const octet = piece[i] ?? 0;
      if (octet === LF) {
        if (previous !== CR) target[at++] = CR;
      } else {
        if (strict && octet === NUL) continue;
        if (strict && previous === CR) {
          target[at++] = LF;
          previous = LF;
        }
        if (octet === DOT && previous === LF) {
          target[at++] = DOT;
          stuffed++;
        }
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
    if (this.#previous === LF) return DOT_CRLF;
    return this.#strict && this.#previous === CR ? LF_DOT_CRLF : CRLF_DOT_CRLF;
  }
}
