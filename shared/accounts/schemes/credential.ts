/** What each password scheme makes of a stored password. Types only. */
import type { ScramKeys } from "../account.js";

export interface Credential {
  /** The scheme's own name, such as `SHA512-CRYPT`. */
  readonly scheme: string;
  /**
   * The scheme with the settings that decide how long a check takes, such as `PBKDF2 5000`: two credentials with the
   * same `work` cost the same.
   */
  readonly work: string;
  /** The optional library without which `verify` rejects. */
  readonly library?: string;
  /** For SCRAM-SHA-256: its keys, or the password that they can be made of. Missing where neither is known. */
  readonly scram?: ScramKeys | { readonly password: Buffer };
  /**
   * Whether these octets are the password. Takes as long as the scheme wants it to, so call it in a thread of its own;
   * compares in constant time.
   */
  verify(password: Buffer): boolean | Promise<boolean>;
}

/** Reads what stands behind `{SCHEME}`, decoded where the scheme has an encoding. Undefined when it is malformed. */
export type ParseCredential = (stored: Buffer) => Credential | undefined;
