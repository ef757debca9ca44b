/**
 * A change of what a Maildir holds, on its way into `maildirsize`.
 *
 *     const change = await keeper.change(maildir);
 *     … messages are added and removed, and the change told of each …
 *     await change.made();        // right after, so that the time in which somebody may count is short
 *     … what has changed is made durable …
 *     await change.record();
 *
 * The line is added only to the file that was there both before and after. Is another in its place by the time of
 * `record`, then somebody has counted since, and the change is in that summary (quota-keeper.ts). Has the file changed
 * between before and after, nobody knows, and it is counted.
 *
 * A process that dies before `record`, or a line that cannot be written, leaves a sum that is wrong until it is counted
 * anew: never a message that is lost.
 */
import type { Maildir } from "./maildir.js";
import { parseName } from "./name.js";
import { type Amount, NOTHING, sum } from "./quota.js";
import { appendChange, quotaFileIdentity, readQuotaFile } from "./quota-file.js";
import { counts, folderCounts, type Manner, TRASH } from "./quota-lines.js";

/** A message that was removed, or moved to .Trash and flagged so. */
export interface Departure {
  /** The Maildir++ folder that it lay in, `.Spam`; "" for the Maildir itself. */
  readonly folder: string;
  /** Its last name there. */
  readonly filename: string;
  /** Octets of its file, by which it counts: what its name says (`S=`), else what there is. */
  readonly octets: number;
  readonly to: "nowhere" | typeof TRASH;
}

export class QuotaChange {
  readonly #maildir: Maildir;
  readonly #recount: () => Promise<void>;
  /** The file before the change; undefined where there is none, and the next who needs one counts. */
  readonly #before: string | undefined;
  readonly #manner: Manner;
  #after: Promise<string | undefined> | undefined;
  #amount = NOTHING;

  private constructor(
    maildir: Maildir,
    recount: () => Promise<void>,
    before: string | undefined,
    manner: Manner,
  ) {
    this.#maildir = maildir;
    this.#recount = recount;
    this.#before = before;
    this.#manner = manner;
  }

  static async begin(maildir: Maildir, recount: () => Promise<void>): Promise<QuotaChange> {
    // A file that cannot be read is no reason to keep anybody from their mail. Who needs it will say what is wrong.
    const file = await readQuotaFile(maildir).catch(() => undefined);
    return new QuotaChange(maildir, recount, file?.identity, file?.manner ?? "all");
  }

  /** Notes a message that has come. */
  added(octets: number): void {
    this.#note({ octets, messages: 1 });
  }

  /** Notes a message that has gone. What did not count before makes no difference; nor does what still counts. */
  left({ folder, filename, octets, to }: Departure): void {
    const name = parseName(filename, this.#maildir.infoSeparator);
    const counted = folderCounts(folder, this.#manner) && counts(name, this.#manner);
    const stillCounts = to === TRASH && folderCounts(to, this.#manner);
    if (counted && !stillCounts) this.#note({ octets: -octets, messages: -1 });
  }

  /** Says that all has been added and removed. May be left to `record`. */
  async made(): Promise<void> {
    this.#after ??= quotaFileIdentity(this.#maildir);
    // Told by `record`.
    await this.#after.catch(() => {});
  }

  /** Adds the line. Rejects with the system's error when the sum cannot be put right. */
  async record(): Promise<void> {
    await this.made();
    if ((await this.#after) !== this.#before) return this.#recount();
    if (this.#before === undefined || (this.#amount.messages === 0 && this.#amount.octets === 0)) return;
    try {
      await appendChange(this.#maildir, this.#before, this.#amount);
    } catch {
      await this.#recount();
    }
  }

  #note(amount: Amount): void {
    this.#amount = sum(this.#amount, amount);
  }
}
