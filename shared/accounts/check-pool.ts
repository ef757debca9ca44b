/**
 * Checking passwords in threads of their own, so that the event loop goes on serving everybody else, and so that libuv's
 * few threads stay free for files.
 *
 * What strangers can make us do is bounded: so many threads, so many checks waiting, so long a wait, so long a check. Beyond
 * that a check is rejected with a CheckError, which means "nobody can say", never "wrong". A thread that dies or hangs is
 * replaced; the check that it had is rejected and not tried again, since it may be the cause. Threads are started when they
 * are needed, and do not keep the process alive while they wait.
 */
import { availableParallelism } from "node:os";
import { CheckError, CheckThread } from "./check-thread.js";
import type { CheckRequest } from "./check-worker.js";

/** Who can check passwords. */
export interface PasswordChecker {
  /** Whether `password` fits `stored`, a password field of the accounts file. Rejects when nobody can say. */
  check(stored: string, password: string): Promise<boolean>;
  close(): Promise<void>;
}

export interface CheckPoolOptions {
  readonly threads: number;
  /** Checks that may wait for a thread. */
  readonly waiting: number;
  readonly waitMs: number;
  readonly checkMs: number;
  /** The module that the threads run. */
  readonly entry: URL;
}

const DEFAULTS: CheckPoolOptions = {
  // One core is left to the event loop; more threads than four would let a flood of guesses take the whole machine.
  threads: Math.max(1, Math.min(4, availableParallelism() - 1)),
  // Everybody comes back at once when a daemon has been restarted; `waitMs` is what ends a flood.
  waiting: 2_000,
  waitMs: 15_000,
  // A hundred times what a check should take: either the machine is in trouble or the accounts file's settings are.
  checkMs: 10_000,
  entry: new URL("./check-worker.js", import.meta.url),
};

interface Waiting {
  readonly request: CheckRequest;
  readonly resolve: (fits: boolean) => void;
  readonly reject: (why: unknown) => void;
  readonly timer: NodeJS.Timeout;
}

export class CheckPool implements PasswordChecker {
  readonly #options: CheckPoolOptions;
  /** In the order in which they came. */
  readonly #waiting = new Set<Waiting>();
  readonly #threads = new Set<CheckThread>();
  readonly #idle: CheckThread[] = [];
  #closed = false;

  constructor(options: Partial<CheckPoolOptions> = {}) {
    this.#options = { ...DEFAULTS, ...options };
  }

  check(stored: string, password: string): Promise<boolean> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new CheckError("CLOSED", "passwords are no longer checked"));
      if (this.#waiting.size >= this.#options.waiting) {
        return reject(new CheckError("QUEUE_FULL", `${this.#waiting.size} passwords wait to be checked`));
      }
      const { waitMs } = this.#options;
      const timer = setTimeout(() => {
        this.#waiting.delete(waiting);
        reject(new CheckError("WAITED_TOO_LONG", `no thread was free within ${waitMs} ms`));
      }, waitMs);
      const waiting: Waiting = { request: { stored, password }, resolve, reject, timer };
      this.#waiting.add(waiting);
      this.#dispatch();
    });
  }

  /** Ends the threads. Checks that wait or are under way are rejected. */
  async close(): Promise<void> {
    this.#closed = true;
    for (let next = this.#takeFirst(); next !== undefined; next = this.#takeFirst()) {
      next.reject(new CheckError("CLOSED", "passwords are no longer checked"));
    }
    await Promise.all([...this.#threads].map((thread) => thread.end()));
  }

  #dispatch(): void {
    while (this.#waiting.size > 0) {
      const thread = this.#freeThread();
      if (thread === undefined) return;
      void this.#serve(thread);
    }
  }

  /** Takes the first check at once, and goes on while there are more and the thread lives. */
  async #serve(thread: CheckThread): Promise<void> {
    while (thread.alive) {
      const next = this.#takeFirst();
      if (next === undefined) {
        this.#idle.push(thread);
        return;
      }
      await thread.run(next.request, this.#options.checkMs).then(next.resolve, next.reject);
    }
    this.#threads.delete(thread);
    this.#dispatch();
  }

  /** An idle thread, which may have died meanwhile, or a new one while there are not too many. */
  #freeThread(): CheckThread | undefined {
    const idle = this.#idle.pop();
    if (idle !== undefined || this.#threads.size >= this.#options.threads) return idle;
    const thread = new CheckThread(this.#options.entry);
    this.#threads.add(thread);
    return thread;
  }

  #takeFirst(): Waiting | undefined {
    for (const first of this.#waiting) {
      this.#waiting.delete(first);
      clearTimeout(first.timer);
      return first;
    }
    return undefined;
  }
}
