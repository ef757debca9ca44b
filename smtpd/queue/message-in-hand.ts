/**
 * A message about which something is being done: its envelope as it is by now, and as it is on disk. Attempts for several
 * destinations, and an administrator, may change it at the same time. Each change is made in memory at once, on top of those
 * before; whatever has come together while the disk was busy is written with one write.
 *
 * Notices that are owed go through the disk like this, so that there is never more than one of them, whenever we die:
 *
 * | envelope      | notice in the queue | next                                                        |
 * |---------------|---------------------|-------------------------------------------------------------|
 * | owes it       | no                  | it is put there, under the queue id that the envelope names   |
 * | owes it       | yes                 | the envelope is written without it, or removed                |
 * | does not      | yes                 | it is sent like any message; until then it is held back       |
 *
 * A write that fails is logged and tried again, after a pause that grows; meanwhile whoever made a change waits.
 */
import type { Log } from "../../shared/log.js";
import type { OwedNotice, QueuedRecipient, QueueEnvelope } from "./envelope.js";

/** What is asked of the queue on disk. */
export interface EnvelopeStore {
  load(queueId: string): Promise<QueueEnvelope | undefined>;
  replace(envelope: QueueEnvelope): Promise<void>;
  remove(envelope: QueueEnvelope): Promise<void>;
}

/** What is asked of whoever makes notices. */
export interface NoticePutter {
  /** Puts a notice about the message into the queue, under its queue id; does nothing when it is there already. */
  put(envelope: QueueEnvelope, notice: OwedNotice): Promise<void>;
}

export interface InHandTools {
  readonly store: EnvelopeStore;
  readonly notices: NoticePutter;
  readonly log: Log;
  /** A notice must not be sent yet. */
  readonly holdBack: (queueId: string) => void;
  /** It may be sent now. */
  readonly letGo: (queueId: string) => void;
  /** Waits; rejects when smtpd ends. */
  readonly pause: (milliseconds: number) => Promise<void>;
}

/** Between two tries to write; twice as long after each. */
const FIRST_PAUSE_MS = 1000;
const PAUSE_MS_MAX = 60_000;

export class MessageInHand {
  /** Those whom an attempt is being made for. */
  readonly underWay = new Set<QueuedRecipient>();
  readonly #tools: InHandTools;
  #envelope: QueueEnvelope;
  #written: QueueEnvelope;
  #removed = false;
  #settling: Promise<void> | undefined;
  /** Notices that are held back on account of this message. */
  readonly #heldBack = new Set<string>();

  /** @param envelope as it is on disk */
  constructor(envelope: QueueEnvelope, tools: InHandTools) {
    this.#tools = tools;
    this.#envelope = envelope;
    this.#written = envelope;
    this.#holdBack();
  }

  /** As it is by now. */
  get envelope(): QueueEnvelope {
    return this.#envelope;
  }

  /** True once there is no such message any more. */
  get gone(): boolean {
    return this.#removed;
  }

  /** True when nothing more is to be done about it but removing it. */
  get isDone(): boolean {
    return this.#removed || (this.#envelope.recipients.length === 0 && this.#envelope.owed.length === 0);
  }

  /** What is being written; undefined when all is. */
  get settling(): Promise<void> | undefined {
    return this.#settling;
  }

  /** Resolves when the change, and all before it, is durable, and nothing is owed. Rejects only when smtpd ends before. */
  change(make: (envelope: QueueEnvelope) => QueueEnvelope): Promise<void> {
    if (!this.#removed) this.#envelope = make(this.#envelope);
    this.#holdBack();
    return this.settle();
  }

  /** The message was found to be missing, and its envelope has been set aside. */
  vanish(): void {
    this.#removed = true;
    this.#letGo([]);
  }

  /** Writes what is not written yet and puts what is owed. */
  settle(): Promise<void> {
    this.#settling ??= this.#settle();
    return this.#settling;
  }

  async #settle(): Promise<void> {
    try {
      for (let failures = 0; !this.#isSettled(); ) {
        try {
          await this.#step();
          failures = 0;
        } catch (err) {
          const { log, pause } = this.#tools;
          log.error({ err, queueId: this.#envelope.queueId }, "queue cannot be written, trying again");
          await pause(Math.min(FIRST_PAUSE_MS * 2 ** failures++, PAUSE_MS_MAX));
        }
      }
    } finally {
      // In the same turn of the event loop as the last look: who makes a change after this begins anew.
      this.#settling = undefined;
    }
  }

  #isSettled(): boolean {
    if (this.#removed) return true;
    const { recipients, owed } = this.#envelope;
    return this.#envelope === this.#written && owed.length === 0 && recipients.length > 0;
  }

  async #step(): Promise<void> {
    const { store, notices } = this.#tools;
    this.#joinNotices();
    const envelope = this.#envelope;
    if (envelope.recipients.length === 0 && envelope.owed.length === 0) {
      await store.remove(envelope);
      this.#removed = true;
      return this.#letGo([]);
    }
    if (envelope !== this.#written) {
      await store.replace(envelope);
      this.#written = envelope;
      this.#letGo([...envelope.owed, ...this.#envelope.owed]);
    }
    for (const notice of envelope.owed) await notices.put(envelope, notice);
    if (envelope.owed.length === 0) return;
    const owed = this.#envelope.owed.filter((notice) => !envelope.owed.includes(notice));
    this.#envelope = { ...this.#envelope, owed };
  }

  /** Of the notices that were never written, those of one action become one. */
  #joinNotices(): void {
    const written = this.#written.owed;
    const joined = new Map<string, OwedNotice>();
    for (const notice of this.#envelope.owed) {
      const key = written.includes(notice) ? notice.queueId : notice.action;
      const before = joined.get(key);
      const reports = [...(before?.reports ?? []), ...notice.reports];
      joined.set(key, before === undefined ? notice : { ...before, reports });
    }
    if (joined.size === this.#envelope.owed.length) return;
    this.#envelope = { ...this.#envelope, owed: [...joined.values()] };
  }

  #holdBack(): void {
    for (const { queueId } of this.#envelope.owed) {
      if (this.#heldBack.has(queueId)) continue;
      this.#heldBack.add(queueId);
      this.#tools.holdBack(queueId);
    }
  }

  /** The envelope on disk owes no others than these. */
  #letGo(owed: readonly OwedNotice[]): void {
    for (const queueId of this.#heldBack) {
      if (owed.some((notice) => notice.queueId === queueId)) continue;
      this.#heldBack.delete(queueId);
      this.#tools.letGo(queueId);
    }
  }
}
