/**
 * mbsync keeps the Maildir and a second one the same, both ways: it adds `,U=` to names, carries flags over, copies what is
 * new, and expunges on one side what has gone from the other.
 */
import { mkdir, readdir, readFile, rename, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FsyncDurable } from "../../shared/durable.js";
import { createMaildir } from "../../shared/maildir/create.js";
import { type Maildir, maildirAt } from "../../shared/maildir/maildir.js";
import { run } from "../interop/run.js";
import { asNobody, giveFileToNobody, giveToNobody } from "../nobody.js";
import { messageWith, tokenIn } from "./message.js";
import type { Work } from "./work.js";

const NAME = "mbsync";

/** The second Maildir, and the way to make both the same. */
export class Mirror {
  readonly maildir: Maildir;
  readonly #work: Work;
  readonly #config: string;
  #delivered = 0;

  private constructor(work: Work) {
    this.#work = work;
    this.maildir = maildirAt(join(work.directory, "mirror"));
    this.#config = join(work.directory, "mbsyncrc");
  }

  static async make(work: Work): Promise<Mirror> {
    const mirror = new Mirror(work);
    await createMaildir(mirror.maildir, new FsyncDurable());
    await mkdir(join(work.directory, "mbsync"));
    const store = (name: string, { path }: Maildir) => `MaildirStore ${name}\nInbox ${path}\n`;
    const channel =
      "Channel both\nFar :far:\nNear :near:\nSync All\nCreate None\nRemove None\nExpunge Both\n" +
      `SyncState ${work.directory}/mbsync/\n`;
    await writeFile(
      mirror.#config,
      `${store("far", mirror.maildir)}\n${store("near", work.maildir)}\n${channel}`,
    );
    await giveToNobody(work.directory);
    return mirror;
  }

  /** Changes the mirror, and makes both the same, again and again. */
  async keep(): Promise<void> {
    while (this.#work.goOn()) {
      const fresh = [await this.#deliver(), await this.#deliver()];
      await this.#remove(this.#work.random.below(3));
      if (await this.sync()) for (const token of fresh) this.#work.ledger.delivered(token);
    }
  }

  /**
   * Runs mbsync once; it is told not to wait for a second in which nobody changes the Maildir, since there is none.
   * Resolves to whether it has done all there was to do.
   */
  async sync(): Promise<boolean> {
    const { tally, directory } = this.#work;
    const [command, ...args] = asNobody(["mbsync", "-Tz", "-c", this.#config, "both"]);
    const { code } = await run(command, args, { env: { HOME: directory } });
    if (code === 0) tally.did(NAME);
    else tally.refused(NAME);
    return code === 0;
  }

  /** Into the mirror; it is not in the Maildir before mbsync has been there. */
  async #deliver(): Promise<string> {
    const { ledger, random } = this.#work;
    const token = ledger.begin(NAME);
    const name = `${Math.floor(Date.now() / 1000)}.R${++this.#delivered}.mirror`;
    const path = join(this.maildir.tmp, name);
    await writeFile(path, messageWith(token, random));
    await giveFileToNobody(path);
    await rename(path, join(this.maildir.new, name));
    return token;
  }

  /** From the mirror, so that mbsync expunges them from the Maildir. */
  async #remove(count: number): Promise<void> {
    const { ledger, random } = this.#work;
    for (const name of random.some(await readdir(this.maildir.cur), count)) {
      const path = join(this.maildir.cur, name);
      const token = tokenIn(await readFile(path));
      if (token === undefined) throw new Error(`no message of ours: ${path}`);
      ledger.mayBeRemoved(token, NAME);
      await unlink(path);
    }
  }
}
