/**
 * The UPDATE state (RFC 1939 §6): what the client marked comes true. Only after a QUIT, never when a connection is lost.
 *
 *   1. the messages marked as deleted are removed: for good, or to .Trash where the configuration wants it, but for what
 *      lies there already;
 *   2. messages that were retrieved, now or earlier (S), and have stayed as long as the policy lets them, are removed in
 *      the same way (RFC 2449 §6.7);
 *   3. what has gone is noted in maildirsize, where the account has a quota;
 *   4. messages that lay in new/ at login are moved to cur/, since the user has seen what there is; what was retrieved is
 *      flagged as seen (S), where the configuration wants it;
 *   5. the directories are synced: where a message went to before where it came from.
 *
 * Then the client is told. A deletion that failed, or is not durable, is reported, and the rest is done all the same. A
 * message that another program has removed counts as removed. What else fails loses nothing and is done at the next
 * QUIT, so only the log hears of it.
 */
import { lstat } from "node:fs/promises";
import { concurrently } from "../shared/concurrently.js";
import type { Durable, Path } from "../shared/durable.js";
import { hasCode } from "../shared/exit.js";
import type { Log } from "../shared/log.js";
import { createMaildir } from "../shared/maildir/create.js";
import type { Whereabouts } from "../shared/maildir/find.js";
import type { Folder, Maildir } from "../shared/maildir/maildir.js";
import { parseName, pathOf, withFlags } from "../shared/maildir/name.js";
import type { Departure, QuotaChange } from "../shared/maildir/quota-change.js";
import type { QuotaKeeper } from "../shared/maildir/quota-keeper.js";
import { TRASH } from "../shared/maildir/quota-lines.js";
import { exists } from "./exists.js";
import { deliveredAt, isExpired } from "./expiry.js";
import type { MaildropFolder } from "./folders.js";
import type { Message } from "./maildrop.js";
import type { OpenMaildrop } from "./open-maildrop.js";
import { Trash } from "./trash.js";

export interface UpdateRules {
  readonly deletion: "unlink" | "trash";
  /** Whether what was retrieved is flagged as seen. */
  readonly markSeen: boolean;
  /** How long after its delivery a message that was retrieved goes, milliseconds; Infinity for never. */
  readonly expireMs: number;
}

export interface Updating {
  readonly durable: Durable;
  /** Makes names that nobody else makes (shared/maildir/name.ts). */
  readonly uniqueName: () => string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly quotas: QuotaKeeper;
}

export interface UpdateOutcome {
  /** Whether every message marked as deleted is gone for good. */
  readonly complete: boolean;
  /** How many of those are gone. */
  readonly removed: number;
  /** How many others were removed because their time was over. */
  readonly expired: number;
  /** What we removed, of either kind. */
  readonly removals: readonly Departure[];
}

const FILES_AT_ONCE_MAX = 8;
const SEEN = "S";

/** Never rejects. The lock is still held afterwards. */
export async function update(
  open: OpenMaildrop,
  rules: UpdateRules,
  updating: Updating,
  log: Log,
): Promise<UpdateOutcome> {
  const { maildrop, lock } = open;
  const deleted = maildrop.messages.filter((message) => maildrop.isDeleted(message));
  const nothing = { complete: deleted.length === 0, removed: 0, expired: 0, removals: [] };
  try {
    if (lock === undefined) return { ...nothing, complete: true };
    if (await lock.isHeld()) return await new Update(open, rules, updating, log).run(deleted);
    log.warn({ maildir: open.maildir.path }, "the lock was taken away, nothing is removed");
  } catch (error) {
    log.error({ maildir: open.maildir.path, err: error }, "maildrop cannot be updated");
  }
  return nothing;
}

class Update {
  readonly #open: OpenMaildrop;
  readonly #rules: UpdateRules;
  readonly #durable: Durable;
  readonly #now: number;
  readonly #log: Log;
  readonly #trash: Trash;
  readonly #quotas: QuotaKeeper;
  readonly #removals: Departure[] = [];
  readonly #expired = new Set<Message>();
  /** Directories to be synced. */
  readonly #changed = new Set<string>();

  constructor(open: OpenMaildrop, rules: UpdateRules, updating: Updating, log: Log) {
    const { durable, uniqueName, now, quotas } = updating;
    this.#open = open;
    this.#rules = rules;
    this.#durable = durable;
    this.#now = now();
    this.#log = log;
    this.#trash = new Trash(open.maildir, durable, uniqueName);
    this.#quotas = quotas;
  }

  async run(deleted: readonly Message[]): Promise<UpdateOutcome> {
    const { maildrop, maildir } = this.#open;
    const ripe = [...maildrop.listed()].filter((message) => this.#mayHaveExpired(message));
    const change = deleted.length + ripe.length > 0 ? await this.#quotas.change(maildir) : undefined;
    const removed = await this.#each(deleted, (message) => this.#remove(message));
    await this.#each(ripe, (message) => this.#expire(message));
    await this.#record(change);
    await this.#settleAll([...maildrop.listed()].filter((message) => !this.#isSettled(message)));
    const durable = await this.#sync();
    const complete = deleted.length === 0 || (durable && removed === deleted.length);
    return { complete, removed, expired: this.#expired.size, removals: this.#removals };
  }

  /** Whatever comes of it, the messages are gone; a sum that is wrong is counted anew some time. */
  async #record(change: QuotaChange | undefined): Promise<void> {
    for (const departure of this.#removals) change?.left(departure);
    await change?.record().catch((err: unknown) => {
      this.#log.warn({ maildir: this.#open.maildir.path, err }, "maildirsize is not right");
    });
  }

  /** Resolves to how often `action` was done without an error. */
  async #each(messages: readonly Message[], action: (message: Message) => Promise<void>): Promise<number> {
    let done = 0;
    await concurrently(messages, FILES_AT_ONCE_MAX, async (message) => {
      try {
        await action(message);
        done++;
      } catch (error) {
        const { path } = this.#open.folderOf(message).maildir;
        this.#log.error({ maildir: path, file: message.identity, err: error }, "message cannot be updated");
      }
    });
    return done;
  }

  async #sync(): Promise<boolean> {
    try {
      await this.#trash.sync();
      await Promise.all([...this.#changed].map((directory) => this.#durable.syncDirectory(directory)));
      return true;
    } catch (error) {
      this.#log.error({ maildir: this.#open.maildir.path, err: error }, "maildrop cannot be synced");
      return false;
    }
  }

  /** One that is gone already has been removed by another program, which will do. */
  async #remove(message: Message): Promise<void> {
    const folder = this.#open.folderOf(message);
    await folder.finder.with(message.identity, (path, place) => this.#take(path, place, folder, message));
  }

  /** As it was last seen: whether a closer look is worth it. */
  #mayHaveExpired(message: Message): boolean {
    const { expireMs } = this.#rules;
    const place = this.#open.folderOf(message).finder.lastSeen(message.identity);
    if (expireMs === Number.POSITIVE_INFINITY || place === undefined) return false;
    const delivered = deliveredAt(place.filename, this.#now);
    return (
      this.#wasRetrieved(message, place) &&
      (delivered === undefined || isExpired(delivered, this.#now, expireMs))
    );
  }

  /** What is decided by the name holds for the very file that has it. */
  async #expire(message: Message): Promise<void> {
    const folder = this.#open.folderOf(message);
    await folder.finder.with(message.identity, async (path, place) => {
      if (!this.#wasRetrieved(message, place)) return;
      const delivered = deliveredAt(place.filename, this.#now) ?? (await lstat(path)).mtimeMs;
      if (!isExpired(delivered, this.#now, this.#rules.expireMs)) return;
      await this.#take(path, place, folder, message);
      this.#expired.add(message);
    });
  }

  /** In this session, or in an earlier one, or by another program that flagged it. */
  #wasRetrieved(message: Message, { filename }: Whereabouts): boolean {
    if (this.#open.maildrop.wasRetrieved(message)) return true;
    return parseName(filename, this.#open.maildir.infoSeparator).flags.includes(SEEN);
  }

  /** Away from its folder, in the way that the configuration says. */
  async #take(path: Path, place: Whereabouts, { name, maildir }: MaildropFolder, message: Message) {
    const to = this.#rules.deletion === "trash" && name !== TRASH ? TRASH : "nowhere";
    const { filename, folder } = place;
    const octets = parseName(filename, maildir.infoSeparator).size ?? (await lstat(path)).size;
    if (to === TRASH) await this.#trash.take(path, filename, this.#flagFor(message));
    else await this.#durable.remove(path);
    this.#changed.add(maildir[folder]);
    this.#removals.push({ folder: name, filename, octets, to });
  }

  /** The flag that a message gets, if any. */
  #flagFor(message: Message): string {
    return this.#rules.markSeen && this.#open.maildrop.wasRetrieved(message) ? SEEN : "";
  }

  async #settleAll(messages: readonly Message[]): Promise<void> {
    try {
      for (const { maildir } of new Set(messages.map(this.#open.folderOf))) {
        if (!(await exists(maildir.cur))) await createMaildir(maildir, this.#durable);
      }
    } catch (error) {
      this.#log.error({ maildir: this.#open.maildir.path, err: error }, "messages cannot be moved to cur/");
      return;
    }
    await this.#each(messages, (message) => this.#settle(message));
  }

  /** As it was last seen, or gone. */
  #isSettled(message: Message): boolean {
    if (this.#expired.has(message)) return true;
    const { finder, maildir } = this.#open.folderOf(message);
    const place = finder.lastSeen(message.identity);
    return place === undefined || isSettled(place, this.#flagFor(message), maildir);
  }

  /** To the cur/ of its own folder, with its flag. */
  async #settle(message: Message): Promise<void> {
    const { finder, maildir } = this.#open.folderOf(message);
    const flag = this.#flagFor(message);
    await finder.with(message.identity, async (path, place) => {
      const { folder, filename } = place;
      if (isSettled(place, flag, maildir)) return;
      try {
        await this.#move(path, folder, maildir, withFlags(filename, flag, maildir.infoSeparator));
      } catch (error) {
        if (!hasCode(error, "ENAMETOOLONG")) throw error;
        // So long a name has no room for flags, and stays as it is.
        if (folder === "new") await this.#move(path, folder, maildir, filename);
      }
    });
  }

  async #move(path: Path, from: Folder, maildir: Maildir, filename: string): Promise<void> {
    const target = pathOf(maildir.cur, filename);
    // rename(2) would replace what is there without a word.
    if (await exists(target)) return;
    await this.#durable.publish(path, target);
    this.#changed.add(maildir[from]).add(maildir.cur);
  }
}

/** Whether a message is left as it is: most lie in cur/ and have their flag, in whatever order others wrote it. */
function isSettled({ folder, filename }: Whereabouts, flag: string, { infoSeparator }: Maildir): boolean {
  return folder === "cur" && parseName(filename, infoSeparator).flags.includes(flag);
}
