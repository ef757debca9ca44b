/** What an account is to the daemons, and what they may ask about accounts. */
import type { Maildir } from "../maildir/maildir.js";

export interface Account {
  /** The canonical address, `alice@example.org` (mailboxKey of address.ts). */
  readonly address: string;
  /** The password field of the accounts file, `{SCHEME}data`. */
  readonly password: string;
  /** Absolute. */
  readonly home: string;
  readonly maildir: Maildir;
  /** The extra fields of its entry, such as `userdb_quota_rule` (extra-fields.ts). */
  readonly extra: ReadonlyMap<string, string>;
}

/** The accounts of one reading of the accounts file; never changes. */
export interface Accounts {
  readonly size: number;
  /** @param address canonical, as mailboxKey gives it */
  find(address: string): Account | undefined;
  all(): Iterable<Account>;
}

/** What came of a login. `unavailable` means that nobody can say now; reason and cause are for the log alone. */
export type Verdict =
  | { readonly kind: "granted"; readonly account: Account }
  | { readonly kind: "refused"; readonly reason?: string }
  | { readonly kind: "unavailable"; readonly cause: unknown };

/** What SCRAM-SHA-256 needs to know of a password (RFC 5802 §3). */
export interface ScramKeys {
  readonly iterations: number;
  readonly salt: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** Keys for a user name; without an account they are a stand-in, and nobody knows their password. */
export type ScramLookup =
  | { readonly kind: "keys"; readonly keys: ScramKeys; readonly account: Account | undefined }
  | { readonly kind: "unavailable"; readonly cause: unknown };

export interface Authenticator {
  /**
   * Whether SCRAM-SHA-256 can be offered: a client that prefers it must not be led into it where there are accounts whose
   * passwords are stored in a way that cannot do it. May change whenever the accounts do.
   */
  readonly takesScram: boolean;
  /** Whether tokens can be checked at all: SASL mechanisms that bring one are offered only then. */
  readonly takesTokens: boolean;
  /**
   * Checks a user name and a password as the client sent them (the octets of the password untouched).
   * A wrong password and an unknown user take the same time. Never rejects.
   */
  authenticate(username: string, password: string): Promise<Verdict>;
  /**
   * Checks an OAuth 2.0 access token as the client sent it. Never rejects.
   * @param username the name that the client gave beside it, if any; it must be the token's own user
   */
  authenticateToken(username: string | undefined, token: string): Promise<Verdict>;
  /** Looks up what SCRAM needs; for an unknown user what looks the same and takes as long. Never rejects. */
  scramKeys(username: string): Promise<ScramLookup>;
  /** The verdict on somebody who has proved to know the password of this account: granted while it still is its. */
  confirm(account: Account): Verdict;
}
