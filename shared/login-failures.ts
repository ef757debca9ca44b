/**
 * What failed logins cost: longer and longer waits, by the address that they come from and by the name that they try. Pure
 * bookkeeping; login-guard.ts does the waiting.
 *
 * An IPv6 host has a whole /64 to call from, so it is the /64 that counts as one address.
 *
 * The address alone would not do: somebody who has a thousand of them guesses a thousand times as fast. But what counts
 * against a name must not let strangers keep its owner out. So nothing of it holds at an address from which that user has
 * logged in before, and failures at such an address are not counted against the name, either: a forgotten telephone
 * with an old password slows down nobody elsewhere. And everywhere a login is only delayed, whatever was counted.
 *
 * Names count as they are tried, whether there is such a user or not, so the waits tell nothing about that. All of this is
 * in memory, bounded, the oldest forgotten first; a restart forgets it all, and then the first success at an address makes
 * it known again.
 */
import { limitKey } from "./connection-limits.js";
import { Recent } from "./recent.js";

const DELAY_MS_MAX = 30_000;
/** An address or a name that has been quiet for so long starts anew. */
const QUIET_MS = 15 * 60_000;
const ADDRESSES_MAX = 10_000;
const NAMES_MAX = 10_000;
/** Failures, from addresses that are new to it, that make a name one under attack. */
const ATTACK_FAILURES = 10;
/** A check for a name under attack, from an address that is new to it, waits so long at most. */
const CHECK_WAIT_MS_MAX = 4_000;
/** Where users have logged in from: longer than a holiday. */
const KNOWN_MS = 60 * 86_400_000;
const KNOWN_USERS_MAX = 10_000;
const KNOWN_ADDRESSES_PER_USER_MAX = 32;

/** Failures at an address. */
interface Failures {
  readonly count: number;
  /** The one name that was tried there; undefined for several, or none. */
  readonly name: string | undefined;
}

export class LoginFailures {
  readonly #delayMs: number;
  readonly #now: () => number;
  readonly #byAddress = new Recent<Failures>({ entries: ADDRESSES_MAX, lifetimeMs: QUIET_MS });
  readonly #byName = new Recent<number>({ entries: NAMES_MAX, lifetimeMs: QUIET_MS });
  /** The addresses from which each user has logged in. */
  readonly #known = new Recent<Recent<true>>({ entries: KNOWN_USERS_MAX, lifetimeMs: KNOWN_MS });

  /**
   * @param delayMs for the first failure; twice as long for each further one
   * @param now milliseconds, of any clock that only goes forward
   */
  constructor(delayMs: number, now: () => number) {
    this.#delayMs = delayMs;
    this.#now = now;
  }

  /**
   * Counts a failed login; returns how many milliseconds its reply has to wait.
   * @param name canonical; undefined where none was given, or what was given can be nobody's
   */
  failed(address: string, name: string | undefined): number {
    const key = limitKey(address);
    const now = this.#now();
    const before = this.#byAddress.get(key, now);
    const sameName = before === undefined || before.name === name;
    const count = (before?.count ?? 0) + 1;
    this.#byAddress.set(key, { count, name: sameName ? name : undefined }, now);
    const delay = this.#delayOf(count);
    if (name === undefined || this.#isKnown(key, name, now)) return delay;
    const ofName = (this.#byName.get(name, now) ?? 0) + 1;
    this.#byName.set(name, ofName, now);
    return Math.max(delay, this.#delayOf(ofName));
  }

  /**
   * The address is known to be this user's from now on. Its failures are forgiven if they were all this user's own, so
   * that nobody who has an account can use it to guess at others without end.
   */
  succeeded(address: string, name: string): void {
    const key = limitKey(address);
    const now = this.#now();
    if (this.#byAddress.get(key, now)?.name === name) this.#byAddress.delete(key);
    const known =
      this.#known.get(name, now) ??
      new Recent<true>({ entries: KNOWN_ADDRESSES_PER_USER_MAX, lifetimeMs: KNOWN_MS });
    known.set(key, true, now);
    this.#known.set(name, known, now);
  }

  /**
   * How many milliseconds a login has to wait for its check, since others guess at that name from everywhere.
   * @param underWay guesses of which nobody knows yet whether they fail
   */
  waitBefore(address: string, name: string, underWay = 0): number {
    const now = this.#now();
    const count = (this.#byName.get(name, now) ?? 0) + underWay;
    if (count < ATTACK_FAILURES || this.#isKnown(limitKey(address), name, now)) return 0;
    return Math.min(CHECK_WAIT_MS_MAX, this.#delayOf(count));
  }

  #isKnown(key: string, name: string, now: number): boolean {
    return this.#known.get(name, now)?.get(key, now) === true;
  }

  #delayOf(count: number): number {
    // Never 0 times infinity, which is no number.
    return Math.min(DELAY_MS_MAX, this.#delayMs * 2 ** Math.min(count - 1, 30));
  }
}
