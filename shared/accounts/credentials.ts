/**
 * Which password field the password of a login is checked against: that of the account, or, where there is no such account or
 * nobody can log in to it, a stand-in, so that the check takes as long. Pure: the caller brings the key.
 *
 * Where all accounts have one scheme with the same settings, that is the whole story. Where a file is mixed (accounts that
 * came from elsewhere, and newer ones), no single stand-in would do: were it the most costly one, whoever is refused sooner
 * would be known to exist; were it the most common one, whoever takes another time would. So each unknown name has a
 * stand-in of its own, drawn from the settings in the file as often as they occur in it, by a hash under a secret key: the time
 * of a refusal tells the settings, which an unknown name has as likely as a known one, and the same name takes the same
 * time again.
 *
 * The key is the same for both daemons and after a restart (stand-in-key.ts). What is left: when accounts come or go, the
 * stand-ins of a few names become others, as an account does only by a new password. `pop3d user passwd` makes the settings equal.
 */
import { createHmac } from "node:crypto";
import type { Accounts } from "./account.js";
import type { Credential } from "./schemes/credential.js";
import { SCRAM_ITERATIONS } from "./schemes/scram.js";
import { readStoredPassword } from "./schemes.js";

/** A password field to check against. */
export interface FieldToCheck {
  readonly stored: string;
  /** False for a stand-in: whatever comes of the check, nobody is granted anything. */
  readonly own: boolean;
}

interface Share {
  readonly stored: string;
  count: number;
}

export class Credentials {
  readonly #own = new Map<string, string>();
  /** One password field for each of the settings in use, and how many accounts have those. */
  readonly #shares: readonly Share[];
  /** Whether SCRAM-SHA-256 can be had of every password that there is. */
  readonly allScram: boolean;

  constructor(accounts: Accounts) {
    const shares = new Map<string, Share>();
    let allScram = true;
    for (const { address, password } of accounts.all()) {
      const read = readStoredPassword(password);
      if (read.kind !== "credential") continue;
      this.#own.set(address, password);
      allScram &&= read.credential.scram !== undefined;
      const settings = settingsOf(read.credential);
      const share = shares.get(settings);
      if (share === undefined) shares.set(settings, { stored: password, count: 1 });
      else share.count++;
    }
    this.allScram = allScram;
    // In a fixed order, so that one more account moves the borders between the shares but little.
    this.#shares = [...shares].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, share]) => share);
  }

  /**
   * What the password of somebody who logs in as `address` is to be checked against.
   * @param key secret, and always the same
   */
  fieldFor(address: string, key: Buffer): FieldToCheck {
    // Drawn for everybody, so that not even that tells who is known.
    const standIn = this.#standInFor(address, key);
    const own = this.#own.get(address);
    return own === undefined ? { stored: standIn, own: false } : { stored: own, own: true };
  }

  #standInFor(address: string, key: Buffer): string {
    const drawn = createHmac("sha256", key).update(address).digest().readUInt32BE();
    let place = (drawn / 2 ** 32) * this.#own.size;
    for (const { stored, count } of this.#shares) {
      if (place < count) return stored;
      place -= count;
    }
    return NOBODYS;
  }
}

/** What can be seen of a password from outside: how long a check takes, and by SCRAM how long its salt is. */
function settingsOf({ work, scram }: Credential): string {
  return scram !== undefined && "salt" in scram ? `${work} ${scram.salt.length}` : work;
}

/** When nobody can log in at all: as costly as a new account's, and no password's. */
const NOBODYS = `{SCRAM-SHA-256}${SCRAM_ITERATIONS},${[16, 32, 32].map((octets) => Buffer.alloc(octets).toString("base64")).join()}`;
