/**
 * The octets of a message as they come: from lines with CRLF to lines with LF as they are stored. Pure, apart from
 * working in the caller's buffer.
 *
 * After DATA (RFC 5321 §4.1.1.4, §4.5.2) dots are stuffed, and the message ends at CRLF.CRLF and at nothing else.
 * Everything that other servers have been seen to take for the end (LF.LF, LF.CRLF, CRLF.LF, CRLF.CR and their kin, a NUL
 * in between) is content here, so that what one host thinks is one message never becomes two on the next ("SMTP
 * smuggling"). Within BDAT (RFC 3030) octets are counted by whoever asks, and dots are dots: CRLF.CRLF is content like all
 * these. What holds for lines holds for both:
 *
 * - A line begins after CRLF, and after DATA it is only there that a first dot is removed. `LF.foo` therefore keeps its
 *   dot: whoever sent it did not see a line there and stuffed nothing. It is stored as a line that begins with a dot, and
 *   stuffed again whenever it is sent on with CRLF, so nobody later can read an end into it.
 * - `CRLF.LF` after DATA is a line that begins with a stuffed dot (no sender writes a first dot unstuffed) and then a
 *   bare LF.
 * - A bare LF is taken as a line end or makes the message refused, as configured; a bare CR and a NUL always make it
 *   refused. A refused message is still read to its true end: the octets after it are commands again.
 *
 * The state is one of five, and one octet moves it on; a dot costs no more than any other octet. Without stuffing a line
 * begins as it goes on, so that two of the five are enough.
 */

/** Why a message is refused. */
export type Violation = "bare CR" | "bare LF" | "NUL" | "line too long" | "message too big";

export interface DecoderOptions {
  /** True after DATA. */
  readonly stuffed: boolean;
  readonly bareLf: "normalize" | "refuse";
  /** Octets of a line with its CRLF and without a stuffed dot, as RFC 5321 §4.5.3.1.6 counts. */
  readonly lineLength: number;
  /** Octets of the message with CRLF line ends and without stuffed dots, as RFC 1870 §5 counts. */
  readonly messageSize: number;
}

export interface Decoded {
  /** A piece of the message with LF line ends; empty once there is a violation. Lies in the chunk that was given. */
  readonly octets: Buffer;
  /** What came after the end of the message; undefined while the message goes on. */
  readonly rest: Buffer | undefined;
}

const NUL = 0x00;
const LF = 0x0a;
const CR = 0x0d;
const DOT = 0x2e;

// Where in a line the last octet left us.
const AT_START = 0;
const AFTER_DOT = 1;
const AFTER_DOT_CR = 2;
const INSIDE = 3;
const AFTER_CR = 4;

const NOTHING = Buffer.alloc(0);

export class MessageDecoder {
  readonly #options: DecoderOptions;
  // Numbers from the beginning: a field that was ever undefined makes the loop below a third slower.
  /** The state after a line end. */
  readonly #atStart: number = AT_START;
  #state: number = AT_START;
  #size = 0;
  /** The size at which the line began. */
  #lineStart = 0;
  #violation: { readonly kind: Violation; readonly at: number } | undefined;

  constructor(options: DecoderOptions) {
    this.#options = options;
    if (options.stuffed) return;
    this.#atStart = INSIDE;
    this.#state = INSIDE;
  }

  /** The octets of the message so far, with CRLF line ends and without stuffed dots. */
  get size(): number {
    return this.#size;
  }

  /** What makes the message refused; of several things the one that comes first in it, however it was cut. */
  get violation(): Violation | undefined {
    return this.#violation?.kind;
  }

  /** Decodes the next octets, in place: the chunk is the decoder's from here on. Not to be called after the end. */
  decode(chunk: Buffer): Decoded {
    const { bareLf } = this.#options;
    const atStart = this.#atStart;
    let state = this.#state;
    // What is written never overtakes what is read: an octet held back from the chunk before is a dot or a CR, and
    // those are dropped, or make a violation.
    let written = 0;
    // What counts without being written here: the message so far, and its CRs.
    let uncounted = this.#size;

    for (let read = 0; read < chunk.length; read++) {
      const octet = chunk[read] ?? 0;
      // Most octets by far: inside a line, and none of NUL, LF and CR.
      if (octet > CR && state === INSIDE) {
        chunk[written++] = octet;
        continue;
      }
      if (state === AT_START && octet === DOT) {
        state = AFTER_DOT;
        continue;
      }
      if (state === AFTER_DOT && octet === CR) {
        state = AFTER_DOT_CR;
        continue;
      }
      if (state === AFTER_DOT_CR && octet === LF) {
        this.#state = state;
        this.#size = uncounted + written;
        return this.#decoded(chunk, written, chunk.subarray(read + 1));
      }
      if (state === AFTER_DOT_CR || (state === AFTER_CR && octet !== LF)) {
        this.#refuse("bare CR", uncounted + written);
        uncounted++;
      }
      if (octet === CR) {
        state = AFTER_CR;
      } else if (octet === LF) {
        if (state !== AFTER_CR && bareLf === "refuse") this.#refuse("bare LF", uncounted + written);
        state = state === AFTER_CR ? atStart : INSIDE;
        chunk[written++] = LF;
        uncounted++;
        this.#checkLine(uncounted + written);
        this.#lineStart = uncounted + written;
      } else {
        if (octet === NUL) this.#refuse("NUL", uncounted + written);
        state = INSIDE;
        chunk[written++] = octet;
      }
    }
    this.#state = state;
    this.#size = uncounted + written;
    this.#checkLine(this.#size);
    return this.#decoded(chunk, written, undefined);
  }

  /**
   * Without stuffing, where only the caller knows that the message is over: gives what completes its last line, which
   * then was not ended by the client. That line end counts for nothing but itself.
   */
  end(): Buffer {
    if (this.#state === AFTER_CR) this.#refuse("bare CR", this.#size);
    else if (this.#size > this.#lineStart && this.#violation === undefined) return Buffer.of(LF);
    return NOTHING;
  }

  #decoded(chunk: Buffer, written: number, rest: Buffer | undefined): Decoded {
    const { messageSize } = this.#options;
    if (this.#size > messageSize) this.#refuse("message too big", messageSize);
    return { octets: this.#violation === undefined ? chunk.subarray(0, written) : NOTHING, rest };
  }

  #checkLine(size: number): void {
    const { lineLength } = this.#options;
    if (size - this.#lineStart > lineLength) this.#refuse("line too long", this.#lineStart + lineLength);
  }

  #refuse(kind: Violation, at: number): void {
    if (this.#violation === undefined || at < this.#violation.at) this.#violation = { kind, at };
  }
}
