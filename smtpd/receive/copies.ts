/**
 * One message for several mailboxes: the same octets in each, under fields of its own on top (Delivered-To differs).
 *
 * A small message waits in memory and is written to each mailbox in one piece. A large one streams into the tmp/ of
 * the first mailbox, and the others copy it from there once it is whole: memory stays flat, and a mailbox costs a file
 * descriptor only while it is written. All copies are staged (deliver.ts) and have found room (room.ts) before the first is
 * committed, so that trouble with one of them leaves none.
 */
import type { Account } from "../../shared/accounts/account.js";
import { concurrently } from "../../shared/concurrently.js";
import type { Durable } from "../../shared/durable.js";
import type { Log } from "../../shared/log.js";
import { commitAll, Delivery, rollbackAll } from "../../shared/maildir/deliver.js";
import { type Quotas, Room } from "./room.js";

/** What a mailbox gets: the account, and the fields on top of its copy. */
export interface CopyFor {
  readonly account: Account;
  readonly top: Buffer;
}

/** A copy that is in its Maildir. */
export interface DeliveredCopy {
  readonly account: Account;
  readonly name: string;
  readonly size: number;
}

export interface CopyTools {
  readonly durable: Durable;
  /** Makes unique parts of Maildir names (name.ts). */
  readonly uniqueName: () => string;
  readonly quotas: Quotas;
  readonly log: Log;
}

/** As much of a message as is held in memory. */
const MEMORY_OCTETS_MAX = 128 * 1024;
/** Mailboxes that are written to at the same time. */
const WRITERS_MAX = 8;

export class Copies {
  readonly #copies: readonly CopyFor[];
  readonly #tools: CopyTools;
  readonly #deliveries: (Delivery | undefined)[] = [];
  #memory: Buffer[] = [];
  #memoryOctets = 0;
  #spilled = false;

  constructor(copies: readonly CopyFor[], tools: CopyTools) {
    this.#copies = copies;
    this.#tools = tools;
  }

  /** Takes the next octets of the message. Rejects with the system's error when they cannot be stored. */
  async write(octets: Buffer): Promise<void> {
    this.#memory.push(octets);
    this.#memoryOctets += octets.length;
    if (this.#memoryOctets > MEMORY_OCTETS_MAX) await this.#spill();
  }

  /**
   * Stages every copy, then commits all: when it resolves, each is durable in its Maildir. Rejects with MailboxFull when
   * one of them has no room for it, with the system's error when they cannot be stored.
   */
  async commit(): Promise<DeliveredCopy[]> {
    if (this.#spilled) await this.#spill();
    const octets = this.#takeMemory();
    await concurrently(this.#copies.keys(), WRITERS_MAX, (index) => this.#complete(index, octets));
    await this.#deliveries[0]?.stage();
    const delivered = this.#copies.map(({ account }, index) => {
      const delivery = this.#deliveries[index];
      return { account, name: delivery?.name ?? "", size: delivery?.size ?? 0 };
    });
    await this.#deliver(delivered);
    return delivered;
  }

  async #deliver(arrivals: readonly DeliveredCopy[]): Promise<void> {
    const { durable, quotas, log } = this.#tools;
    const room = await Room.begin(arrivals, quotas);
    try {
      await commitAll(this.#begun(), durable, () => room.made());
      // The message is delivered. A sum that is wrong now is counted anew some time.
      await room.record().catch((err: unknown) => log.warn({ err }, "maildirsize is not right"));
    } finally {
      room.release();
    }
  }

  /** Leaves nothing behind in any tmp/. */
  async rollback(): Promise<void> {
    this.#memory = [];
    await rollbackAll(this.#begun());
  }

  #begun(): Delivery[] {
    return this.#deliveries.filter((delivery) => delivery !== undefined);
  }

  /** Moves what is in memory to the first mailbox's file. */
  async #spill(): Promise<void> {
    const first = this.#deliveries[0] ?? (await this.#begin(0));
    const octets = this.#takeMemory();
    if (octets.length > 0) await first.write(octets);
    this.#spilled = true;
  }

  #takeMemory(): Buffer {
    const octets = Buffer.concat(this.#memory, this.#memoryOctets);
    this.#memory = [];
    this.#memoryOctets = 0;
    return octets;
  }

  /**
   * Makes one mailbox's copy whole, from memory or from the first one's file, and stages it. The first is staged last,
   * since the others read it.
   */
  async #complete(index: number, octets: Buffer): Promise<void> {
    if (this.#spilled && index === 0) return;
    const delivery = await this.#begin(index);
    const [first] = this.#deliveries;
    if (this.#spilled && first !== undefined)
      await delivery.copyFrom(first, this.#copies[0]?.top.length ?? 0);
    else await delivery.write(octets);
    if (index !== 0) await delivery.stage();
  }

  async #begin(index: number): Promise<Delivery> {
    const copy = this.#copies[index];
    if (copy === undefined) throw new RangeError(`there is no mailbox ${index}`);
    const delivery = await Delivery.begin(
      copy.account.maildir,
      this.#tools.uniqueName(),
      this.#tools.durable,
    );
    this.#deliveries[index] = delivery;
    await delivery.write(copy.top);
    return delivery;
  }
}
