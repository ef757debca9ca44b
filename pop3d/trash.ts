/**
 * The folder to which deleted messages are moved (`deletion = "trash"`): `.Trash`, as Courier and Dovecot have it. It is
 * made when the first message comes, with the empty file `maildirfolder` by which they know a folder from a Maildir.
 *
 * A message keeps the name that it had, so that nothing is done twice by whoever knows it by that name; but a Maildir
 * has one message to a name, and where it is taken the newcomer gets another. A move is one rename: the message is
 * in one place at any moment, and if the move fails, in the old one.
 *
 * | .Trash/maildirfolder | means                                                                 |
 * |----------------------|-----------------------------------------------------------------------|
 * | absent               | the folder is missing, or may not outlast a power cut: it is made     |
 * | there                | the folder is there, and durable                                      |
 */
import type { Durable, Path } from "../shared/durable.js";
import { hasCode } from "../shared/exit.js";
import { createMaildir } from "../shared/maildir/create.js";
import { folderOf, type Maildir } from "../shared/maildir/maildir.js";
import { baseNameOf, parseName, pathOf, withFlags } from "../shared/maildir/name.js";
import { TRASH } from "../shared/maildir/quota-lines.js";
import { messagesIn } from "../shared/maildir/scan.js";
import { exists } from "./exists.js";
import { liesWithin } from "./folders.js";

const FOLDER_MARK = "maildirfolder";
const TRASHED = "T";

/** The .Trash of a Maildir during an UPDATE. */
export class Trash {
  readonly #root: Maildir;
  readonly #maildir: Maildir;
  readonly #durable: Durable;
  readonly #uniqueName: () => string;
  /** The base names that are taken, once the folder is there. */
  #taken: Promise<Set<string>> | undefined;
  #changed = false;

  /** @param uniqueName makes names that nobody else makes (shared/maildir/name.ts) */
  constructor(root: Maildir, durable: Durable, uniqueName: () => string) {
    this.#root = root;
    this.#maildir = folderOf(root, TRASH);
    this.#durable = durable;
    this.#uniqueName = uniqueName;
  }

  /**
   * Moves a message here, flagged as trashed. It is durable after `sync` only. Rejects with ENOENT when there is no such
   * message, and otherwise when it is still where it was.
   *
   * @param flags that are added beside
   */
  async take(path: Path, filename: string, flags: string): Promise<void> {
    this.#taken ??= this.#open();
    const taken = await this.#taken;
    const { infoSeparator } = this.#maildir;
    const { identity, unique } = parseName(filename, infoSeparator);
    const base = taken.has(identity) ? this.#uniqueName() + identity.slice(unique.length) : identity;
    taken.add(base);
    try {
      const renamed = base + filename.slice(baseNameOf(filename, infoSeparator).length);
      await this.#move(path, withFlags(renamed, TRASHED + flags, infoSeparator)).catch((error: unknown) => {
        if (!hasCode(error, "ENAMETOOLONG")) throw error;
        // So long a name has no room for flags, and stays as it is.
        return this.#move(path, renamed);
      });
    } catch (error) {
      taken.delete(base);
      throw error;
    }
  }

  async #move(path: Path, filename: string): Promise<void> {
    const target = pathOf(this.#maildir.cur, filename);
    // rename(2) would replace what is there without a word.
    if (await exists(target)) throw new Error(`another message has just come to ${TRASH} under its name`);
    await this.#durable.publish(path, target);
    this.#changed = true;
  }

  /** Makes all moves durable, as far as it is about this end of them. */
  async sync(): Promise<void> {
    if (this.#changed) await this.#durable.syncDirectory(this.#maildir.cur);
  }

  /** The folder, and the base names that are taken in it. What fails here is never mistaken for a message that is gone. */
  async #open(): Promise<Set<string>> {
    try {
      if (!(await liesWithin(this.#root, TRASH))) throw new Error("it is a symbolic link, or has one in it");
      await this.#make();
      const filenames = [...(await messagesIn(this.#maildir.cur)), ...(await messagesIn(this.#maildir.new))];
      return new Set(filenames.map((filename) => parseName(filename, this.#maildir.infoSeparator).identity));
    } catch (cause) {
      throw new Error(`${this.#maildir.path} cannot be used`, { cause });
    }
  }

  async #make(): Promise<void> {
    const mark = `${this.#maildir.path}/${FOLDER_MARK}`;
    if ((await exists(mark)) && (await exists(this.#maildir.cur)) && (await exists(this.#maildir.new)))
      return;
    await createMaildir(this.#maildir, this.#durable);
    await this.#durable.syncDirectory(this.#root.path);
    try {
      const file = await this.#durable.create(mark);
      await file.sync().finally(() => file.close());
    } catch (error) {
      // Somebody else has made it meanwhile.
      if (!hasCode(error, "EEXIST")) throw error;
    }
    await this.#durable.syncDirectory(this.#maildir.path);
  }
}
