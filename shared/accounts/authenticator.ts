/**
 * Who may log in. Both daemons ask here, whatever the protocol was.
 *
 * An unknown user, one without a password and a wrong password are one case to whoever asks: the same verdict, after the
 * same work (credentials.ts says how, and what remains to be seen). What can be nobody's name or nobody's password
 * by its form alone is refused at once, since that has nothing to do with the accounts.
 */
import { randomBytes } from "node:crypto";
import type { Log } from "../log.js";
import { prepareQuery } from "../sasl/saslprep.js";
import type { Account, Accounts, Authenticator, ScramLookup, Verdict } from "./account.js";
import { CheckPool, type PasswordChecker } from "./check-pool.js";
import { Credentials } from "./credentials.js";
import { LoginCache } from "./login-cache.js";
import type { TokenLogins } from "./oauth/token-logins.js";
import { scramKeysFor } from "./scram-lookup.js";
import { UnderWay } from "./under-way.js";
import { addressOfLogin } from "./username.js";

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
  /** The key of which stand-ins are made; asked for at the first login. One for this authenticator by default. */
  readonly standInKey?: () => Promise<Buffer>;
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
  #key: Promise<Buffer> | undefined;
  #read: { readonly accounts: Accounts; readonly credentials: Credentials } | undefined;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    this.#checker = options.checker ?? new CheckPool();
  }

  get takesScram(): boolean {
    try {
      return this.#credentials().allScram;
    } catch {
      return false;
    }
  }

  get takesTokens(): boolean {
    return this.#options.tokens !== undefined;
  }

  async authenticate(username: string, password: string): Promise<Verdict> {
    if (!canBePassword(password)) return REFUSED;
    try {
      const address = this.#addressOf(username);
      if (address === undefined) return REFUSED;
      const { stored, own } = this.#credentials().fieldFor(address, await this.#standInKey());
      const fits = await this.#check(address, stored, password, own);
      // Asked for now: the check may have waited, and meanwhile the account may have changed or gone.
      const account = this.#options.accounts().find(address);
      return own && fits && account?.password === stored ? { kind: "granted", account } : REFUSED;
    } catch (cause) {
      this.#options.log?.error({ err: cause }, "a password could not be checked");
      return { kind: "unavailable", cause };
    }
  }

  async authenticateToken(username: string | undefined, token: string): Promise<Verdict> {
    return this.#options.tokens?.login(username, token) ?? REFUSED;
  }

  async scramKeys(username: string): Promise<ScramLookup> {
    try {
      const name = this.#addressOf(username) ?? username;
      const key = await this.#standInKey();
      const field = this.#credentials().fieldFor(name, key);
      const { keys, own } = await scramKeysFor(name, field, key);
      const account = own ? this.#options.accounts().find(name) : undefined;
      // Asked for after the wait: were it changed by now, the keys would be those of its old password.
      return { kind: "keys", keys, account: account?.password === field.stored ? account : undefined };
    } catch (cause) {
      this.#options.log?.error({ err: cause }, "keys of SCRAM could not be looked up");
      return { kind: "unavailable", cause };
    }
  }

  confirm(account: Account): Verdict {
    try {
      const now = this.#options.accounts().find(account.address);
      return now?.password === account.password ? { kind: "granted", account: now } : REFUSED;
    } catch (cause) {
      return { kind: "unavailable", cause };
    }
  }

  async close(): Promise<void> {
    this.#options.tokens?.close();
    await this.#checker.close();
  }

  async #check(address: string, stored: string, password: string, own: boolean): Promise<boolean> {
    const name = this.#cache.nameOf(address, stored, password);
    if (this.#cache.get(name, performance.now()) === true) return true;
    const fits = await this.#underWay.once(name, () => this.#checkForms(stored, password));
    if (fits && own) this.#cache.add(name, true, performance.now());
    return fits;
  }

  /**
   * The accounts file is shared with Dovecot, which hashes and compares the octets that it is given: where SASLprep makes
   * others of them (RFC 4013), both are tried, whatever comes of the first, so that the time depends on what was sent alone.
   */
  async #checkForms(stored: string, password: string): Promise<boolean> {
    const forms = new Set([password, prepareQuery(password) ?? password]);
    const fits = await Promise.all([...forms].map((form) => this.#checker.check(stored, form)));
    return fits.includes(true);
  }

  #addressOf(username: string): string | undefined {
    const accounts = this.#options.accounts();
    const exists = (address: string) => accounts.find(address) !== undefined;
    return addressOfLogin(username, this.#options.defaultDomain, exists);
  }

  #standInKey(): Promise<Buffer> {
    const { standInKey = async () => randomBytes(32) } = this.#options;
    this.#key ??= standInKey();
    return this.#key;
  }

  /** Of the accounts in force: read once, until there are others. */
  #credentials(): Credentials {
    const accounts = this.#options.accounts();
    if (this.#read?.accounts !== accounts) {
      this.#read = { accounts, credentials: new Credentials(accounts) };
    }
    return this.#read.credentials;
  }
}

const REFUSED: Verdict = { kind: "refused" };

/** RFC 4616 §2 and RFC 6856 §2.2 refuse what SASLprep prohibits, NUL among it. */
function canBePassword(password: string): boolean {
  return Buffer.byteLength(password) <= PASSWORD_OCTETS_MAX && prepareQuery(password) !== undefined;
}
