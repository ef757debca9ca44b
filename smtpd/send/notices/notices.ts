/**
 * Puts notices into the queue, from where they are sent like any mail; never more than one for each queue id that is owed.
 *
 * A notice has a null reverse-path, so nothing is ever told about a notice (RFC 3461 §5.2). What cannot be delivered and has
 * a null reverse-path itself, a notice of ours or of others, is dropped, its envelope in the log; or by option goes to the
 * postmaster, once: that copy asks for no notices (RFC 3461 §4.1 NEVER), so when it fails, too, it is gone.
 *
 * Errors are the system's, from the queue; a message that is gone or cannot be read is spoken of without its header.
 */
import { formatMailbox, type Mailbox } from "../../../shared/address.js";
import type { Log } from "../../../shared/log.js";
import { addressedTo } from "../../queue/addressed.js";
import { enqueue, type Pieces } from "../../queue/enqueue.js";
import type { OwedNotice, QueueEnvelope } from "../../queue/envelope.js";
import { formatEnvelope } from "../../queue/envelope-file.js";
import type { Queue } from "../../queue/queue.js";
import type { JobMessage } from "../delivery.js";
import { composeNotice } from "./message.js";
import { readOriginal } from "./original.js";
import type { Original } from "./returned.js";

export interface NoticesOptions {
  readonly queue: Queue;
  readonly hostname: string;
  /** Who answers for this host. */
  readonly postmaster: Mailbox;
  /** What becomes of a message with a null reverse-path that cannot be delivered. */
  readonly undeliverable: "drop" | "postmaster";
  readonly now: () => number;
  readonly log: Log;
}

/** What an envelope of our own has to say. */
type OwnEnvelope = Pick<QueueEnvelope, "queueId" | "body" | "smtputf8" | "recipients">;

export class Notices {
  readonly #options: NoticesOptions;

  constructor(options: NoticesOptions) {
    this.#options = options;
  }

  /**
   * Sees to a notice about a message that is in the queue. When it resolves, the notice is durable under its queue id, or
   * was there already, or there is nobody to get it.
   */
  async put(envelope: QueueEnvelope, notice: OwedNotice): Promise<void> {
    if (this.#options.queue.has(notice.queueId)) return;
    if (envelope.reversePath === undefined) await this.#putWithoutSender(envelope, notice);
    else await this.#putToSender(envelope, envelope.reversePath, notice);
  }

  async #putToSender(envelope: QueueEnvelope, to: Mailbox, notice: OwedNotice): Promise<void> {
    const { hostname, postmaster, now, log } = this.#options;
    const { octets, body, smtputf8 } = composeNotice({
      hostname,
      postmaster,
      date: new Date(now()),
      envelope,
      to,
      notice,
      original: await this.#original(envelope, notice),
    });
    const { queueId, action } = notice;
    await this.#enqueue({ queueId, body, smtputf8, recipients: [addressedTo(to, now())] }, [octets]);
    log.info({ queueId, about: envelope.queueId, action, to: formatMailbox(to) }, "notice queued");
  }

  async #original(envelope: QueueEnvelope, { action }: OwedNotice): Promise<Original | undefined> {
    // RFC 3461 §4.3: RET says what a failure returns; other notices always return the header.
    const wanted = action === "failed" && envelope.ret === "FULL" ? "whole" : "header";
    try {
      const message = await this.#open(envelope);
      return message === undefined ? undefined : await readOriginal(message, wanted);
    } catch (err) {
      this.#options.log.warn({ err, queueId: envelope.queueId }, "message cannot be returned");
      return undefined;
    }
  }

  async #putWithoutSender(envelope: QueueEnvelope, notice: OwedNotice): Promise<void> {
    const { postmaster, undeliverable, now, log } = this.#options;
    if (notice.action !== "failed") return;
    const { queueId, body, smtputf8 } = envelope;
    const message = undeliverable === "postmaster" ? await this.#open(envelope) : undefined;
    const facts = { queueId, envelope: JSON.parse(formatEnvelope(envelope)) };
    if (message === undefined) {
      log.warn(facts, "undeliverable and without a sender: dropped");
      return;
    }
    const recipients = [{ ...addressedTo(postmaster, now()), notify: [] }];
    const octets = await message.open();
    try {
      await this.#enqueue({ queueId: notice.queueId, body, smtputf8, recipients }, octets);
    } finally {
      // Where there is no room it may not have been read at all, and holds a file.
      octets.destroy();
    }
    log.warn({ ...facts, as: notice.queueId }, "undeliverable and without a sender: to the postmaster");
  }

  #open(envelope: QueueEnvelope): Promise<JobMessage | undefined> {
    return this.#options.queue.open(envelope);
  }

  async #enqueue(own: OwnEnvelope, pieces: Pieces): Promise<void> {
    const { queue, now } = this.#options;
    const rest = { arrivedAt: now(), reversePath: undefined, account: undefined, held: false, owed: [] };
    await enqueue(queue, { ...rest, ...own, ret: undefined, envid: undefined }, pieces);
  }
}
