/**
 * Opening a maildrop after login (RFC 1939 §4): its lock, then what is there, numbered, with sizes and unique-ids.
 * Nothing is read but names, unless a name does not say its message's size.
 *
 * An account without a Maildir has an empty maildrop and needs no lock: there is nothing to exclude anybody from, and
 * the Maildir is made when the first message is delivered.
 */
import { hasCode } from "../shared/exit.js";
import type { Log } from "../shared/log.js";
import { MessageFinder } from "../shared/maildir/find.js";
import type { Maildir } from "../shared/maildir/maildir.js";
import { compareNames } from "../shared/maildir/name.js";
import { type Entry, scanMaildir } from "../shared/maildir/scan.js";
import type { SessionLock, SessionLocks } from "./lock.js";
import { Maildrop } from "./maildrop.js";
import type { Trouble } from "./protocol.js";
import { troubleOf } from "./trouble.js";
import { uniqueIds } from "./unique-id.js";
import type { WireSizes } from "./wire-sizes.js";

/** A maildrop and what is needed to work on it. */
export interface OpenMaildrop {
  readonly maildrop: Maildrop;
  readonly maildir: Maildir;
  readonly finder: MessageFinder;
  /** Where its messages' sizes are remembered. */
  readonly sizes: WireSizes;
  /** Undefined where there is no Maildir to be locked. */
  readonly lock: SessionLock | undefined;
}

export interface Opening {
  readonly locks: SessionLocks;
  readonly sizes: WireSizes;
  /** Milliseconds. */
  readonly lockWait: number;
}

/** Opens the maildrop of a Maildir. Never rejects; holds no lock when it gives none back. */
export async function openMaildrop(
  maildir: Maildir,
  { locks, sizes, lockWait }: Opening,
  log: Log,
): Promise<OpenMaildrop | "in use" | Trouble> {
  let lock: SessionLock | undefined;
  try {
    const outcome = await locks.acquire(maildir, lockWait);
    if (outcome === "in use") return outcome;
    if (outcome !== "no maildir") lock = outcome;
    const found = lock === undefined ? [] : await messagesOf(maildir);
    const finder = new MessageFinder(maildir, found);
    const maildrop = new Maildrop(await numbered(maildir, found, finder, sizes, log));
    return { maildrop, maildir, finder, sizes, lock };
  } catch (error) {
    await lock?.release().catch(() => {});
    log.error({ maildir: maildir.path, err: error }, "maildrop cannot be opened");
    return troubleOf(error);
  }
}

/** In the order of delivery. */
async function messagesOf(maildir: Maildir): Promise<Entry[]> {
  try {
    const entries = await scanMaildir(maildir);
    return entries.sort((a, b) => compareNames(a.filename, b.filename));
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}

async function numbered(
  maildir: Maildir,
  entries: readonly Entry[],
  finder: MessageFinder,
  sizes: WireSizes,
  log: Log,
) {
  const octets = await sizes.of(maildir, entries, finder, log);
  const ids = uniqueIds(entries);
  return entries
    .flatMap(({ identity }, i) => {
      const [size, uniqueId] = [octets[i], ids[i]];
      return size === undefined || uniqueId === undefined ? [] : [{ identity, octets: size, uniqueId }];
    })
    .map((message, i) => ({ ...message, number: i + 1 }));
}
