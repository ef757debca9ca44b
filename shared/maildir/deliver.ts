/**
 * Putting a message into a Maildir.
 *
 * | in tmp/        | in new/ | means                                                                     |
 * |----------------|---------|---------------------------------------------------------------------------|
 * | partial, whole | –       | being received; after a crash garbage, removed after 36 hours (clean.ts)    |
 * | whole, synced  | –       | staged: all that could fail for want of room or rights has been tried     |
 * | –              | whole   | committed by the rename; durable, and may be acknowledged, once `new/` is synced |
 *
 * A Delivery begins, is written, staged, and then either committed or rolled back, each once. A message for several
 * mailboxes is several deliveries, all staged before the first is committed: `commitAll`.
 *
 * Errors are the system's (ENOSPC, EDQUOT, EACCES …). After one the delivery can only be rolled back: a write that
 * failed left a hole, and a sync that failed would say "fine" the next time.
 *
 * It does not change what it stores: lines end in LF by the time they arrive here. It counts them, and sees whether the
 * header is ASCII, because the name says so (name.ts).
 */
import { access, constants, open } from "node:fs/promises";
import type { Durable, DurableFile } from "../durable.js";
import { hasCode } from "../exit.js";
import { createMaildir } from "./create.js";
import { HeaderScan } from "./header.js";
import type { Maildir } from "./maildir.js";
import { formatBaseName } from "./name.js";

const LF = 0x0a;
const COPY_OCTETS = 256 * 1024;

export class Delivery {
  readonly #maildir: Maildir;
  readonly #unique: string;
  readonly #durable: Durable;
  #file: DurableFile | undefined;
  #state: "writing" | "staged" | "published" | "failed" | "ended" = "writing";
  #size = 0;
  #lines = 0;
  readonly #header = new HeaderScan();

  private constructor(maildir: Maildir, unique: string, durable: Durable, file: DurableFile) {
    this.#maildir = maildir;
    this.#unique = unique;
    this.#durable = durable;
    this.#file = file;
  }

  /**
   * Creates the file in tmp/, and the Maildir on its first delivery.
   * @param unique a unique part that no other delivery uses (name.ts)
   */
  static async begin(maildir: Maildir, unique: string, durable: Durable): Promise<Delivery> {
    const path = `${maildir.tmp}/${unique}`;
    try {
      return new Delivery(maildir, unique, durable, await durable.create(path));
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
    }
    await createMaildir(maildir, durable);
    return new Delivery(maildir, unique, durable, await durable.create(path));
  }

  get maildir(): Maildir {
    return this.#maildir;
  }

  /** Octets written so far. */
  get size(): number {
    return this.#size;
  }

  /** The name that the message has once it is committed. */
  get name(): string {
    return formatBaseName(this.#unique, this.#size, this.#size + this.#lines, this.#header.ascii);
  }

  /** Appends octets whose lines end in LF. */
  async write(octets: Uint8Array): Promise<void> {
    await this.#attempt("writing", "writing", async () => this.#file?.write(octets));
    this.#size += octets.length;
    this.#header.take(octets);
    for (let at = octets.indexOf(LF); at >= 0; at = octets.indexOf(LF, at + 1)) this.#lines++;
  }

  /**
   * Appends what another delivery, not yet ended, holds from octet `start` on; a piece at a time. Of one whose last write
   * failed, what was written before.
   */
  async copyFrom(other: Delivery, start: number): Promise<void> {
    const source = await open(other.#path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const piece = Buffer.allocUnsafe(COPY_OCTETS);
      for (let position = start; position < other.#size; ) {
        const wanted = Math.min(piece.length, other.#size - position);
        const { bytesRead } = await source.read(piece, 0, wanted, position);
        if (bytesRead === 0) throw new Error("the message to be copied has become shorter");
        position += bytesRead;
        await this.write(piece.subarray(0, bytesRead));
      }
    } finally {
      await source.close();
    }
  }

  /** Makes the file durable and makes sure that new/ can be written. Nothing is visible to others yet. */
  async stage(): Promise<void> {
    await this.#attempt("writing", "staged", async () => {
      await this.#file?.sync();
      await this.#closeFile();
      await this.#checkNew();
    });
  }

  /** Renames the message into new/. Not yet durable: see commitAll. */
  async publish(): Promise<void> {
    await this.#attempt("staged", "published", () => this.#durable.publish(this.#tmpPath, this.#newPath));
  }

  /** Says that the message is durable in new/, and ours no more. */
  end(): void {
    this.#expect("published");
    this.#state = "ended";
  }

  /**
   * Gives the message up and removes its file, from new/ if it was published. May be called in any state; does nothing
   * after an end.
   */
  async rollback(): Promise<void> {
    if (this.#state === "ended") return;
    const path = this.#path;
    this.#state = "ended";
    await this.#closeFile().catch(() => {});
    await ignoringAbsence(this.#durable.remove(path));
  }

  get #path(): string {
    return this.#state === "published" ? this.#newPath : this.#tmpPath;
  }

  get #tmpPath(): string {
    return `${this.#maildir.tmp}/${this.#unique}`;
  }

  get #newPath(): string {
    return `${this.#maildir.new}/${this.name}`;
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  /** That new/ can be written; it is made where somebody has made but half a Maildir. */
  async #checkNew(): Promise<void> {
    const check = () => access(this.#maildir.new, constants.W_OK | constants.X_OK);
    try {
      await check();
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
      await createMaildir(this.#maildir, this.#durable);
      await check();
    }
  }

  /** Goes from one state to another by `action`; to "failed" when that fails. */
  async #attempt(
    from: "writing" | "staged",
    to: "writing" | "staged" | "published",
    action: () => Promise<void>,
  ): Promise<void> {
    this.#expect(from);
    try {
      await action();
      this.#expect(from);
      this.#state = to;
    } catch (error) {
      if (this.#state === from) this.#state = "failed";
      throw error;
    }
  }

  #expect(state: "writing" | "staged" | "published"): void {
    if (this.#state !== state) throw new Error(`delivery is ${this.#state}, not ${state}`);
  }
}

/**
 * Commits staged deliveries together: every rename, then every directory's sync. When it resolves, all of them may
 * be acknowledged. When any step fails, those already renamed are taken back and none is delivered; a reader that was
 * quick may have seen one all the same, and will see it again when the client tries again: twice, never lost.
 *
 * @param published called when all are visible, and not yet durable; when it rejects, none is delivered
 */
export async function commitAll(
  deliveries: readonly Delivery[],
  durable: Durable,
  published: () => Promise<void> = async () => {},
): Promise<void> {
  try {
    for (const delivery of deliveries) await delivery.publish();
    await published();
    const directories = new Set(deliveries.map((delivery) => delivery.maildir.new));
    await Promise.all([...directories].map((directory) => durable.syncDirectory(directory)));
  } catch (error) {
    await rollbackAll(deliveries);
    throw error;
  }
  for (const delivery of deliveries) delivery.end();
}

/** Gives up every delivery; what cannot be removed now is removed from tmp/ after 36 hours. */
export async function rollbackAll(deliveries: readonly Delivery[]): Promise<void> {
  await Promise.allSettled(deliveries.map((delivery) => delivery.rollback()));
}

async function ignoringAbsence(removal: Promise<void>): Promise<void> {
  try {
    await removal;
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  }
}
