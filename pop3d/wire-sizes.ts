/**
 * The sizes that a maildrop announces: from the names (`W=`), else counted by reading the message, once, and remembered
 * across sessions. What a message holds does not change, so its identity is enough to know it again; should RETR find
 * that somebody has changed it all the same, its size is forgotten.
 */
import { lstat } from "node:fs/promises";
import { concurrently } from "../shared/concurrently.js";
import { hasCode } from "../shared/exit.js";
import type { Log } from "../shared/log.js";
import type { MessageFinder } from "../shared/maildir/find.js";
import type { Maildir } from "../shared/maildir/maildir.js";
import type { Entry } from "../shared/maildir/scan.js";
import { measureWireSize } from "../shared/maildir/wire-size.js";

/** Some 200 octets each. */
const REMEMBERED_MAX = 100_000;
const READ_AT_ONCE_MAX = 4;

export class WireSizes {
  /** In the order of their last use, the longest unused first. */
  readonly #remembered = new Map<string, number>();

  /** The sizes of `entries`, in their order; undefined for a message that has gone meanwhile. */
  async of(
    maildir: Maildir,
    entries: readonly Entry[],
    finder: MessageFinder,
    log: Log,
  ): Promise<(number | undefined)[]> {
    const sizes = entries.map(({ wireSize }) => wireSize);
    const unknown = [...entries.entries()].filter(([, { wireSize }]) => wireSize === undefined);
    await concurrently(unknown, READ_AT_ONCE_MAX, async ([i, entry]) => {
      sizes[i] = await this.#sizeOf(maildir, entry, finder, log);
    });
    return sizes;
  }

  forget(maildir: Maildir, identity: string): void {
    this.#remembered.delete(keyOf(maildir, identity));
  }

  async #sizeOf(
    maildir: Maildir,
    entry: Entry,
    finder: MessageFinder,
    log: Log,
  ): Promise<number | undefined> {
    const key = keyOf(maildir, entry.identity);
    const known = this.#remembered.get(key);
    if (known !== undefined) {
      this.#remember(key, known);
      return known;
    }
    try {
      const measured = await finder.with(entry.identity, measureWireSize);
      if (measured !== undefined) this.#remember(key, measured.result);
      return measured?.result;
    } catch (error) {
      if (!hasCode(error, "EACCES", "EPERM", "EIO")) throw error;
      // One message that cannot be read must not keep its owner from the others. RETR will say so.
      log.warn({ maildir: maildir.path, file: entry.filename, err: error }, "message cannot be read");
      return (
        entry.size ?? (await finder.with(entry.identity, async (path) => (await lstat(path)).size))?.result
      );
    }
  }

  #remember(key: string, size: number): void {
    this.#remembered.delete(key);
    this.#remembered.set(key, size);
    if (this.#remembered.size <= REMEMBERED_MAX) return;
    const [longestUnused] = this.#remembered.keys();
    if (longestUnused !== undefined) this.#remembered.delete(longestUnused);
  }
}

function keyOf(maildir: Maildir, identity: string): string {
  return `${maildir.path}/${identity}`;
}
