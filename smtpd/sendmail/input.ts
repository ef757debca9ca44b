/**
 * A message as programs write it to standard input: from lines with LF or CRLF to lines with LF as they are stored. Pure.
 *
 * - It ends where the input does, or at a line of a single dot, unless that is a line like others (-i).
 * - A CR that ends no line becomes a space: programs write it to draw progress over and over, and what cron sends of them is
 *   not to be refused; nothing that we send on ever contains one.
 * - A NUL makes it refused.
 *
 * Unlike in SMTP no dots are stuffed here.
 */

export interface InputOptions {
  readonly dotIsText: boolean;
  /** Octets of the message with CRLF line ends, as RFC 1870 §5 counts. */
  readonly messageSize: number;
  /** Octets of a line with its CRLF. */
  readonly lineLength: number;
}

export type InputViolation = "NUL" | "line too long" | "message too big";

const NUL = 0x00;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const DOT = 0x2e;

/** A dot and a CR may be held back. */
const HELD_BACK_MAX = 2;

export class MessageInput {
  readonly #options: InputOptions;
  #atStart = true;
  /** The line is a dot so far, which is held back. */
  #afterDot = false;
  /** A CR is held back. */
  #afterCr = false;
  #ended = false;
  #size = 0;
  #lineStart = 0;
  #violation: InputViolation | undefined;

  constructor(options: InputOptions) {
    this.#options = options;
  }

  /** True once the line of a dot has come: what follows is no part of the message. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Why the message is refused; what decode returns is of no use then. */
  get violation(): InputViolation | undefined {
    return this.#violation;
  }

  /** Octets that the next chunk adds to the message. */
  decode(chunk: Buffer): Buffer {
    const output = Buffer.allocUnsafe(chunk.length + HELD_BACK_MAX);
    let written = 0;
    for (let read = 0; read < chunk.length && !this.#ended; read++) {
      const octet = chunk[read] ?? 0;
      if (octet === LF) {
        this.#afterCr = false;
        if (this.#afterDot) {
          this.#ended = true;
          break;
        }
        output[written++] = LF;
        this.#size++;
        this.#atStart = true;
        this.#check(written);
        this.#lineStart = this.#size + written;
        continue;
      }
      if (this.#afterCr || (this.#afterDot && octet !== CR)) written = this.#release(output, written);
      if (octet === CR) {
        this.#afterCr = true;
      } else if (octet === DOT && this.#atStart && !this.#options.dotIsText) {
        this.#afterDot = true;
      } else {
        if (octet === NUL) this.#violation ??= "NUL";
        output[written++] = octet;
      }
      this.#atStart = false;
    }
    this.#size += written;
    this.#check(0);
    return output.subarray(0, written);
  }

  /** The input is over. What is missing of the message: the end of its last line, which a CR alone was meant to be. */
  end(): Buffer {
    if (this.#ended || this.#afterDot || this.#atStart) return Buffer.alloc(0);
    this.#size += 2;
    this.#check(0);
    return Buffer.from("\n");
  }

  /** Writes what was held back, now that it ends neither line nor message. */
  #release(output: Buffer, written: number): number {
    let at = written;
    if (this.#afterDot) output[at++] = DOT;
    if (this.#afterCr) output[at++] = SPACE;
    this.#afterDot = false;
    this.#afterCr = false;
    return at;
  }

  /** @param written octets of this chunk that are not yet counted */
  #check(written: number): void {
    const size = this.#size + written;
    if (size - this.#lineStart > this.#options.lineLength) this.#violation ??= "line too long";
    if (size > this.#options.messageSize) this.#violation ??= "message too big";
  }
}
