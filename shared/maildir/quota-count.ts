/**
 * Counting what a Maildir holds: new/ and cur/ of itself and of every folder `.Name` below it, sizes from the names (`S=`),
 * else by stat.
 *
 * Others deliver and remove meanwhile, and a count is worth something only if the directories have not changed while it
 * was taken: whoever counts looks at their times before and after. Those have the grain of a clock tick, so that a
 * directory that has changed just now is waited for first.
 *
 * Symbolic links are not followed, except where new/ or cur/ is one, as no delivery minds either. Of a folder whose name is not UTF-8 nothing is seen.
 */
import { lstat, readdir, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { concurrently } from "../concurrently.js";
import { hasCode } from "../exit.js";
import type { Maildir } from "./maildir.js";
import { parseName, pathOf } from "./name.js";
import { type Amount, NOTHING, sum } from "./quota.js";
import { counts, folderCounts, type Manner } from "./quota-lines.js";
import { messagesIn } from "./scan.js";

const FILES_AT_ONCE_MAX = 8;
/** Two ticks of the slowest kernel clock (CONFIG_HZ=100): the grain of a file's timestamps. */
const TIMESTAMP_GRAIN_MS = 20;
/** How often a directory that has just changed is waited for. */
const WAITS_MAX = 8;

/** When each directory with messages was last changed, nanoseconds since 1970, by its path. */
export type Look = ReadonlyMap<string, bigint>;

/** Looks at all directories that count: none where there is no Maildir. */
export async function lookAt(maildir: Maildir, manner: Manner): Promise<Look> {
  const homes = [maildir.path, ...(await foldersOf(maildir, manner))];
  const look = new Map<string, bigint>();
  await concurrently(
    homes.flatMap((home) => [`${home}/new`, `${home}/cur`]),
    FILES_AT_ONCE_MAX,
    async (directory) => {
      const status = await unlessMissing(stat(directory, { bigint: true }));
      if (status?.isDirectory()) look.set(directory, status.mtimeNs);
    },
  );
  return look;
}

/** The same, once none of the directories is so young that a further change might not show. */
export async function lookWhenStill(maildir: Maildir, manner: Manner): Promise<Look> {
  for (let waits = 0; ; waits++) {
    const now = Date.now();
    const look = await lookAt(maildir, manner);
    const young = [...look.values()].some(
      (changed) => Math.abs(now - Number(changed / 1_000_000n)) <= TIMESTAMP_GRAIN_MS,
    );
    if (!young || waits === WAITS_MAX) return look;
    await sleep(TIMESTAMP_GRAIN_MS);
  }
}

export function isSameLook(a: Look, b: Look): boolean {
  return a.size === b.size && [...a].every(([directory, changed]) => b.get(directory) === changed);
}

/** What lies in the directories of a look at this Maildir. */
export async function countMessages({ infoSeparator }: Maildir, look: Look, manner: Manner): Promise<Amount> {
  let total = NOTHING;
  for (const directory of look.keys()) {
    const filenames = (await unlessMissing(messagesIn(directory))) ?? [];
    await concurrently(filenames, FILES_AT_ONCE_MAX, async (filename) => {
      const name = parseName(filename, infoSeparator);
      if (!counts(name, manner)) return;
      const octets = name.size ?? (await unlessMissing(lstat(pathOf(directory, filename))))?.size;
      if (octets !== undefined) total = sum(total, { octets, messages: 1 });
    });
  }
  return total;
}

async function foldersOf(maildir: Maildir, manner: Manner): Promise<string[]> {
  const folders: string[] = [];
  for (const name of (await unlessMissing(readdir(maildir.path))) ?? []) {
    if (!/^\.[^.]/.test(name) || !folderCounts(name, manner)) continue;
    const path = `${maildir.path}/${name}`;
    if ((await unlessMissing(lstat(path)))?.isDirectory()) folders.push(path);
  }
  return folders;
}

async function unlessMissing<T>(action: Promise<T>): Promise<T | undefined> {
  try {
    return await action;
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}
