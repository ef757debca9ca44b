/**
 * The Maildirs that a maildrop is made of: the account's own, and those of its Maildir++ folders that the configuration
 * names. Each is scanned, and its messages are found again, by itself; a message is known by its folder and its identity.
 *
 * A folder that is missing is empty. So is one that is no directory of the Maildir but a symbolic link to elsewhere, or
 * has such links for its new/ and cur/: whoever may write into a Maildir must not have other directories read by that.
 */
import { realpath } from "node:fs/promises";
import { hasCode } from "../shared/exit.js";
import type { Log } from "../shared/log.js";
import { MessageFinder } from "../shared/maildir/find.js";
import { folderOf, type Maildir } from "../shared/maildir/maildir.js";
import { type Entry, scanMaildir, scanWithTwins } from "../shared/maildir/scan.js";
import type { TwinSeparator } from "./twins.js";

/** One of them, as the session works with it. */
export interface MaildropFolder {
  /** The name of its directory, `.Spam`; "" for the Maildir itself. */
  readonly name: string;
  readonly maildir: Maildir;
  /** Of the messages that were there at login. */
  readonly finder: MessageFinder;
}

/**
 * Reads what is there, in no particular order. Rejects where that cannot be told.
 * @param separator gives files of one identity names of their own; without it, one of them stands for all
 */
export async function readFolder(
  root: Maildir,
  name: string,
  log: Log,
  separator?: TwinSeparator,
): Promise<{ readonly folder: MaildropFolder; readonly entries: readonly Entry[] }> {
  const maildir = folderOf(root, name);
  const own = name === "" || (await liesWithin(root, name));
  if (!own) log.warn({ maildir: maildir.path }, "a symbolic link is no folder");
  const entries = own ? await messagesOf(maildir, log, separator) : [];
  return { folder: { name, maildir, finder: new MessageFinder(maildir, entries) }, entries };
}

async function messagesOf(maildir: Maildir, log: Log, separator?: TwinSeparator): Promise<Entry[]> {
  try {
    const { entries, twins } = await scanWithTwins(maildir);
    const changed = twins.length > 0 && (await separator?.separate(maildir, twins, log));
    return changed ? await scanMaildir(maildir) : entries;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}

/** Whether a folder and what is in it lie where their names say, or are missing. */
export async function liesWithin(root: Maildir, name: string): Promise<boolean> {
  const [real, folder] = [await realpath(root.path), folderOf(root, name)];
  for (const path of [folder.path, folder.new, folder.cur, folder.tmp]) {
    const place = await realPathOf(path);
    if (place !== undefined && place !== path.replace(root.path, () => real)) return false;
  }
  return true;
}

async function realPathOf(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    // Links in a circle lead nowhere.
    if (hasCode(error, "ELOOP")) return "";
    throw error;
  }
}
