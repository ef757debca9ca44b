/**
 * Reading a message that is being sent: piece by piece, one piece ahead of whoever sends them, and where the client
 * reads only ASCII in headers its surrogate (surrogate.ts) instead.
 */
import type { FileHandle } from "node:fs/promises";
import type { Surrogate } from "./surrogate.js";

/** Of a part of a long message, but perhaps where its header ends. */
export const PART_OCTETS = 64 * 1024;
const NOTHING = Buffer.alloc(0);

export class MessageParts {
  readonly #pieces: PieceReader;
  #surrogate: Surrogate | undefined;

  /**
   * @param octets as many as the message is thought to have
   * @param surrogate undefined where the message is sent as it is stored
   */
  constructor(handle: FileHandle, octets: number, surrogate: Surrogate | undefined) {
    this.#pieces = new PieceReader(handle, Math.min(PART_OCTETS, octets + 1));
    this.#surrogate = surrogate;
  }

  /** The next part, empty at the end. Holds until the next call. */
  async next(): Promise<Buffer> {
    for (;;) {
      const piece = await this.#pieces.next();
      if (piece.length === 0) return this.#end();
      const part = this.#surrogate?.convert(piece) ?? piece;
      // A field may be longer than a piece, and waits for its end.
      if (part.length > 0) return part;
    }
  }

  /** What is left of a message that is all header. */
  #end(): Buffer {
    const rest = this.#surrogate?.end() ?? NOTHING;
    this.#surrogate = undefined;
    return rest;
  }
}

class PieceReader {
  readonly #handle: FileHandle;
  readonly #octetsMax: number;
  #ahead: Promise<Buffer>;
  /** Taken in turns: one is being sent while the other is being filled. */
  #buffers: [Buffer | undefined, Buffer | undefined] = [undefined, undefined];

  constructor(handle: FileHandle, octetsMax: number) {
    this.#handle = handle;
    this.#octetsMax = octetsMax;
    this.#ahead = this.#read();
  }

  /** The next piece, empty at the end. Holds until the next call. */
  async next(): Promise<Buffer> {
    const piece = await this.#ahead;
    if (piece.length > 0) {
      this.#ahead = this.#read();
      // If it fails, the next call says so; nobody may ask.
      this.#ahead.catch(() => {});
    }
    return piece;
  }

  async #read(): Promise<Buffer> {
    const [buffer = Buffer.allocUnsafe(this.#octetsMax), other] = this.#buffers;
    this.#buffers = [other, buffer];
    const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, null);
    return buffer.subarray(0, bytesRead);
  }
}
