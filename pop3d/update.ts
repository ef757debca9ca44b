/**
 * The UPDATE state (RFC 1939 §6): what the client marked comes true. Only after a QUIT, never when a connection is lost.
 *
 *   1. the messages marked as deleted are removed;
 *   2. those that lay in new/ at login are moved to cur/, since the user has seen what there is; what was retrieved is
 *      flagged as seen (S), where the configuration wants it;
 *   3. the directories are synced.
 *
 * Then the client is told. A deletion that failed, or is not durable, is reported, and the rest is done all the same. A
 * message that another program has removed counts as removed. A move that fails loses nothing and is made at the next
 * QUIT, so only the log hears of it.
 */

import { concurrently } from "../shared/concurrently.js";
import type { Durable, Path } from "../shared/durable.js";
import { hasCode } from "../shared/exit.js";
import type { Log } from "../shared/log.js";
import { createMaildir } from "../shared/maildir/create.js";
import type { Whereabouts } from "../shared/maildir/find.js";
import type { Folder, Maildir } from "../shared/maildir/maildir.js";
import { parseName, pathOf, withFlags } from "../shared/maildir/name.js";
import { exists } from "./exists.js";
import type { Message } from "./maildrop.js";
import type { OpenMaildrop } from "./open-maildrop.js";

export interface UpdateOutcome {
  /** Whether every message marked as deleted is gone for good. */
  readonly complete: boolean;
  /** How many were removed. */
  readonly removed: number;
}

const FILES_AT_ONCE_MAX = 8;
const SEEN = "S";

/** Never rejects. The lock is still held afterwards. */
export async function update(
  open: OpenMaildrop,
  durable: Durable,
  markSeen: boolean,
  log: Log,
): Promise<UpdateOutcome> {
  const { maildrop, lock } = open;
  const deleted = maildrop.messages.filter((message) => maildrop.isDeleted(message));
  try {
    if (lock === undefined) return { complete: true, removed: 0 };
    if (!(await lock.isHeld())) {
      log.warn({ maildir: open.maildir.path }, "the lock was taken away, nothing is removed");
      return { complete: deleted.length === 0, removed: 0 };
    }
    return await new Update(open, durable, log).run(deleted, markSeen);
  } catch (error) {
    log.error({ maildir: open.maildir.path, err: error }, "maildrop cannot be updated");
    return { complete: deleted.length === 0, removed: 0 };
  }
}

class Update {
  readonly #open: OpenMaildrop;
  readonly #durable: Durable;
  readonly #log: Log;
  /** Directories to be synced. */
  readonly #changed = new Set<string>();

  constructor(open: OpenMaildrop, durable: Durable, log: Log) {
    this.#open = open;
    this.#durable = durable;
    this.#log = log;
  }

  async run(deleted: readonly Message[], markSeen: boolean): Promise<UpdateOutcome> {
    const { maildrop } = this.#open;
    let removed = 0;
    await concurrently(deleted, FILES_AT_ONCE_MAX, async (message) => {
      if (await this.#attempt(message, () => this.#remove(message))) removed++;
    });
    const flagOf = (message: Message) => (markSeen && maildrop.wasRetrieved(message) ? SEEN : "");
    const unsettled = [...maildrop.listed()].filter((message) => !this.#isSettled(message, flagOf(message)));
    for (const { maildir } of new Set(unsettled.map(this.#open.folderOf))) {
      if (!(await exists(maildir.cur))) await createMaildir(maildir, this.#durable);
    }
    await concurrently(unsettled, FILES_AT_ONCE_MAX, async (message) => {
      await this.#attempt(message, () => this.#settle(message, flagOf(message)));
    });
    await Promise.all([...this.#changed].map((directory) => this.#durable.syncDirectory(directory)));
    return { complete: removed === deleted.length, removed };
  }

  async #attempt(message: Message, action: () => Promise<void>): Promise<boolean> {
    try {
      await action();
      return true;
    } catch (error) {
      const { path } = this.#open.folderOf(message).maildir;
      this.#log.error({ maildir: path, file: message.identity, err: error }, "message cannot be updated");
      return false;
    }
  }

  async #remove(message: Message): Promise<void> {
    const { finder, maildir } = this.#open.folderOf(message);
    await finder.with(message.identity, async (path, { folder }) => {
      await this.#durable.remove(path);
      this.#changed.add(maildir[folder]);
    });
  }

  /** As it was last seen, or gone. */
  #isSettled(message: Message, flag: string): boolean {
    const { finder, maildir } = this.#open.folderOf(message);
    const place = finder.lastSeen(message.identity);
    return place === undefined || isSettled(place, flag, maildir);
  }

  /** To the cur/ of its own folder, with this flag added, if any. */
  async #settle(message: Message, flag: string): Promise<void> {
    const { finder, maildir } = this.#open.folderOf(message);
    await finder.with(message.identity, async (path, place) => {
      const { folder, filename } = place;
      if (isSettled(place, flag, maildir)) return;
      try {
        await this.#move(path, folder, maildir, withFlags(filename, flag, maildir.infoSeparator));
      } catch (error) {
        if (!hasCode(error, "ENAMETOOLONG")) throw error;
        // So long a name has no room for flags, and stays as it is.
        if (folder === "new") await this.#move(path, folder, maildir, filename);
      }
    });
  }

  async #move(path: Path, from: Folder, maildir: Maildir, filename: string): Promise<void> {
    const target = pathOf(maildir.cur, filename);
    // rename(2) would replace what is there without a word.
    if (await exists(target)) return;
    await this.#durable.publish(path, target);
    this.#changed.add(maildir[from]).add(maildir.cur);
  }
}

/** Whether a message is left as it is: most lie in cur/ and have their flag, in whatever order others wrote it. */
function isSettled({ folder, filename }: Whereabouts, flag: string, { infoSeparator }: Maildir): boolean {
  return folder === "cur" && parseName(filename, infoSeparator).flags.includes(flag);
}
