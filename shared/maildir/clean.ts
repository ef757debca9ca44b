/** Removing what a crash left in tmp/: files that nobody has touched for 36 hours (the Maildir specification's span). */
import { lstat, readdir, unlink } from "node:fs/promises";
import { hasCode } from "../exit.js";
import type { Maildir } from "./maildir.js";
import { pathOf } from "./name.js";

export const TMP_LIFETIME_MS = 36 * 3_600_000;

/** How often a Maildir's tmp/ is looked through, at most. */
const CLEANING_INTERVAL_MS = 6 * 3_600_000;
/** How many Maildirs' last cleanings are remembered; beyond it, the oldest is forgotten and cleaned once more. */
const REMEMBERED_MAILDIRS_MAX = 10_000;

/** Cleans the tmp/ of Maildirs that the daemon works with, each every six hours at most. */
export class TmpCleaner {
  readonly #lastVisit = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Cleans `maildir` unless that was done lately; resolves to the number of files removed. */
  async visit(maildir: Maildir): Promise<number> {
    const now = this.#now();
    const last = this.#lastVisit.get(maildir.path);
    if (last !== undefined && now - last < CLEANING_INTERVAL_MS) return 0;
    this.#lastVisit.delete(maildir.path);
    this.#lastVisit.set(maildir.path, now);
    if (this.#lastVisit.size > REMEMBERED_MAILDIRS_MAX) {
      const [oldest] = this.#lastVisit.keys();
      if (oldest !== undefined) this.#lastVisit.delete(oldest);
    }
    return cleanTmp(maildir, now);
  }
}

/**
 * Removes the files of tmp/ that were neither read nor changed in the 36 hours before `now`. Resolves to how many; to 0
 * where there is no tmp/.
 */
export async function cleanTmp(maildir: Maildir, now: number): Promise<number> {
  return cleanDirectory(maildir.tmp, now);
}

/** The same for any directory whose files nobody means to keep. */
export async function cleanDirectory(directory: string, now: number): Promise<number> {
  let removed = 0;
  for (const name of await namesIn(directory)) {
    const path = pathOf(directory, name);
    try {
      const status = await lstat(path);
      const touched = Math.max(status.atimeMs, status.mtimeMs, status.ctimeMs);
      if (!status.isFile() || now - touched < TMP_LIFETIME_MS) continue;
      await unlink(path);
      removed++;
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
    }
  }
  return removed;
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory, "latin1");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}
