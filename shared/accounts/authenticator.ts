/**
 * Who may log in. Both daemons ask here, whatever the protocol was.
 *
 * An unknown user, one without a password and a wrong password are one case to whoever asks: the same verdict, after the
 * same work (stand-in.ts says how, and what remains to be seen). What can be nobody's name or nobody's password
 * by its form alone is refused at once, since that has nothing to do with the accounts.
 */
import { randomBytes } from "node:crypto";
import type { Log } from "../log.js";
import type { Account, Accounts, Authenticator, Verdict } from "./account.js";
import { CheckPool, type PasswordChecker } from "./check-pool.js";
import { LoginCache } from "./login-cache.js";
import { readStoredPassword } from "./schemes.js";
import { StandIns } from "./stand-in.js";
import { addressOfUser } from "./username.js";

/** RFC 2449 §4 leaves a POP3 password 248 octets; libxcrypt, Dovecot's library for CRYPT, takes 511. */
export const PASSWORD_OCTETS_MAX = 511;

export interface AuthenticatorOptions {
  /** The accounts in force; asked at each login. */
  readonly accounts: () => Accounts;
  /** The domain of a user who logs in by a bare name. */
  readonly defaultDomain: string;
  readonly log?: Log | undefined;
  /** A pool of threads by default. */
  readonly checker?: PasswordChecker;
}

/** Makes an authenticator. Close it to end its threads; logins are `unavailable` from then on. */
export function createAuthenticator(
  options: AuthenticatorOptions,
): Authenticator & { close(): Promise<void> } {
  return new AccountsAuthenticator(options);
}

class AccountsAuthenticator implements Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #checker: PasswordChecker;
  readonly #cache = new LoginCache();
  /** Checks under way, by the cache's names: who sends the same again meanwhile, waits for the same result. */
  readonly #underWay = new Map<string, Promise<boolean>>();
  readonly #key = randomBytes(32);
  #standIns: { readonly of: Accounts; readonly fields: StandIns } | undefined;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    this.#checker = options.checker ?? new CheckPool();
  }

  async authenticate(username: string, password: string): Promise<Verdict> {
    const address = addressOfUser(username, this.#options.defaultDomain);
    if (address === undefined || !canBePassword(password)) return REFUSED;
    const accounts = this.#options.accounts();
    const own = passwordFieldOf(accounts.find(address));
    const standIn = this.#standInsOf(accounts).for(address);
    try {
      const fits = await this.#check(address, own ?? standIn, password, own !== undefined);
      // Asked anew: the check may have waited, and meanwhile the account may have changed or gone.
      const account = this.#options.accounts().find(address);
      return account !== undefined && own === account.password && fits
        ? { kind: "granted", account }
        : REFUSED;
    } catch (cause) {
      this.#options.log?.error({ err: cause }, "a password could not be checked");
      return { kind: "unavailable", cause };
    }
  }

  async close(): Promise<void> {
    await this.#checker.close();
  }

  async #check(address: string, stored: string, password: string, known: boolean): Promise<boolean> {
    const name = this.#cache.nameOf(address, stored, password);
    if (this.#cache.has(name, performance.now())) return true;
    const fits = await this.#shared(name, () => this.#checker.check(stored, password));
    if (fits && known) this.#cache.add(name, performance.now());
    return fits;
  }

  async #shared(name: string, check: () => Promise<boolean>): Promise<boolean> {
    const underWay = this.#underWay.get(name);
    if (underWay !== undefined) return underWay;
    const started = check().finally(() => this.#underWay.delete(name));
    this.#underWay.set(name, started);
    return started;
  }

  #standInsOf(accounts: Accounts): StandIns {
    if (this.#standIns?.of !== accounts) {
      this.#standIns = { of: accounts, fields: new StandIns(accounts, this.#key) };
    }
    return this.#standIns.fields;
  }
}

const REFUSED: Verdict = { kind: "refused" };

/** The password field by which an account can be logged in to, if it has one. */
function passwordFieldOf(account: Account | undefined): string | undefined {
  if (account === undefined) return undefined;
  return readStoredPassword(account.password).kind === "credential" ? account.password : undefined;
}

function canBePassword(password: string): boolean {
  return !password.includes("\0") && Buffer.byteLength(password) <= PASSWORD_OCTETS_MAX;
}
