/**
 * Room for a message in the mailboxes that it goes to (shared/maildir/quota-keeper.ts): asked for when its size is known and
 * before any copy is delivered, held until the copies are in their sums.
 *
 *   begin     room is reserved in each mailbox that has some; those that have none are told
 *   made      the copies are visible
 *   record    and durable: they go into the sums
 *   release   the room is given up, whatever came of the message
 */
import type { Account } from "../../shared/accounts/account.js";
import type { Maildir } from "../../shared/maildir/maildir.js";
import type { QuotaRule } from "../../shared/maildir/quota.js";
import type { QuotaChange } from "../../shared/maildir/quota-change.js";
import type { QuotaKeeper } from "../../shared/maildir/quota-keeper.js";

/** What quotas are, and who keeps them. */
export interface Quotas {
  readonly keeper: QuotaKeeper;
  /** Undefined where none is configured. */
  readonly of: (account: Account) => QuotaRule | undefined;
}

/** One mailbox cannot take the message, for the time being. */
export class MailboxFull extends Error {
  readonly account: Account;

  constructor(account: Account) {
    super(`${account.address} is over its quota`);
    this.account = account;
  }
}

/** A copy of a message, written and not yet delivered. */
export interface Arrival {
  readonly account: Account;
  /** Octets of its file. */
  readonly size: number;
}

export class Room {
  readonly #keeper: QuotaKeeper;
  readonly #releases: (() => void)[] = [];
  /** By the path of the Maildir, which several accounts may share. */
  readonly #changes = new Map<string, QuotaChange>();
  readonly #refusals = new Map<Account, unknown>();

  private constructor(keeper: QuotaKeeper) {
    this.#keeper = keeper;
  }

  /** Reserves room for each copy that fits; never rejects. */
  static async begin(arrivals: readonly Arrival[], { keeper, of }: Quotas): Promise<Room> {
    const room = new Room(keeper);
    const limited: Account[] = [];
    for (const { account, size } of arrivals) {
      try {
        const adding = { octets: size, messages: 1 };
        const reservation = await keeper.reserve(account.maildir, of(account), adding);
        if (reservation === undefined) throw new MailboxFull(account);
        room.#releases.push(reservation.release);
        if (reservation.limited) limited.push(account);
      } catch (error) {
        room.#refusals.set(account, error);
      }
    }
    // When all have been asked: what was there before a copy is looked at just before it is delivered.
    for (const account of limited) await room.#beginChange(account.maildir);
    return room;
  }

  /** Those who get no room, and why: MailboxFull, or the system's error. */
  get refusals(): ReadonlyMap<Account, unknown> {
    return this.#refusals;
  }

  async made(): Promise<void> {
    for (const change of this.#changes.values()) await change.made();
  }

  /**
   * Puts into the sums what has arrived after all. Rejects with the first error, having tried all.
   * @param arrivals those among them that were delivered
   */
  async record(arrivals: readonly Arrival[]): Promise<void> {
    for (const { account, size } of arrivals) this.#changes.get(account.maildir.path)?.added(size);
    const outcomes = await Promise.allSettled([...this.#changes.values()].map((change) => change.record()));
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  }

  release(): void {
    for (const release of this.#releases.splice(0)) release();
  }

  async #beginChange(maildir: Maildir): Promise<void> {
    if (this.#changes.has(maildir.path)) return;
    this.#changes.set(maildir.path, await this.#keeper.change(maildir));
  }
}
