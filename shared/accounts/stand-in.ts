/**
 * The password field against which the password of an unknown user is checked, so that it takes as long as the check of a
 * known one. Pure: the caller brings the key.
 *
 * Where all accounts have one scheme with the same settings, that is the whole story. Where a file is mixed (accounts that
 * came from elsewhere, and newer ones), no single choice would do: were it the most expensive, whoever is refused sooner
 * would be known to exist; were it the most common, whoever takes another time would. So each unknown name has a
 * choice of its own, drawn from the settings in the file as often as they occur in it, by a hash under a secret key: the time
 * of one refusal says which settings were used, which an unknown name has as likely as a known one, and the same name has
 * the same time again.
 *
 * What is left: the key lives as long as the process, so somebody who measures a mixed file before and after a restart sees the
 * time of some unknown names change, as that of a known one does not. `pop3d user passwd` makes the settings equal.
 */
import { createHmac } from "node:crypto";
import type { Accounts } from "./account.js";
import { SCRAM_ITERATIONS } from "./schemes/scram.js";
import { readStoredPassword } from "./schemes.js";

interface Share {
  /** The password field of some account with these settings; what comes of its check is thrown away. */
  readonly stored: string;
  count: number;
}

export class StandIns {
  readonly #shares: readonly Share[];
  readonly #total: number;
  readonly #key: Buffer;

  /** @param key secret, and the same for all accounts that one process ever has */
  constructor(accounts: Accounts, key: Buffer) {
    const shares = new Map<string, Share>();
    for (const { password } of accounts.all()) {
      const stored = readStoredPassword(password);
      if (stored.kind !== "credential") continue;
      const share = shares.get(stored.credential.work);
      if (share === undefined) shares.set(stored.credential.work, { stored: password, count: 1 });
      else share.count++;
    }
    // In a fixed order, so that one more account moves the borders between the shares but little.
    this.#shares = [...shares].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, share]) => share);
    this.#total = this.#shares.reduce((sum, { count }) => sum + count, 0);
    this.#key = key;
  }

  /** The password field for this unknown name. */
  for(address: string): string {
    const drawn = createHmac("sha256", this.#key).update(address).digest().readUInt32BE() / 2 ** 32;
    let border = 0;
    for (const { stored, count } of this.#shares) {
      border += count / this.#total;
      if (drawn < border) return stored;
    }
    return this.#shares.at(-1)?.stored ?? NOBODYS;
  }
}

/** When nobody can log in at all: as costly as a new account's, and no password's. */
const NOBODYS = `{SCRAM-SHA-256}${SCRAM_ITERATIONS},${[16, 32, 32].map((octets) => Buffer.alloc(octets).toString("base64")).join()}`;
