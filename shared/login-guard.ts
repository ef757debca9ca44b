/**
 * Stands between logins and whoever checks them, the same for all sessions of a daemon: how long a login has to wait, and
 * how many sessions an account may have.
 *
 * It makes logins wait: the check of one whose name is under attack from everywhere, and the reply to one that failed. How
 * long is said by login-failures.ts.
 *
 * Checks of a name under attack, from addresses that are new to it, come one at a time, after their wait; so however many
 * addresses somebody has, he guesses at one name every few seconds. Checks under way count as failures until they are none:
 * whoever sends all his guesses at once guesses no more often.
 *
 * Whoever finds too many waiting already is answered as when nobody can say (`unavailable`): to try again later, never
 * that the password was wrong. An address has one place among those who wait, so one stranger cannot take them all; one
 * with five networks can, and keeps a user out of addresses that are new to him for as long as he goes on. The user
 * himself, at an address from which he has logged in before, passes them all.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { AccountSessions } from "./account-sessions.js";
import { addressTried } from "./accounts/username.js";
import { limitKey } from "./connection-limits.js";
import { LoginFailures } from "./login-failures.js";
import { BusyError, Slots } from "./slots.js";

/** For the checks of one name, and before them for those of one name from one address. */
const SLOTS = { atOnce: 1, waiting: 4, waitMs: 20_000 };

export interface LoginGuardOptions {
  /** Milliseconds for the first failure. Nobody waits for anything when it is 0. */
  readonly delayMs: number;
  readonly sessionsPerAccount: number;
  /** The domain of a user who logs in by a bare name. */
  readonly defaultDomain: string;
  /** Milliseconds, of any clock that only goes forward. */
  readonly now?: () => number;
}

/** Who tries to log in. */
export interface Attempt {
  readonly address: string;
  /** As the client sent it; undefined where it gave none. */
  readonly username: string | undefined;
}

export class LoginGuard {
  readonly #options: LoginGuardOptions;
  readonly #failures: LoginFailures;
  readonly #sessions: AccountSessions;
  readonly #closing = new AbortController();
  /** By what they are for; only while one is checked or waits, so there are few more of them than connections. */
  readonly #turns = new Map<string, { readonly slots: Slots; users: number }>();
  /** Checks that did not have to wait, by name; while there are any. */
  readonly #underWay = new Map<string, number>();

  constructor(options: LoginGuardOptions) {
    this.#options = options;
    this.#sessions = new AccountSessions(options.sessionsPerAccount);
    this.#failures = new LoginFailures(options.delayMs, options.now ?? (() => performance.now()));
  }

  /** Makes a check when its turn has come. Rejects only as `check` does. */
  async check<T>(
    { address, username }: Attempt,
    check: () => Promise<T>,
  ): Promise<T | { readonly kind: "unavailable"; readonly cause: unknown }> {
    const name = this.#nameOf(username);
    if (name === undefined) return check();
    const waitMs = () => this.#failures.waitBefore(address, name, this.#underWay.get(name));
    if (waitMs() === 0) return this.#counted(name, check);
    try {
      return await this.#inTurn(`${name}\0${limitKey(address)}`, () =>
        this.#inTurn(name, async () => {
          // Meanwhile he may have shown that he is the user himself.
          await sleep(waitMs(), undefined, { signal: this.#closing.signal }).catch(() => {
            throw new BusyError("CLOSED", "logins are no longer checked");
          });
          return check();
        }),
      );
    } catch (cause) {
      if (cause instanceof BusyError) return { kind: "unavailable", cause };
      throw cause;
    }
  }

  async #counted<T>(name: string, check: () => Promise<T>): Promise<T> {
    this.#underWay.set(name, (this.#underWay.get(name) ?? 0) + 1);
    try {
      return await check();
    } finally {
      const left = (this.#underWay.get(name) ?? 1) - 1;
      if (left === 0) this.#underWay.delete(name);
      else this.#underWay.set(name, left);
    }
  }

  async #inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const turn = this.#turns.get(key) ?? { slots: new Slots(SLOTS), users: 0 };
    this.#turns.set(key, turn);
    turn.users++;
    try {
      return await turn.slots.run(work);
    } finally {
      if (--turn.users === 0) this.#turns.delete(key);
    }
  }

  /** Whoever waits for a check is told that nobody can say. */
  close(): void {
    this.#closing.abort();
    for (const { slots } of this.#turns.values()) slots.close();
  }

  /** Counts a failed login; returns how many milliseconds its reply has to wait. */
  failed({ address, username }: Attempt): number {
    return this.#failures.failed(address, this.#nameOf(username));
  }

  /**
   * Credentials were good. Returns what gives the place back that the session has among those of its account; undefined when
   * there is none left.
   * @param account its canonical address
   */
  succeeded(address: string, account: string): (() => void) | undefined {
    // By the name as it is counted when it fails, whichever spelling the accounts file has.
    this.#failures.succeeded(address, this.#nameOf(account) ?? account);
    return this.#sessions.begin(account);
  }

  #nameOf(username: string | undefined): string | undefined {
    return username === undefined ? undefined : addressTried(username, this.#options.defaultDomain);
  }
}
