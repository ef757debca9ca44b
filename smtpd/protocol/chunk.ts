/**
 * The octets of one BDAT (RFC 3030 §2): counted, and given to the message or dropped. However it is answered, a chunk
 * has been read to its end, and it is the count alone that ends it.
 */
import type { Finished, Incoming } from "./incoming.js";
import type { Reception } from "./reception.js";
import { type Reply, reply } from "./reply.js";
import type { Transaction } from "./session.js";

/** The arguments of BDAT. */
export interface ChunkSize {
  /** Octets. */
  readonly size: number;
  readonly last: boolean;
}

/** A chunk of a message that is taken as yet. */
export class Chunk<D> implements Incoming {
  readonly #chunk: ChunkSize;
  readonly #octets: CountedOctets;
  readonly #transaction: Transaction<D>;
  readonly #message: Reception;

  constructor(chunk: ChunkSize, transaction: Transaction<D>, message: Reception) {
    this.#chunk = chunk;
    this.#octets = new CountedOctets(chunk.size);
    this.#transaction = transaction;
    this.#message = message;
  }

  get text(): string {
    return textOf(this.#chunk);
  }

  get idle(): boolean {
    return this.#chunk.size === 0 && !this.#chunk.last;
  }

  get complete(): boolean {
    return this.#octets.complete;
  }

  async take(octets: Buffer): Promise<Buffer | undefined> {
    const { taken, rest } = this.#octets.take(octets);
    await this.#message.take(taken);
    return rest;
  }

  /** RFC 3030 §2 lets a failure be told at any chunk: at the first that shows it, to spare the others. */
  async finish(): Promise<Finished> {
    if (this.#chunk.last) return this.#message.finish();
    const { refusal } = this.#message;
    if (refusal !== undefined) this.#transaction.failed = true;
    return { answer: refusal ?? reply(250, "0.0", `${this.#chunk.size} octets received`), ends: false };
  }
}

/** A chunk that is refused. After the last one the transaction is over, as it is after a message that was refused. */
export class RefusedChunk implements Incoming {
  readonly #chunk: ChunkSize;
  readonly #octets: CountedOctets;
  readonly refusal: Reply;
  readonly idle = false;

  constructor(chunk: ChunkSize, refusal: Reply) {
    this.#chunk = chunk;
    this.#octets = new CountedOctets(chunk.size);
    this.refusal = refusal;
  }

  get text(): string {
    return textOf(this.#chunk);
  }

  get size(): number {
    return this.#chunk.size;
  }

  get complete(): boolean {
    return this.#octets.complete;
  }

  async take(octets: Buffer): Promise<Buffer | undefined> {
    return this.#octets.take(octets).rest;
  }

  async finish(): Promise<Finished> {
    return { answer: this.refusal, ends: this.#chunk.last };
  }
}

class CountedOctets {
  #left: number;

  constructor(size: number) {
    this.#left = size;
  }

  get complete(): boolean {
    return this.#left === 0;
  }

  /** Those of the octets that belong here, and, once these are complete, the others. */
  take(octets: Buffer): { readonly taken: Buffer; readonly rest: Buffer | undefined } {
    const taken = octets.subarray(0, this.#left);
    this.#left -= taken.length;
    return { taken, rest: this.complete ? octets.subarray(taken.length) : undefined };
  }
}

function textOf({ size, last }: ChunkSize): string {
  return `(${last ? "the last chunk" : "a chunk"} of a message, of ${size} octets)`;
}
