/**
 * The copies of a message that go to mailboxes of ours: room is found for each, then each is delivered, or fails by itself.
 *
 *   prepare   those that are staged (copies.ts) get room (room.ts), or fail
 *   publish   renamed into new/, and new/ synced: what has not failed by now is durable
 *   end       delivered for good, and in the sums of the quotas
 *   rollback  none is delivered; a reader that was quick may have seen one all the same
 */
import type { Account } from "../../shared/accounts/account.js";
import type { Durable } from "../../shared/durable.js";
import type { Log } from "../../shared/log.js";
import type { Copies, Copy } from "./copies.js";
import { type Quotas, Room } from "./room.js";

export interface MailboxTools {
  readonly durable: Durable;
  readonly quotas: Quotas;
  readonly log: Log;
}

/** The copy for one account. */
export interface MailboxCopy {
  readonly account: Account;
  readonly copy: Copy;
}

export class MailboxCopies {
  readonly #all: readonly MailboxCopy[];
  readonly #tools: MailboxTools;
  #room: Room | undefined;

  /** @param mailboxes with the fields on top of each copy */
  constructor(
    copies: Copies,
    mailboxes: readonly { readonly account: Account; readonly top: Buffer }[],
    tools: MailboxTools,
  ) {
    this.#all = mailboxes.map(({ account, top }) => ({ account, copy: copies.add(account.maildir, top) }));
    this.#tools = tools;
  }

  /** Those that have not failed. */
  get sound(): readonly MailboxCopy[] {
    return this.#all.filter(({ copy }) => copy.failure === undefined);
  }

  get failed(): readonly MailboxCopy[] {
    return this.#all.filter(({ copy }) => copy.failure !== undefined);
  }

  async prepare(): Promise<void> {
    const arrivals = this.sound.map(({ account, copy }) => ({ account, size: copy.size }));
    if (arrivals.length === 0) return;
    this.#room = await Room.begin(arrivals, this.#tools.quotas);
    for (const { account, copy } of this.#all) {
      if (this.#room.refusals.has(account)) copy.fail(this.#room.refusals.get(account));
    }
  }

  async publish(): Promise<void> {
    const { sound } = this;
    for (const { copy } of sound) await publish(copy);
    await this.#room?.made();
    await Promise.all(sound.map(({ copy }) => syncNew(copy, this.#tools.durable)));
  }

  /** Resolves when the sums are as right as they get. */
  async end(): Promise<void> {
    const delivered = this.sound;
    for (const { copy } of delivered) copy.delivery?.end();
    const arrivals = delivered.map(({ account, copy }) => ({ account, size: copy.size }));
    // The message is delivered. A sum that is wrong now is counted anew some time.
    await this.#room
      ?.record(arrivals)
      .catch((err: unknown) => this.#tools.log.warn({ err }, "maildirsize is not right"));
  }

  /** Gives up the room, whatever came of the message. */
  release(): void {
    this.#room?.release();
  }
}

/** Renames a copy that is ready into new/. Never rejects. */
export async function publish(copy: Copy): Promise<void> {
  if (!copy.ready) return;
  try {
    await copy.delivery?.publish();
  } catch (error) {
    copy.fail(error);
  }
}

/** Makes the rename durable. Never rejects. */
export async function syncNew(copy: Copy, durable: Durable): Promise<void> {
  if (copy.failure !== undefined) return;
  try {
    await durable.syncDirectory(copy.maildir.new);
  } catch (error) {
    copy.fail(error);
  }
}
