/**
 * Meeting whatever a crash, a power cut or somebody's hands have left in the queue (the table in queue.ts): at the start of
 * smtpd and every few hours, beside all else that goes on in it.
 *
 * | found                                                   | becomes                                                     |
 * |---------------------------------------------------------|-------------------------------------------------------------|
 * | an envelope that cannot be read, or without its message | set aside in `broken/`, logged                              |
 * | another file in `envelope/`, 36 hours old               | likewise                                                    |
 * | a message without envelope, 36 hours old                | removed; its sender was told nothing, or it was sent        |
 * | the same while anything is in `broken/`                 | set aside, since an envelope there may be its               |
 * | a file in `tmp/` or `control/`, 36 hours old            | removed                                                     |
 *
 * Never sooner, for a receiver may be between the two renames of a commit. How old a file is, its last change says: of what
 * is in it or of where it lies, so that an old file may be moved in.
 *
 * The messages are listed before the envelopes, so that each message whose commit was seen has its envelope seen, too; an
 * envelope whose message was not listed is looked at once more. Each folder is read once, in one piece; what follows gives
 * way to other work (slices.ts). 100,000 envelopes take some seconds, and meanwhile as many names are held.
 */
import { lstat, readdir } from "node:fs/promises";
import { hasCode } from "../../shared/exit.js";
import { cleanDirectory, TMP_LIFETIME_MS } from "../../shared/maildir/clean.js";
import { parseName, pathOf } from "../../shared/maildir/name.js";
import { messagesIn } from "../../shared/maildir/scan.js";
import type { QueueEnvelope } from "./envelope.js";
import { queueIdOfFile } from "./envelope-file.js";
import { findMessage } from "./message.js";
import type { Queue } from "./queue.js";
import { inSlices } from "./slices.js";

const RECOVERY_INTERVAL_MS = 6 * 3_600_000;

/** Recovers from the start of smtpd on, every six hours. */
export class Recovery {
  readonly #queue: Queue;
  readonly #ending = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #running: Promise<void>;

  constructor(queue: Queue) {
    this.#queue = queue;
    this.#running = this.#run();
    this.#timer = setInterval(() => {
      this.#running = this.#running.then(() => this.#run());
    }, RECOVERY_INTERVAL_MS).unref();
  }

  /** Resolves when it touches nothing any more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#ending.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      await recover(this.#queue, this.#ending.signal);
    } catch (err) {
      if (!this.#ending.signal.aborted) this.#queue.tools.log.error({ err }, "queue not cleaned up");
    }
  }
}

/**
 * Looks through the whole queue once. Rejects with the system's error when something cannot be read or moved, and what comes
 * after that waits for the next time.
 * @param signal ends it before its time; then it rejects with the signal's reason
 */
export async function recover(queue: Queue, signal?: AbortSignal): Promise<void> {
  const unclaimed = await identitiesIn(queue);
  const names = await readdir(queue.folders.envelope, "latin1");
  await inSlices(names, (name) => meet(queue, name, unclaimed), signal);
  await inSlices(unclaimed, (identity) => meetUnclaimed(queue, identity), signal);
  for (const directory of [queue.maildir.tmp, queue.folders.control])
    await cleanDirectory(directory, queue.tools.now());
}

/** The identities of all messages (shared/maildir/name.ts). */
async function identitiesIn({ maildir }: Queue): Promise<Set<string>> {
  const identities = new Set<string>();
  for (const folder of [maildir.new, maildir.cur])
    await inSlices(await messagesIn(folder), (name) => void identities.add(parseName(name).identity));
  return identities;
}

/** A promise only where something has to be waited for, which is seldom. */
function meet(queue: Queue, name: string, unclaimed: Set<string>): Promise<void> | undefined {
  const queueId = queueIdOfFile(name);
  if (queueId === undefined) return meetStrange(queue, name);
  const loaded = queue.loadNow(queueId);
  if (loaded instanceof Promise)
    return loaded.then((envelope) => envelope && claim(queue, envelope, unclaimed));
  return loaded && claim(queue, loaded, unclaimed);
}

function claim(queue: Queue, envelope: QueueEnvelope, unclaimed: Set<string>): Promise<void> | undefined {
  if (unclaimed.delete(parseName(envelope.message).identity)) return undefined;
  // The message came after the messages were listed, or two envelopes share it, or it is missing, which this sees to.
  return queue.open(envelope).then(() => undefined);
}

async function meetStrange(queue: Queue, name: string): Promise<void> {
  // File servers keep files by such names that are still open somewhere.
  if (name.startsWith(".")) return;
  const path = pathOf(queue.folders.envelope, name);
  try {
    const { mtimeMs, ctimeMs } = await lstat(path);
    if (!isOld(queue, Math.max(mtimeMs, ctimeMs))) return;
    await queue.setAsideFile(path, name);
    queue.tools.log.error({ file: name, directory: queue.folders.broken }, "strange file set aside");
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  }
}

async function meetUnclaimed(queue: Queue, identity: string): Promise<void> {
  const message = await findMessage(queue.maildir, identity, false);
  if (message === undefined || !isOld(queue, message.changedAt)) return;
  const { log, durable } = queue.tools;
  const isPerhapsOfBroken = (await readdir(queue.folders.broken)).length > 0;
  if (isPerhapsOfBroken) {
    await queue.setAsideFile(message.path, identity);
    log.error({ file: identity, directory: queue.folders.broken }, "message without envelope set aside");
  } else {
    await durable.remove(message.path).catch((error: unknown) => {
      if (!hasCode(error, "ENOENT")) throw error;
    });
    log.info({ file: identity }, "message without envelope removed");
  }
}

function isOld(queue: Queue, changedAt: number): boolean {
  return queue.tools.now() - changedAt >= TMP_LIFETIME_MS;
}
