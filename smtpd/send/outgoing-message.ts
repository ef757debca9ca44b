/**
 * A message on its way out: read from the queue, in the form of the wire (shared/wire-form.ts), with its end. One that
 * is small is read whole before anything is said about it, and is one piece; of another one there is one piece at a
 * time in memory.
 *
 * `next` rejects when the message cannot be read to its end; the piece that ends it was not given then, and never is.
 */
import type { Readable } from "node:stream";
import { WireForm } from "../../shared/wire-form.js";
import type { JobMessage } from "./delivery.js";

/** What is read whole; also how much of a message is looked at for the end of its header. */
const WHOLE_OCTETS_MAX = 64 * 1024;

/** CRLF.CRLF */
const END_OCTETS_MAX = 5;

const LF = 0x0a;
const CR = 0x0d;

export interface Piece {
  readonly octets: Buffer;
  /** True for the one with the end of the message. */
  readonly last: boolean;
}

export class OutgoingMessage {
  readonly #stream: Readable;
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #form = new WireForm({ strict: true });
  /** Read by now and not given yet. */
  #ahead: Buffer | undefined;
  #whole: boolean;

  /** Rejects when it cannot be read. */
  static async open(message: JobMessage): Promise<OutgoingMessage> {
    const stream = await message.open();
    const chunks: AsyncIterator<Buffer> = stream[Symbol.asyncIterator]();
    const first: Buffer[] = [];
    let octets = 0;
    let whole = false;
    while (octets < WHOLE_OCTETS_MAX && !whole) {
      const { value, done } = await chunks.next();
      if (done) whole = true;
      else {
        first.push(value);
        octets += value.length;
      }
    }
    const [only, ...more] = first;
    const ahead = only !== undefined && more.length === 0 ? only : Buffer.concat(first);
    return new OutgoingMessage(stream, chunks, ahead, whole);
  }

  private constructor(stream: Readable, chunks: AsyncIterator<Buffer>, ahead: Buffer, whole: boolean) {
    this.#stream = stream;
    this.#chunks = chunks;
    this.#ahead = ahead;
    this.#whole = whole;
    this.asciiHeader = headerIsAscii(ahead);
  }

  /** False also when the header is so long that it was not looked at to its end. */
  readonly asciiHeader: boolean;

  /** The next piece; nothing after the last. */
  async next(): Promise<Piece | undefined> {
    const octets = this.#ahead;
    if (octets === undefined) return undefined;
    this.#ahead = undefined;
    if (this.#whole) return { octets: this.#withEnd(octets), last: true };
    const { value, done } = await this.#chunks.next();
    if (done) this.#whole = true;
    this.#ahead = done ? Buffer.alloc(0) : value;
    return { octets: this.#form.convert(octets), last: false };
  }

  /** In one Buffer, and so in one write. */
  #withEnd(stored: Buffer): Buffer {
    const target = Buffer.allocUnsafe(WireForm.lengthMax(stored.length) + END_OCTETS_MAX);
    const { length } = this.#form.convert(stored, target);
    return target.subarray(0, length + this.#form.end().copy(target, length));
  }

  /** Lets the file go. */
  close(): void {
    this.#stream.destroy();
  }
}

function headerIsAscii(octets: Buffer): boolean {
  let lineIsEmpty = true;
  for (const octet of octets) {
    if (octet > 0x7f) return false;
    if (octet === LF) {
      if (lineIsEmpty) return true;
      lineIsEmpty = true;
    } else if (octet !== CR) lineIsEmpty = false;
  }
  return octets.length < WHOLE_OCTETS_MAX;
}
