/**
 * The queue on disk: a Maildir whose messages wait for another host, and beside its `tmp new cur` a folder `envelope/`.
 *
 * | message in         | envelope                   | means                                                               |
 * |--------------------|----------------------------|---------------------------------------------------------------------|
 * | `tmp/`             | –                          | being received; garbage after 36 hours                              |
 * | `new/`             | –                          | not committed, nobody was told anything; or sent, and its envelope removed already: garbage after 36 hours |
 * | `new/`             | in `tmp/`                  | the same                                                            |
 * | `new/`             | `envelope/<queue id>.json` | committed, not tried yet                                            |
 * | `cur/`             | `envelope/<queue id>.json` | tried; the envelope holds what is known of each recipient           |
 * | –                  | `envelope/<queue id>.json` | cannot happen; set aside in `broken/`, logged, never dropped        |
 * | anywhere           | in `envelope/`, unreadable | likewise, the message too where the envelope still tells which it is |
 *
 * **The rename of an envelope into `envelope/` is the commit**; durable, and to be acknowledged, once `envelope/` is synced. By
 * then the message is durable in `new/`. A rename puts a changed envelope in the old one's place. At the end the envelope is
 * removed, and the message when that is durable: so there is no moment at which a power cut leaves an envelope alone.
 *
 * Another program may place mail here in the same way, and may move messages between `new/` and `cur/` and give them flags.
 * Who may is said in folders.ts. What is read here was perhaps written by such a program: an envelope that belongs to somebody
 * else than smtpd sends only a message that belongs to the same user, and never that of another.
 *
 * Errors are the system's. One call at a time for one message; there is one sender (lock.ts), which sees to that. What a crash
 * leaves is cleaned up in recover.ts.
 */
import { lstatSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename } from "node:path";
import type { Durable, Path } from "../../shared/durable.js";
import { hasCode } from "../../shared/exit.js";
import type { Log } from "../../shared/log.js";
import type { Maildir } from "../../shared/maildir/maildir.js";
import { pathOf, withFlags } from "../../shared/maildir/name.js";
import type { JobMessage } from "../send/delivery.js";
import { BrokenFolder } from "./broken.js";
import type { QueueEnvelope } from "./envelope.js";
import {
  ENVELOPE_OCTETS_MAX,
  envelopeFileName,
  formatEnvelope,
  isEnvelope,
  type NoEnvelope,
  parseEnvelope,
  queueIdOfFile,
} from "./envelope-file.js";
import { foldersAt, makeFolders, type QueueFolders } from "./folders.js";
import { type FoundMessage, findMessage, QueuedMessage, withMessage } from "./message.js";
import { readNow } from "./read-now.js";

export interface QueueTools {
  readonly durable: Durable;
  /** Makes unique parts of Maildir names (shared/maildir/name.ts). */
  readonly uniqueName: () => string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly log: Log;
}

export class Queue {
  readonly folders: QueueFolders;
  readonly tools: QueueTools;
  readonly #broken: BrokenFolder;
  /** Whose envelopes may name any message: root's, and those of the owner of the queue. */
  readonly #trusted: readonly number[];
  /** Queue ids that are being committed. */
  readonly #claimed = new Set<string>();

  private constructor(folders: QueueFolders, tools: QueueTools, owner: number) {
    this.folders = folders;
    this.tools = tools;
    this.#broken = new BrokenFolder(folders.broken, tools.durable, tools.uniqueName);
    this.#trusted = [0, owner];
  }

  /** Opens the queue in a directory, and makes it when it is not there. */
  static async open(path: string, tools: QueueTools): Promise<Queue> {
    const folders = foldersAt(path);
    await makeFolders(folders, tools.durable);
    return new Queue(folders, tools, (await stat(folders.envelope)).uid);
  }

  /** Where the messages are. They are put there by a Delivery (shared/maildir/deliver.ts), or by enqueue. */
  get maildir(): Maildir {
    return this.folders.maildir;
  }

  /**
   * Commits a message that is durable in new/. When this resolves, it will be sent, and may be acknowledged. When it rejects,
   * neither envelope nor message is left, as far as they can be removed.
   */
  async commit(envelope: QueueEnvelope): Promise<void> {
    const { durable } = this.tools;
    const { queueId, message } = envelope;
    try {
      await this.#claiming(queueId, async () => {
        const text = formatEnvelope(envelope);
        const read = parseEnvelope(text, queueId);
        if (!isEnvelope(read)) throw new Error(`an envelope that nobody could read: ${read.reason}`);
        await this.#put(queueId, text);
        await durable.syncDirectory(this.folders.envelope).catch(async (error: unknown) => {
          await durable.remove(this.#pathOf(queueId)).catch(() => {});
          throw error;
        });
      });
    } catch (error) {
      await durable.remove(pathOf(this.maildir.new, message)).catch(() => {});
      throw error;
    }
  }

  /** The envelope of a message. Undefined when there is none; one that is wrong is set aside in broken/ and logged. */
  async load(queueId: string): Promise<QueueEnvelope | undefined> {
    return this.loadNow(queueId);
  }

  /** The same for those who load very many: a promise only where somebody has to be asked or something set aside. */
  loadNow(queueId: string): QueueEnvelope | undefined | Promise<QueueEnvelope | undefined> {
    const read = readNow(this.#pathOf(queueId), ENVELOPE_OCTETS_MAX);
    if (read.kind === "gone") return undefined;
    if (read.kind === "strange") return this.#refuse(queueId, read.reason);
    const envelope = parseEnvelope(read.octets.toString("utf8"), queueId);
    if (!isEnvelope(envelope)) return this.#refuseUnreadable(queueId, envelope, read.owner);
    return this.#trusted.includes(read.owner) ? envelope : this.#judgeOwner(envelope, read.owner);
  }

  /** Puts an envelope in the place of the one with the same queue id, atomically; durable when it resolves. */
  async replace(envelope: QueueEnvelope): Promise<void> {
    const { durable } = this.tools;
    await this.#put(envelope.queueId, formatEnvelope(envelope));
    await durable.syncDirectory(this.folders.envelope);
    if (!isTried(envelope)) return;
    const { message } = envelope;
    // For those who look; we find it in either. So it need not be durable, and somebody else may have done it.
    await ignoringAbsence(
      durable.publish(pathOf(this.maildir.new, message), pathOf(this.maildir.cur, withFlags(message))),
    );
  }

  /**
   * Removes a message with which all is done. From the call on nobody else can begin with it, and nothing need wait until it
   * resolves: when the envelope's removal is durable, and the message is gone, too.
   */
  async remove(envelope: QueueEnvelope): Promise<void> {
    const { durable } = this.tools;
    await ignoringAbsence(durable.remove(this.#pathOf(envelope.queueId)));
    await durable.syncDirectory(this.folders.envelope);
    await withMessage(this.maildir, envelope.message, isTried(envelope), (path) => durable.remove(path));
  }

  /** The octets of a message, for a sender. Undefined when they are gone: then the envelope is set aside and logged. */
  async open(envelope: QueueEnvelope): Promise<JobMessage | undefined> {
    const found = await this.#find(envelope);
    if (found !== undefined)
      return QueuedMessage.of(found, envelope.message, isTried(envelope), () => this.#find(envelope));
    await this.setAside(envelope.queueId, "the message is missing");
    return undefined;
  }

  /** The queue ids of all envelopes, in no particular order; one reading of the directory. */
  async ids(): Promise<string[]> {
    const names = await readdir(this.folders.envelope, "latin1");
    return names.map(queueIdOfFile).filter((queueId) => queueId !== undefined);
  }

  /** Whether a message of this queue id is there. */
  has(queueId: string): boolean {
    return lstatSync(this.#pathOf(queueId), { throwIfNoEntry: false }) !== undefined;
  }

  /**
   * Moves an envelope to broken/, with its message where there is one that may go with it, and logs why. The message goes
   * first: a crash in between leaves an envelope alone, which is set aside the next time.
   */
  async setAside(queueId: string, reason: string, message?: FoundMessage): Promise<void> {
    const { log } = this.tools;
    const directory = this.folders.broken;
    const name = message && basename(message.path.toString("latin1"));
    if (message !== undefined && name !== undefined) await this.setAsideFile(message.path, name);
    if (!(await this.setAsideFile(this.#pathOf(queueId), envelopeFileName(queueId)))) return;
    log.error({ queueId, message: name, reason, directory }, "message set aside");
  }

  /** Moves any file to broken/, where it has this name; resolves to whether it was still there. */
  setAsideFile(path: Path, name: string): Promise<boolean> {
    return this.#broken.take(path, name);
  }

  async #refuseUnreadable(
    queueId: string,
    { reason, message }: NoEnvelope,
    owner: number,
  ): Promise<undefined> {
    const found = message === undefined ? undefined : await findMessage(this.maildir, message, false);
    const isIts = this.#trusted.includes(owner) || found?.owner === owner;
    await this.setAside(queueId, reason, isIts ? found : undefined);
  }

  /** Else whoever may place mail could have another's message sent to himself, and removed. */
  async #judgeOwner(envelope: QueueEnvelope, owner: number): Promise<QueueEnvelope | undefined> {
    const message = await this.#find(envelope);
    // Without a message it is found out when that is opened.
    if (message === undefined || message.owner === owner) return envelope;
    return this.#refuse(
      envelope.queueId,
      `it belongs to user ${owner}, its message to user ${message.owner}`,
    );
  }

  async #refuse(queueId: string, reason: string): Promise<undefined> {
    await this.setAside(queueId, reason);
  }

  #find(envelope: QueueEnvelope): Promise<FoundMessage | undefined> {
    return findMessage(this.maildir, envelope.message, isTried(envelope));
  }

  /** A rename would replace the envelope of another message that has, by a rare chance, the same queue id. */
  async #claiming(queueId: string, action: () => Promise<void>): Promise<void> {
    if (this.#claimed.has(queueId) || this.has(queueId))
      throw new Error(`there is a message ${queueId} already`);
    this.#claimed.add(queueId);
    try {
      await action();
    } finally {
      this.#claimed.delete(queueId);
    }
  }

  /** Writes the text of an envelope in tmp/, durably, and renames it into envelope/. */
  async #put(queueId: string, text: string): Promise<void> {
    const { durable, uniqueName } = this.tools;
    const temporary = `${this.maildir.tmp}/${uniqueName()}.envelope`;
    const file = await durable.create(temporary);
    try {
      try {
        await file.write(Buffer.from(text));
        await file.sync();
      } finally {
        await file.close();
      }
      await durable.publish(temporary, this.#pathOf(queueId));
    } catch (error) {
      await durable.remove(temporary).catch(() => {});
      throw error;
    }
  }

  #pathOf(queueId: string): string {
    return `${this.folders.envelope}/${envelopeFileName(queueId)}`;
  }
}

function isTried({ recipients }: QueueEnvelope): boolean {
  return recipients.some(({ attempts }) => attempts > 0);
}

async function ignoringAbsence(action: Promise<void>): Promise<void> {
  try {
    await action;
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  }
}
