/**
 * A bounded number of pieces of work at once, a bounded number that wait for their turn, and no wait without end: for
 * whatever strangers can make us do. Who cannot be served is rejected with a BusyError, which means "not now".
 */

export type BusyCode = "QUEUE_FULL" | "WAITED_TOO_LONG" | "CLOSED";

export class BusyError extends Error {
  override readonly name = "BusyError";
  readonly code: BusyCode;

  constructor(code: BusyCode, message: string) {
    super(message);
    this.code = code;
  }
}

export interface SlotCounts {
  readonly atOnce: number;
  /** How many may wait. */
  readonly waiting: number;
  /** How long each may wait. */
  readonly waitMs: number;
}

interface Waiting {
  readonly begin: () => void;
  readonly reject: (why: BusyError) => void;
  readonly timer: NodeJS.Timeout;
}

export class Slots {
  readonly #counts: SlotCounts;
  /** In the order in which they came. */
  readonly #waiting = new Set<Waiting>();
  #busy = 0;
  #closed = false;

  constructor(counts: SlotCounts) {
    this.#counts = counts;
  }

  /** Does `work` when there is a slot for it, and hands on what comes of it. Rejects with a BusyError when there is none. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    await this.#turn();
    try {
      return await work();
    } finally {
      this.#busy--;
      this.#next();
    }
  }

  /** Rejects whoever waits, and whoever comes. What is under way goes on. */
  close(): void {
    this.#closed = true;
    for (const waiting of this.#waiting) {
      clearTimeout(waiting.timer);
      waiting.reject(new BusyError("CLOSED", "no more work is begun"));
    }
    this.#waiting.clear();
  }

  /** Resolves once a slot is taken. */
  #turn(): Promise<void> {
    const { atOnce, waiting: waitingMax, waitMs } = this.#counts;
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new BusyError("CLOSED", "no more work is begun"));
      if (this.#busy < atOnce) {
        this.#busy++;
        return resolve();
      }
      if (this.#waiting.size >= waitingMax) {
        return reject(new BusyError("QUEUE_FULL", `${this.#waiting.size} wait already`));
      }
      const timer = setTimeout(() => {
        this.#waiting.delete(waiting);
        reject(new BusyError("WAITED_TOO_LONG", `there was no turn within ${waitMs} ms`));
      }, waitMs);
      const waiting: Waiting = { begin: resolve, reject, timer };
      this.#waiting.add(waiting);
    });
  }

  /** The slot that became free goes to who has waited longest. */
  #next(): void {
    for (const first of this.#waiting) {
      this.#waiting.delete(first);
      clearTimeout(first.timer);
      this.#busy++;
      first.begin();
      return;
    }
  }
}
