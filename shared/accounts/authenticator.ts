/**
 * Who may log in. Both daemons ask here, whatever the protocol was.
 *
 * An unknown user, one without a password and a wrong password are one case to whoever asks: the same verdict, after the
 * same work (credentials.ts says how, and what remains to be seen). What can be nobody's name or nobody's password
 * by its form alone is refused at once, since that has nothing to do with the accounts.
 */
import { randomBytes } from "node:crypto";
import type { Log } from "../log.js";
import type { Accounts, Authenticator, Verdict } from "./account.js";
import { CheckPool, type PasswordChecker } from "./check-pool.js";
import { Credentials } from "./credentials.js";
import { LoginCache } from "./login-cache.js";
import type { TokenLogins } from "./oauth/token-logins.js";
import { UnderWay } from "./under-way.js";
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
  /** Who checks tokens; without it none is taken. */
  readonly tokens?: TokenLogins | undefined;
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
  readonly #cache = new LoginCache<true>();
  readonly #underWay = new UnderWay<boolean>();
  readonly #key = randomBytes(32);
  #read: { readonly accounts: Accounts; readonly credentials: Credentials } | undefined;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    this.#checker = options.checker ?? new CheckPool();
  }

  async authenticate(username: string, password: string): Promise<Verdict> {
    const address = addressOfUser(username, this.#options.defaultDomain);
    if (address === undefined || !canBePassword(password)) return REFUSED;
    try {
      const { stored, own } = this.#credentials().fieldFor(address);
      const fits = await this.#check(address, stored, password, own);
      // Asked for now: the check may have waited, and meanwhile the account may have changed or gone.
      const account = this.#options.accounts().find(address);
      return own && fits && account?.password === stored ? { kind: "granted", account } : REFUSED;
    } catch (cause) {
      this.#options.log?.error({ err: cause }, "a password could not be checked");
      return { kind: "unavailable", cause };
    }
  }

  get takesTokens(): boolean {
    return this.#options.tokens !== undefined;
  }

  async authenticateToken(username: string | undefined, token: string): Promise<Verdict> {
    return this.#options.tokens?.login(username, token) ?? REFUSED;
  }

  async close(): Promise<void> {
    this.#options.tokens?.close();
    await this.#checker.close();
  }

  async #check(address: string, stored: string, password: string, own: boolean): Promise<boolean> {
    const name = this.#cache.nameOf(address, stored, password);
    if (this.#cache.get(name, performance.now()) === true) return true;
    const fits = await this.#underWay.once(name, () => this.#checker.check(stored, password));
    if (fits && own) this.#cache.add(name, true, performance.now());
    return fits;
  }

  /** Of the accounts in force: read once, until there are others. */
  #credentials(): Credentials {
    const accounts = this.#options.accounts();
    if (this.#read?.accounts !== accounts) {
      this.#read = { accounts, credentials: new Credentials(accounts, this.#key) };
    }
    return this.#read.credentials;
  }
}

const REFUSED: Verdict = { kind: "refused" };

function canBePassword(password: string): boolean {
  return !password.includes("\0") && Buffer.byteLength(password) <= PASSWORD_OCTETS_MAX;
}
