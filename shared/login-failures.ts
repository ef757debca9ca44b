/**
 * How long a failed login is made to wait: longer with each further one from the same address. Pure bookkeeping.
 *
 * An IPv6 host has a whole /64 to call from, so it is the /64 that counts as one address.
 */
import { limitKey } from "./connection-limits.js";

const DELAY_MS_MAX = 30_000;
/** An address that has been quiet for so long starts anew. */
const FORGOTTEN_AFTER_MS = 15 * 60_000;
/** Beyond so many addresses, the one that has been quiet for longest is forgotten. */
const ADDRESSES_MAX = 10_000;

interface Failures {
  readonly count: number;
  readonly last: number;
}

export class LoginFailures {
  readonly #delayMs: number;
  readonly #now: () => number;
  /** In the order of their last failure. */
  readonly #byAddress = new Map<string, Failures>();

  /**
   * @param delayMs for the first failure; twice as long for each further one
   * @param now milliseconds, of any clock that only goes forward
   */
  constructor(delayMs: number, now: () => number) {
    this.#delayMs = delayMs;
    this.#now = now;
  }

  /** Counts a failed login; returns how many milliseconds its reply has to wait. */
  failed(address: string): number {
    const key = limitKey(address);
    const now = this.#now();
    const before = this.#byAddress.get(key);
    const count = before !== undefined && now - before.last < FORGOTTEN_AFTER_MS ? before.count + 1 : 1;
    this.#byAddress.delete(key);
    this.#byAddress.set(key, { count, last: now });
    if (this.#byAddress.size > ADDRESSES_MAX) {
      const [quietest] = this.#byAddress.keys();
      if (quietest !== undefined) this.#byAddress.delete(quietest);
    }
    return Math.min(DELAY_MS_MAX, this.#delayMs * 2 ** (count - 1));
  }

  succeeded(address: string): void {
    this.#byAddress.delete(limitKey(address));
  }
}
