/**
 * Opening a maildrop after login (RFC 1939 §4): its lock, then what is there, numbered, with sizes and unique-ids.
 * Nothing is read but names, unless a name does not say its message's sizes, or unique-ids of a former server are kept.
 *
 * An account without a Maildir has an empty maildrop and needs no lock: there is nothing to exclude anybody from, and
 * the Maildir is made when the first message is delivered.
 */
import type { Log } from "../shared/log.js";
import { type Maildir, maildirAt } from "../shared/maildir/maildir.js";
import { compareNames, type InfoSeparator } from "../shared/maildir/name.js";
import { type MaildropFolder, readFolder } from "./folders.js";
import type { SessionLock, SessionLocks } from "./lock.js";
import { Maildrop, type Message } from "./maildrop.js";
import type { Trouble } from "./protocol.js";
import { troubleOf } from "./trouble.js";
import type { TwinSeparator } from "./twins.js";
import type { UniqueIds } from "./unique-ids.js";
import type { WireSizes } from "./wire-sizes.js";

/** A maildrop and what is needed to work on it. */
export interface OpenMaildrop {
  readonly maildrop: Maildrop;
  /** The account's, which has the lock; the messages lie in it and in its folders. */
  readonly maildir: Maildir;
  /** Where a message lies. */
  readonly folderOf: (message: Message) => MaildropFolder;
  /** Where its messages' sizes are remembered. */
  readonly sizes: WireSizes;
  /** Undefined where there is no Maildir to be locked. */
  readonly lock: SessionLock | undefined;
  /** Keeps what was learnt of the sizes, and frees the maildrop. Never rejects; nothing is done when it is called again. */
  readonly close: () => Promise<void>;
}

export interface Opening {
  readonly locks: SessionLocks;
  readonly sizes: WireSizes;
  readonly uniqueIds: UniqueIds;
  readonly twins: TwinSeparator;
  /** How the names of its messages are written. */
  readonly infoSeparator: InfoSeparator;
  /** Milliseconds. */
  readonly lockWait: number;
  /** What a maildrop is made of: names of Maildir++ folders, and "" for the Maildir itself. */
  readonly folders: readonly string[];
}

/**
 * Opens the maildrop of a Maildir. Never rejects; holds no lock when it gives none back.
 * @param utf8 whether the session is in UTF-8 mode
 */
export async function openMaildrop(
  { path }: Maildir,
  opening: Opening,
  log: Log,
  utf8 = false,
): Promise<OpenMaildrop | "in use" | Trouble> {
  const { locks, sizes, uniqueIds, infoSeparator, lockWait } = opening;
  const maildir = maildirAt(path, infoSeparator);
  let lock: SessionLock | undefined;
  try {
    const outcome = await locks.acquire(maildir, lockWait);
    if (outcome === "in use") return outcome;
    if (outcome !== "no maildir") lock = outcome;
    const read = lock === undefined ? [] : await readFolders(maildir, opening, log);
    const messages: Unnumbered[][] = [];
    for (const one of read) messages.push(await messagesOf(one, { sizes, uniqueIds, utf8 }, log));
    const folders = new Map(read.map(({ folder }) => [folder.name, folder]));
    const folderOf = ({ folder: name }: Message) => {
      const folder = folders.get(name);
      if (folder === undefined) throw new Error(`the maildrop has no folder "${name}"`);
      return folder;
    };
    let closing: Promise<void> | undefined;
    const close = () => (closing ??= free(lock, [...folders.values()], sizes, log));
    return { maildrop: new Maildrop(numbered(messages.flat())), maildir, folderOf, sizes, lock, close };
  } catch (error) {
    await lock?.release().catch(() => {});
    log.error({ maildir: maildir.path, err: error }, "maildrop cannot be opened");
    return troubleOf(error);
  }
}

/** The sizes first: they are written under the lock. */
async function free(
  lock: SessionLock | undefined,
  folders: readonly MaildropFolder[],
  sizes: WireSizes,
  log: Log,
): Promise<void> {
  for (const { maildir } of folders) await sizes.save(maildir, log);
  await lock?.release().catch((err: unknown) => log.error({ err }, "lock cannot be released"));
}

type FolderRead = Awaited<ReturnType<typeof readFolder>>;
/** A message that has no number yet. */
interface Unnumbered extends Omit<Message, "number"> {
  readonly filename: string;
}

/** One after the other, so that a maildrop of many folders is no more work at a time than one of a single folder. */
async function readFolders(maildir: Maildir, { folders, twins }: Opening, log: Log): Promise<FolderRead[]> {
  const read: FolderRead[] = [];
  for (const name of folders) read.push(await readFolder(maildir, name, log, twins));
  return read;
}

/** With sizes and unique-ids, but for those that have gone meanwhile. */
async function messagesOf(
  { folder, entries }: FolderRead,
  { sizes, uniqueIds, utf8 }: Pick<Opening, "sizes" | "uniqueIds"> & { readonly utf8: boolean },
  log: Log,
): Promise<Unnumbered[]> {
  const found = await sizes.of({ ...folder, entries }, utf8, log);
  const ids = await uniqueIds.give(folder.maildir, folder.name, entries, log);
  return entries.flatMap(({ identity, filename }, i) => {
    const [size, uniqueId] = [found[i], ids[i]];
    return size === undefined || uniqueId === undefined
      ? []
      : [{ folder: folder.name, identity, filename, uniqueId, ...size }];
  });
}

/** In the order of delivery, whichever folder they lie in. */
function numbered(messages: readonly Unnumbered[]): Message[] {
  return messages
    .toSorted((a, b) => compareNames(a.filename, b.filename))
    .map(({ filename: _, ...message }, i) => ({ number: i + 1, ...message }));
}
