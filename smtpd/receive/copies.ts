/**
 * One message for several Maildirs: the same octets in each, under fields of its own on top (Delivered-To differs).
 *
 * A small message waits in memory and is written to each Maildir in one piece. A large one streams into the tmp/ of one of
 * them, and the others copy it from there once it is whole: memory stays flat, and a Maildir costs a file descriptor only
 * while it is written.
 *
 * Each copy fails by itself, and says why; the message as a whole is lost only when no Maildir takes it. When the one that it
 * streams into takes no more, another goes on from what that one has.
 */
import { concurrently } from "../../shared/concurrently.js";
import type { Durable } from "../../shared/durable.js";
import { Delivery, rollbackAll } from "../../shared/maildir/deliver.js";
import type { Maildir } from "../../shared/maildir/maildir.js";

export interface CopyTools {
  readonly durable: Durable;
  /** Makes unique parts of Maildir names (name.ts). */
  readonly uniqueName: () => string;
}

/** A copy in the making. */
export class Copy {
  readonly maildir: Maildir;
  /** The fields on top, with LF line ends. */
  readonly top: Buffer;
  #delivery: Delivery | undefined;
  #staged = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(maildir: Maildir, top: Buffer) {
    this.maildir = maildir;
    this.top = top;
  }

  get delivery(): Delivery | undefined {
    return this.#delivery;
  }

  /** True when it is whole and durable in tmp/, and nothing has failed since. */
  get ready(): boolean {
    return this.#staged && this.#failure === undefined;
  }

  /** What went wrong with it; undefined while nothing has. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** True when its file holds all of the message, whatever has failed since. */
  get holdsMessage(): boolean {
    return this.#staged;
  }

  /** The name in new/, once it is staged. */
  get name(): string {
    return this.#delivery?.name ?? "";
  }

  /** Octets of its file. */
  get size(): number {
    return this.#delivery?.size ?? 0;
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  async begin({ durable, uniqueName }: CopyTools): Promise<Delivery> {
    this.#delivery ??= await Delivery.begin(this.maildir, uniqueName(), durable);
    return this.#delivery;
  }

  async stage(): Promise<void> {
    await this.#delivery?.stage();
    this.#staged = true;
  }
}

/** As much of a message as is held in memory. */
const MEMORY_OCTETS_MAX = 128 * 1024;
/** Maildirs that are written to at the same time. */
const WRITERS_MAX = 8;

export class Copies {
  readonly #tools: CopyTools;
  readonly #copies: Copy[] = [];
  #memory: Buffer[] = [];
  #memoryOctets = 0;
  /** The copy that the message streams into; undefined while it is in memory. */
  #source: Copy | undefined;

  constructor(tools: CopyTools) {
    this.#tools = tools;
  }

  /** Adds a Maildir; may be done as long as nothing is rolled back. */
  add(maildir: Maildir, top: Buffer): Copy {
    const copy = new Copy(maildir, top);
    this.#copies.push(copy);
    return copy;
  }

  /** Takes the next octets of the message. Rejects with the system's error when no Maildir takes them. */
  async write(octets: Buffer): Promise<void> {
    this.#memory.push(octets);
    this.#memoryOctets += octets.length;
    if (this.#memoryOctets > MEMORY_OCTETS_MAX) await this.#spill();
  }

  /** All of the message has come: makes each copy whole and durable in tmp/ that is not yet, or says in it what failed. */
  async stage(): Promise<void> {
    if (this.#source !== undefined && this.#memoryOctets > 0) await this.#spill().catch(() => {});
    const waiting = this.#copies.filter((copy) => !copy.holdsMessage && copy.failure === undefined);
    await concurrently(waiting, WRITERS_MAX, async (copy) => {
      if (copy === this.#source) return;
      await attempt(copy, async () => {
        await this.#complete(copy);
        await copy.stage();
      });
    });
    // Last, since others read it: after a sync that failed nobody knows what is read.
    const source = waiting.find((copy) => copy === this.#source);
    if (source !== undefined) await attempt(source, () => source.stage());
  }

  /** Leaves nothing behind in any tmp/ or new/, but of those that have ended. */
  async rollback(): Promise<void> {
    this.#memory = [];
    await rollbackAll(
      this.#copies.map(({ delivery }) => delivery).filter((delivery) => delivery !== undefined),
    );
  }

  /** Moves what is in memory to the file that the message streams into, or to the next that takes it. */
  async #spill(): Promise<void> {
    let trouble: unknown = new Error("there is no Maildir for the message");
    for (const copy of this.#copies) {
      if (copy.failure !== undefined) continue;
      try {
        await this.#moveTo(copy);
        return;
      } catch (error) {
        copy.fail(error);
        trouble = error;
      }
    }
    throw trouble;
  }

  async #moveTo(copy: Copy): Promise<void> {
    const delivery = await copy.begin(this.#tools);
    if (copy !== this.#source) {
      await delivery.write(copy.top);
      const before = this.#source;
      if (before?.delivery !== undefined) await delivery.copyFrom(before.delivery, before.top.length);
    }
    this.#source = copy;
    await delivery.write(Buffer.concat(this.#memory, this.#memoryOctets));
    this.#memory = [];
    this.#memoryOctets = 0;
  }

  /** Writes a whole copy, from memory or from another copy's file. */
  async #complete(copy: Copy): Promise<void> {
    const delivery = await copy.begin(this.#tools);
    if (this.#source === undefined) {
      // In one piece: for a small message each call counts.
      await delivery.write(Buffer.concat([copy.top, ...this.#memory]));
      return;
    }
    const whole = this.#wholeCopy();
    if (whole?.delivery === undefined) throw new Error("there is no whole copy of the message");
    await delivery.write(copy.top);
    await delivery.copyFrom(whole.delivery, whole.top.length);
  }

  /** A copy that holds all of the message: the one that it streamed into, unless that has failed. */
  #wholeCopy(): Copy | undefined {
    const source = this.#source;
    if (source?.failure === undefined) return source;
    return this.#copies.find((copy) => copy.holdsMessage);
  }
}

async function attempt(copy: Copy, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    copy.fail(error);
  }
}
