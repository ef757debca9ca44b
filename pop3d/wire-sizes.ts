/**
 * The sizes that a maildrop announces: from the names (`W=`, name.ts) where they say all, else counted by reading the
 * message, once, and remembered across sessions (known-sizes.ts). What a message holds does not change, so its identity is
 * enough to know it again; should RETR find that a name or the memory is wrong, the message is counted for the next time.
 */
import { lstat } from "node:fs/promises";
import { concurrently } from "../shared/concurrently.js";
import type { Durable } from "../shared/durable.js";
import { hasCode } from "../shared/exit.js";
import type { Log } from "../shared/log.js";
import type { MessageFinder } from "../shared/maildir/find.js";
import type { Maildir } from "../shared/maildir/maildir.js";
import { hasAsciiHeader } from "../shared/maildir/name.js";
import type { Entry } from "../shared/maildir/scan.js";
import { KnownSizes } from "./known-sizes.js";
import { measure, type Sizes } from "./measure.js";

/** In memory, of all Maildirs; some 200 octets each. */
const REMEMBERED_MAX = 100_000;
const READ_AT_ONCE_MAX = 4;

/** What it takes to write into Maildirs. */
export interface WireSizesOptions {
  readonly durable: Durable;
  /** Makes names for files in tmp/ (name.ts). */
  readonly uniqueName: () => string;
}

/** Messages of a Maildir as a scan found them. */
export interface Found {
  readonly maildir: Maildir;
  readonly entries: readonly Entry[];
  readonly finder: MessageFinder;
}

export class WireSizes {
  readonly #options: WireSizesOptions | undefined;
  /** By the Maildirs' paths, in the order of their last use, the longest unused first. */
  readonly #known = new Map<string, KnownSizes>();

  /** @param options undefined where nothing is to be kept in files */
  constructor(options?: WireSizesOptions) {
    this.#options = options;
  }

  /**
   * The sizes of messages, in their order; undefined for one that has gone meanwhile. The session lock is held.
   * @param utf8 whether the session is in UTF-8 mode, and no surrogate will be asked for
   */
  async of({ maildir, entries, finder }: Found, utf8: boolean, log: Log): Promise<(Sizes | undefined)[]> {
    if (entries.length === 0) return [];
    const known = this.#known.get(maildir.path) ?? new KnownSizes(maildir);
    await known.refresh(entries, log);
    const sizes = entries.map((entry) => known.get(entry.identity) ?? sizesInName(entry, utf8));
    const unknown = [...entries.entries()].filter(([i]) => sizes[i] === undefined);
    await concurrently(unknown, READ_AT_ONCE_MAX, async ([i, entry]) => {
      sizes[i] = await this.#measure(known, maildir, entry, finder, log);
    });
    this.#remember(maildir, known);
    return sizes;
  }

  /** Counts a message whose size is not what was thought, so that the next session knows. Never rejects. */
  async correct(maildir: Maildir, identity: string, finder: MessageFinder, log: Log): Promise<void> {
    try {
      const measured = await finder.with(identity, (path) => measure(path, undefined));
      if (measured === undefined) return;
      const known = this.#known.get(maildir.path) ?? new KnownSizes(maildir);
      known.set(identity, measured.result);
      this.#remember(maildir, known);
    } catch (err) {
      log.warn({ maildir: maildir.path, file: identity, err }, "message cannot be counted");
    }
  }

  /** Keeps what was learnt for sessions after a restart. The session lock is held. Never rejects. */
  async save(maildir: Maildir, log: Log): Promise<void> {
    if (this.#options === undefined) return;
    const { durable, uniqueName } = this.#options;
    const known = this.#known.get(maildir.path);
    await known?.save(durable, uniqueName(), log);
    if (known?.isEmpty) this.#known.delete(maildir.path);
  }

  async #measure(
    known: KnownSizes,
    maildir: Maildir,
    entry: Entry,
    finder: MessageFinder,
    log: Log,
  ): Promise<Sizes | undefined> {
    const { identity, filename, size } = entry;
    const wireSize = wireSizeIn(entry);
    try {
      const measured = await finder.with(identity, (path) => measure(path, wireSize));
      if (measured !== undefined) known.set(identity, measured.result);
      return measured?.result;
    } catch (error) {
      if (!hasCode(error, "EACCES", "EPERM", "EIO")) throw error;
      // One message that cannot be read must not keep its owner from the others. RETR will say so.
      log.warn({ maildir: maildir.path, file: filename, err: error }, "message cannot be read");
      const octets =
        wireSize ?? size ?? (await finder.with(identity, async (path) => (await lstat(path)).size))?.result;
      return octets === undefined ? undefined : { octets, surrogateOctets: undefined };
    }
  }

  /** As the last used; the longest unused are forgotten. A Maildir of which nothing is remembered has no place. */
  #remember(maildir: Maildir, known: KnownSizes): void {
    this.#known.delete(maildir.path);
    if (!known.isEmpty) this.#known.set(maildir.path, known);
    let count = 0;
    for (const known of this.#known.values()) count += known.count;
    for (const [path, known] of this.#known) {
      if (count <= REMEMBERED_MAX) break;
      this.#known.delete(path);
      count -= known.count;
    }
  }
}

/** Undefined when the name does not say all that is needed. */
function sizesInName(entry: Entry, utf8: boolean): Sizes | undefined {
  const octets = wireSizeIn(entry);
  if (octets === undefined || (!utf8 && hasAsciiHeader(entry.identity) !== true)) return undefined;
  return { octets, surrogateOctets: undefined };
}

/**
 * `W=`, where it can be right. A message that Dovecot copies or moves, and whose name had `S=` alone (maildrop's and
 * Courier's have), gets a `W=` of the same value, as though no line ended in LF.
 */
function wireSizeIn({ size, wireSize }: Entry): number | undefined {
  return size !== undefined && size > 0 && wireSize !== undefined && wireSize <= size ? undefined : wireSize;
}
