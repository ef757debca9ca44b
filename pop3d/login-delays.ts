/**
 * The time between two logins of an account (RFC 2449 §6.5), counted from the "+OK" of the earlier one. Pure bookkeeping.
 *
 * It is known here alone, and so a restart forgets it.
 */

/** Only accounts that exist get in here, so this is more than there are; beyond it the earliest login is forgotten. */
const ACCOUNTS_MAX = 100_000;

export class LoginDelays {
  readonly #now: () => number;
  /** When each account last logged in, the earliest first. */
  readonly #logins = new Map<string, number>();

  /** @param now milliseconds, of any clock that only goes forward */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Whether an account has to wait, because it logged in less than `seconds` ago. */
  mustWait(address: string, seconds: number): boolean {
    const last = this.#logins.get(address);
    return last !== undefined && this.#now() - last < seconds * 1000;
  }

  /** Counts a login. */
  loggedIn(address: string): void {
    this.#logins.delete(address);
    this.#logins.set(address, this.#now());
    if (this.#logins.size <= ACCOUNTS_MAX) return;
    const [earliest] = this.#logins.keys();
    if (earliest !== undefined) this.#logins.delete(earliest);
  }
}
