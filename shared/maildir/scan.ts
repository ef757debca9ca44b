/**
 * Reading which messages a Maildir holds: one readdir of new/ and one of cur/, no message opened or stat'ed.
 *
 * The race. While we read, another program may rename a file: new/ → cur/ (Dovecot, mutt), or within cur/ to change
 * its flags. readdir(3) promises nothing about an entry renamed meanwhile: it may be missed, or be seen under both
 * names. Seen twice is easy, since both names have one identity. Missed is not visible at all; so a scan counts only
 * if neither directory's mtime moved while it ran, and is repeated otherwise. mtime has the grain of a clock tick:
 * a change in the very tick of the first look would not show, and a directory that young is looked at again, too.
 *
 * A folder may even be replaced under the scan: one that has gone when it is read holds nothing, and as its mtime has gone,
 * too, the scan is repeated.
 *
 * When a busy Maildir never holds still for as long as a scan takes, the union of all scans is what is returned: a
 * message that has gone by then is found gone when it is asked for (find.ts), and one that was only renamed is not
 * lost from sight.
 */
import { lstat, readdir, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { hasCode } from "../exit.js";
import type { Folder, Maildir } from "./maildir.js";
import { type MessageName, parseName, pathOf } from "./name.js";

/** A message as found: where, under which file name (latin1), and what the name says. */
export interface Entry extends MessageName {
  readonly folder: Folder;
  readonly filename: string;
}

const SCANS_MAX = 8;
/** Two ticks of the slowest kernel clock (CONFIG_HZ=100): the grain of a file's timestamps. */
const TIMESTAMP_GRAIN_MS = 20;

/**
 * All messages of a Maildir, in no particular order. A folder that is missing holds none; rejects with ENOENT where
 * both are missing, which is no Maildir.
 */
export async function scanMaildir(maildir: Maildir): Promise<Entry[]> {
  return (await scanWithTwins(maildir)).entries;
}

/** Two files of one identity that lay there together while nothing changed: two messages, or one twice. */
export interface Twins {
  /** The one that counts. */
  readonly kept: Entry;
  readonly other: Entry;
}

/** The same, and what it leaves out; there are no twins where the Maildir did not hold still. */
export async function scanWithTwins(
  maildir: Maildir,
): Promise<{ readonly entries: Entry[]; readonly twins: readonly Twins[] }> {
  const everSeen = new Map<string, Entry>();
  for (let scan = 1; ; scan++) {
    const before = await lookAt(maildir);
    const seen = new Map<string, Entry>();
    const twins: Twins[] = [];
    for (const folder of ["new", "cur"] as const) {
      if (before[folder] === undefined) continue;
      for (const filename of await messagesIn(maildir[folder])) {
        const entry = { folder, filename, ...parseName(filename, maildir.infoSeparator) };
        const other = seen.get(entry.identity);
        if (other !== undefined) twins.push({ kept: entry, other });
        seen.set(entry.identity, entry);
      }
    }
    const after = await lookAt(maildir);
    const still = before.new === after.new && before.cur === after.cur;
    if (still && !before.young) return { entries: [...seen.values()], twins };

    for (const [identity, entry] of seen) everSeen.set(identity, entry);
    if (scan === SCANS_MAX) return { entries: [...everSeen.values()], twins: [] };
    if (before.young) await sleep(TIMESTAMP_GRAIN_MS);
  }
}

/** When the folders were last changed, nanoseconds since 1970; undefined for one that is missing. */
interface Look {
  readonly new: bigint | undefined;
  readonly cur: bigint | undefined;
  /** A directory changed so lately that a further change may carry the same timestamp. */
  readonly young: boolean;
}

async function lookAt(maildir: Maildir): Promise<Look> {
  const [inNew, inCur] = await Promise.all([mtimeOf(maildir.new), mtimeOf(maildir.cur)]);
  if (inNew === undefined && inCur === undefined) {
    throw Object.assign(new Error(`no Maildir: ${maildir.path}`), { code: "ENOENT" });
  }
  const now = Date.now();
  const young = [inNew, inCur].some(
    (mtime) => mtime !== undefined && Math.abs(now - Number(mtime / 1_000_000n)) <= TIMESTAMP_GRAIN_MS,
  );
  return { new: inNew, cur: inCur, young };
}

async function mtimeOf(directory: string): Promise<bigint | undefined> {
  try {
    return (await stat(directory, { bigint: true })).mtimeNs;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/**
 * The names in a folder that may be messages: no name that begins with a dot, and by the directory entry's type
 * no directory, symbolic link, FIFO, socket or device. None where the folder is missing.
 */
export async function messagesIn(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true, encoding: "latin1" });
    return entries
      .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
      .map((entry) => entry.name);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
    return messagesByStatus(directory);
  }
}

/**
 * The same for file systems whose directory entries have no type (NFS, XFS and ext4 with old settings): one lstat(2) an
 * entry. Node would do that by itself, but fails altogether when a name is not UTF-8 or a file has gone by then.
 */
export async function messagesByStatus(directory: string): Promise<string[]> {
  const messages: string[] = [];
  for (const name of await namesIn(directory)) {
    if (name.startsWith(".")) continue;
    try {
      if ((await lstat(pathOf(directory, name))).isFile()) messages.push(name);
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
    }
  }
  return messages;
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory, "latin1");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}
