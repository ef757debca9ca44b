/**
 * Files that have one identity (shared/maildir/name.ts), `new/1.a` and `cur/1.a:2,S`: a copy that was broken off, or a backup
 * that was put back over what was there, leaves such. One of them would hide the other, and when it is deleted the other would
 * come to light under the unique-id of the deleted one. So all but one get a name of their own, and are messages of their own.
 *
 * Whether they are two messages or one twice is not asked, and nothing is removed: the worst is that somebody gets a message
 * twice. Dovecot does much the same. If a rename fails, they stay as they are until the next session.
 */
import { lstat } from "node:fs/promises";
import type { Durable } from "../shared/durable.js";
import { hasCode } from "../shared/exit.js";
import type { Log } from "../shared/log.js";
import type { Maildir } from "../shared/maildir/maildir.js";
import { baseNameOf, pathOf } from "../shared/maildir/name.js";
import type { Entry, Twins } from "../shared/maildir/scan.js";

export interface TwinSeparatorOptions {
  readonly durable: Durable;
  /** Makes names that nobody else makes (shared/maildir/name.ts). */
  readonly uniqueName: () => string;
}

export class TwinSeparator {
  readonly #options: TwinSeparatorOptions;

  constructor(options: TwinSeparatorOptions) {
    this.#options = options;
  }

  /** Renames the others of these twins; resolves to whether any was. Never rejects. While the session lock is held. */
  async separate(maildir: Maildir, twins: readonly Twins[], log: Log): Promise<boolean> {
    const changed = new Set<string>();
    for (const { kept, other } of twins) {
      const directory = maildir[other.folder];
      try {
        if (!(await areBothThere(maildir, kept, other))) continue;
        const filename = await this.#rename(maildir, other);
        changed.add(directory);
        log.warn({ maildir: maildir.path, file: other.filename, as: filename }, "two files had one name");
      } catch (err) {
        if (hasCode(err, "ENOENT")) continue;
        log.error({ maildir: maildir.path, file: other.filename, err }, "two files have one name");
      }
    }
    for (const directory of changed) {
      await this.#options.durable.syncDirectory(directory).catch((err: unknown) => {
        log.error({ maildir: maildir.path, err }, "a new name may not last");
      });
    }
    return changed.size > 0;
  }

  /**
   * Its fields and flags stay, but for `W=`: of a copy that was broken off it is wrong, and with it the name would pass for
   * one of a message that we have delivered, whose header is as it says (shared/maildir/name.ts). mbsync's number is the
   * other's.
   */
  async #rename(maildir: Maildir, { folder, filename, identity, unique }: Entry): Promise<string> {
    const { durable, uniqueName } = this.#options;
    const info = filename.slice(baseNameOf(filename, maildir.infoSeparator).length);
    const own = uniqueName();
    const from = pathOf(maildir[folder], filename);
    const target = own + identity.slice(unique.length).replace(/,W=\d+/, "") + info;
    try {
      await durable.publish(from, pathOf(maildir[folder], target));
      return target;
    } catch (error) {
      if (!hasCode(error, "ENAMETOOLONG")) throw error;
      await durable.publish(from, pathOf(maildir[folder], own));
      return own;
    }
  }
}

/** At one moment: a file that another program has just renamed was seen twice and is one. */
async function areBothThere(maildir: Maildir, kept: Entry, other: Entry): Promise<boolean> {
  for (const { folder, filename } of [other, kept, other]) {
    if (!(await lstat(pathOf(maildir[folder], filename))).isFile()) return false;
  }
  return true;
}
