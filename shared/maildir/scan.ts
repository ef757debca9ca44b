/**
 * Reading which messages a Maildir holds: one readdir of new/ and one of cur/, no message opened or stat'ed.
 *
 * The race. While we read, another program may rename a file: new/ → cur/ (Dovecot, mutt), or within cur/ to change
 * its flags. readdir(3) promises nothing about an entry renamed meanwhile: it may be missed, or be seen under both
 * names. Seen twice is easy, since both names have one identity. Missed is not visible at all; so a scan counts only
 * if neither directory's mtime moved while it ran, and is repeated otherwise. mtime has the grain of a clock tick:
 * a change in the very tick of the first look would not show, and a directory that young is looked at again, too.
 *
 * When a busy Maildir never holds still for as long as a scan takes, the union of the scans is what is returned: a
 * message that has gone by then is found gone when it is asked for (find.ts), and one that was only renamed is not
 * lost from sight.
 */
import { readdir, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Folder, Maildir } from "./maildir.js";
import { type MessageName, parseName } from "./name.js";

/** A message as found: where, under which file name (latin1), and what the name says. */
export interface Entry extends MessageName {
  readonly folder: Folder;
  readonly filename: string;
}

const SCANS_MAX = 8;
/** Two ticks of the slowest kernel clock (CONFIG_HZ=100): the grain of a file's timestamps. */
const TIMESTAMP_GRAIN_MS = 20;

/** All messages of a Maildir, in no particular order. Rejects with ENOENT where there is no Maildir. */
export async function scanMaildir(maildir: Maildir): Promise<Entry[]> {
  const found = new Map<string, Entry>();
  for (let scan = 1; ; scan++) {
    const before = await lookAt(maildir);
    for (const folder of ["new", "cur"] as const) {
      for (const filename of await messagesIn(maildir[folder])) {
        const entry = { folder, filename, ...parseName(filename) };
        found.set(entry.identity, entry);
      }
    }
    const after = await lookAt(maildir);
    const still = before.new === after.new && before.cur === after.cur;
    if ((still && !before.young) || scan === SCANS_MAX) return [...found.values()];
    if (before.young) await sleep(TIMESTAMP_GRAIN_MS);
    if (scan < SCANS_MAX - 1) found.clear();
  }
}

interface Look {
  readonly new: bigint;
  readonly cur: bigint;
  /** A directory changed so lately that a further change may carry the same timestamp. */
  readonly young: boolean;
}

async function lookAt(maildir: Maildir): Promise<Look> {
  const [inNew, inCur] = await Promise.all([
    stat(maildir.new, { bigint: true }),
    stat(maildir.cur, { bigint: true }),
  ]);
  const latest = Math.max(Number(inNew.mtimeMs), Number(inCur.mtimeMs));
  return {
    new: inNew.mtimeNs,
    cur: inCur.mtimeNs,
    young: Math.abs(Date.now() - latest) <= TIMESTAMP_GRAIN_MS,
  };
}

/**
 * The names in a folder that may be messages: no name that begins with a dot, and by the directory entry's type
 * no directory, symbolic link, FIFO, socket or device.
 */
export async function messagesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true, encoding: "latin1" });
  return entries.filter((entry) => entry.isFile() && !entry.name.startsWith(".")).map((entry) => entry.name);
}
