/**
 * Keeping a Maildir's quota: whether more mail fits, and that `maildirsize` stays right whoever else works on it.
 *
 * There is no lock, and Courier and Dovecot would not honour one. Two things have to be right all the same:
 *
 * - *A change is in the sum once.* Whoever adds or removes messages (quota-change.ts) adds a line; whoever counts sees
 *   them or not. A count holds only if no directory changed from before it until after the rename that puts it into place; it
 *   is repeated otherwise. So a file that has come into place since a change was made has it in its summary, and a file that
 *   was there just before and just after the change has it not, and gets the line.
 * - *What fits together fits.* Deliveries of this process that have been found to fit, and are not in the sum yet, are
 *   reserved. Other processes know nothing of them: an account may go over its quota by what they have in flight.
 *
 * When a Maildir never holds still for as long as a count takes, the last one is put into place blown up to the size at
 * which everybody counts anew, so that the quota itself is not lost. When no file can be written (a full disk), what
 * was counted is gone by all the same, and the log told.
 */
import type { Durable } from "../durable.js";
import type { Log } from "../log.js";
import type { Maildir } from "./maildir.js";
import { type Amount, isSameQuota, isWithin, NOTHING, type Quota, type QuotaRule, sum } from "./quota.js";
import { QuotaChange } from "./quota-change.js";
import { countMessages, isSameLook, lookAt, lookWhenStill } from "./quota-count.js";
import { readQuotaFile, replaceQuotaFile } from "./quota-file.js";
import { formatLines, isDoubtful, type Manner, quotaInForce } from "./quota-lines.js";

/** A quota, and what is held of it. */
export interface QuotaState {
  readonly quota: Quota;
  readonly usage: Amount;
}

/** Room that is kept for what is about to be delivered. */
export interface Reservation {
  /** False where there is no quota, and nothing to be kept. */
  readonly limited: boolean;
  /** To be called once. */
  readonly release: () => void;
}

export interface QuotaTools {
  readonly durable: Durable;
  /** Makes unique parts of Maildir names (name.ts). */
  readonly uniqueName: () => string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly log: Log;
}

const COUNTS_MAX = 8;
/** How often a sum is read again because a reservation was given up meanwhile. */
const LOOKS_MAX = 16;

export class QuotaKeeper {
  readonly #tools: QuotaTools;
  readonly #reserved = new Map<string, Amount>();
  /** Reservations given up so far. */
  #releases = 0;
  readonly #counting = new Map<string, Promise<QuotaState | undefined>>();

  constructor(tools: QuotaTools) {
    this.#tools = tools;
  }

  /**
   * The quota of a Maildir and what it holds, counted anew where what the file says is in doubt; undefined where there is
   * no quota. Of a Maildir that does not exist yet nothing is made.
   * @param adding what is about to be asked for: it decides whether the sum has to be exact
   */
  async state(
    maildir: Maildir,
    rule: QuotaRule | undefined,
    adding: Amount = NOTHING,
  ): Promise<QuotaState | undefined> {
    for (;;) {
      const file = await readQuotaFile(maildir);
      const quota = quotaInForce(rule, file);
      if (quota === undefined) return undefined;
      const age = file === undefined ? 0 : this.#tools.now() - file.changed;
      if (file?.usage !== undefined && !isDoubtful(file, quota, adding, age))
        return { quota, usage: file.usage };

      const counting = this.#counting.get(maildir.path);
      if (counting === undefined)
        return this.#start(maildir, () => this.#count(maildir, quota, file?.manner ?? "all"));
      const counted = await counting.catch(() => undefined);
      if (counted !== undefined && isSameQuota(counted.quota, quota)) return counted;
    }
  }

  /** Whether so much more fits into an account beside what others are about to put there. */
  async fits(maildir: Maildir, rule: QuotaRule | undefined, adding: Amount): Promise<boolean> {
    return (await this.#askFor(maildir, rule, adding, () => {})) !== "full";
  }

  /** The same, and when it fits, keeps the room until it is given up; undefined when it does not fit. */
  async reserve(
    maildir: Maildir,
    rule: QuotaRule | undefined,
    adding: Amount,
  ): Promise<Reservation | undefined> {
    const answer = await this.#askFor(maildir, rule, adding, () => this.#reserve(maildir, adding));
    switch (answer) {
      case "full":
        return undefined;
      case "no quota":
        return { limited: false, release: () => {} };
      case "fits":
        return { limited: true, release: () => this.#release(maildir, adding) };
    }
  }

  /** @param granted called when it fits, before anybody else can ask */
  async #askFor(
    maildir: Maildir,
    rule: QuotaRule | undefined,
    adding: Amount,
    granted: () => void,
  ): Promise<"fits" | "full" | "no quota"> {
    for (let looks = 1; ; looks++) {
      const releases = this.#releases;
      const state = await this.state(maildir, rule, adding);
      if (state === undefined) return "no quota";
      // What was reserved may have gone into the sum after we read it.
      if (releases !== this.#releases && looks < LOOKS_MAX) continue;
      const held = sum(state.usage, this.#reserved.get(maildir.path) ?? NOTHING);
      if (!isWithin(sum(held, adding), state.quota)) return "full";
      granted();
      return "fits";
    }
  }

  #release(maildir: Maildir, { octets, messages }: Amount): void {
    this.#releases++;
    this.#reserve(maildir, { octets: -octets, messages: -messages });
  }

  #reserve({ path }: Maildir, amount: Amount): void {
    const reserved = sum(this.#reserved.get(path) ?? NOTHING, amount);
    if (reserved.messages === 0) this.#reserved.delete(path);
    else this.#reserved.set(path, reserved);
  }

  /** Says that messages are about to be added to a Maildir or removed from it. */
  change(maildir: Maildir): Promise<QuotaChange> {
    return QuotaChange.begin(maildir, () => this.recount(maildir));
  }

  /** Counts anew, where there is a maildirsize; what has changed by now is in that count. */
  async recount(maildir: Maildir): Promise<void> {
    const running = this.#counting.get(maildir.path);
    await running?.catch(() => {});
    // Others may have waited, too; one count does for all of us.
    await (this.#counting.get(maildir.path) ??
      this.#start(maildir, async () => {
        const file = await readQuotaFile(maildir);
        return file?.quota && this.#count(maildir, file.quota, file.manner);
      }));
  }

  #start<T extends QuotaState | undefined>(maildir: Maildir, count: () => Promise<T>): Promise<T> {
    const counting = count().finally(() => this.#counting.delete(maildir.path));
    this.#counting.set(maildir.path, counting);
    return counting;
  }

  async #count(maildir: Maildir, quota: Quota, manner: Manner): Promise<QuotaState> {
    for (let counts = 1; ; counts++) {
      const before = await lookWhenStill(maildir, manner);
      if (before.size === 0) return { quota, usage: NOTHING };
      const usage = await countMessages(maildir, before, manner);
      const still = async () => isSameLook(before, await lookAt(maildir, manner));
      const last = counts === COUNTS_MAX;
      if (!last && !(await still())) continue;
      await this.#put(maildir, formatLines(quota, usage, manner, last));
      if (last || (await still())) return { quota, usage };
    }
  }

  async #put(maildir: Maildir, text: string): Promise<void> {
    const { durable, uniqueName, log } = this.#tools;
    try {
      await replaceQuotaFile(maildir, text, durable, uniqueName());
    } catch (err) {
      log.warn({ maildir: maildir.path, err }, "maildirsize cannot be written");
    }
  }
}
