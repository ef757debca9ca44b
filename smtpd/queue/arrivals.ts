/**
 * Finding the messages of the queue: all of them at the start, new ones by hints, which may be in vain, late or about what is
 * known already. An envelope that cannot be read now is logged, and found again by the next look through the folder.
 */
import type { Log } from "../../shared/log.js";
import type { QueueEnvelope } from "./envelope.js";
import { Fifo } from "./fifo.js";
import { inSlices } from "./slices.js";

export interface ArrivalStore {
  /** The queue ids of all envelopes. */
  ids(): Promise<string[]>;
  /** Undefined where there is none; a promise only where something has to be waited for. */
  loadNow(queueId: string): QueueEnvelope | undefined | Promise<QueueEnvelope | undefined>;
}

export interface ArrivalsOptions {
  readonly store: ArrivalStore;
  readonly isKnown: (queueId: string) => boolean;
  /** Called with each envelope that is not known yet. */
  readonly meet: (envelope: QueueEnvelope) => void;
  readonly log: Log;
  /** Ends all reading. */
  readonly signal: AbortSignal;
}

export class Arrivals {
  readonly #options: ArrivalsOptions;
  readonly #hinted = new Fifo<string>();
  readonly #isHinted = new Set<string>();
  #reading = false;

  constructor(options: ArrivalsOptions) {
    this.#options = options;
  }

  /** Reads every envelope. Rejects when the folder cannot be read, and when it is ended. */
  async readAll(): Promise<void> {
    const { store, signal } = this.#options;
    await inSlices(await store.ids(), (queueId) => this.#read(queueId), signal);
  }

  /** Has those read that are not known yet. Rejects when the folder cannot be read. */
  async scan(): Promise<void> {
    for (const queueId of await this.#options.store.ids()) this.hint(queueId);
  }

  /** There may be a message of this id. */
  hint(queueId: string): void {
    if (this.#options.isKnown(queueId) || this.#isHinted.has(queueId)) return;
    this.#isHinted.add(queueId);
    this.#hinted.push(queueId);
    if (!this.#reading) void this.#readHinted();
  }

  async #readHinted(): Promise<void> {
    const { signal } = this.#options;
    this.#reading = true;
    // Again where more was hinted at while the last reading came to its end.
    while (this.#hinted.size > 0 && !signal.aborted)
      await inSlices(this.#takeHinted(), (queueId) => this.#read(queueId), signal).catch(() => {});
    this.#reading = false;
  }

  *#takeHinted(): Generator<string> {
    for (let queueId = this.#hinted.shift(); queueId !== undefined; queueId = this.#hinted.shift()) {
      this.#isHinted.delete(queueId);
      yield queueId;
    }
  }

  #read(queueId: string): Promise<void> | undefined {
    const trouble = (err: unknown) => this.#options.log.error({ err, queueId }, "envelope cannot be read");
    try {
      const loaded = this.#options.store.loadNow(queueId);
      if (!(loaded instanceof Promise)) return this.#meet(loaded);
      return loaded.then((envelope) => this.#meet(envelope)).catch(trouble);
    } catch (err) {
      trouble(err);
      return undefined;
    }
  }

  #meet(envelope: QueueEnvelope | undefined): undefined {
    const { isKnown, meet } = this.#options;
    if (envelope !== undefined && !isKnown(envelope.queueId)) meet(envelope);
  }
}
