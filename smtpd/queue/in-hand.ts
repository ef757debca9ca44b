/**
 * The messages about which something is being done, each loaded once for all who do something about it at the same time.
 * What was loaded to be scheduled is kept for a moment: mostly its turn comes at once, and the file need not be read again.
 * That is safe because nobody else may change an envelope (lock.ts), and each change here goes through this.
 */
import type { QueueEnvelope } from "./envelope.js";
import { type InHandTools, MessageInHand } from "./message-in-hand.js";

/** Envelopes that are kept for their turn; the oldest go first. */
const REMEMBERED_MAX = 500;
/** One of more recipients is read again. */
const REMEMBERED_RECIPIENTS_MAX = 100;

interface Hold {
  readonly message: Promise<MessageInHand | undefined>;
  users: number;
}

export class InHand {
  readonly #tools: InHandTools;
  readonly #holds = new Map<string, Hold>();
  readonly #remembered = new Map<string, QueueEnvelope>();

  constructor(tools: InHandTools) {
    this.#tools = tools;
  }

  /** Whether something is being done about a message. */
  has(queueId: string): boolean {
    return this.#holds.has(queueId);
  }

  /** Keeps an envelope that was just loaded. */
  remember(envelope: QueueEnvelope): void {
    if (this.#holds.has(envelope.queueId) || envelope.recipients.length > REMEMBERED_RECIPIENTS_MAX) return;
    this.#remembered.set(envelope.queueId, envelope);
    if (this.#remembered.size <= REMEMBERED_MAX) return;
    const [oldest] = this.#remembered.keys();
    if (oldest !== undefined) this.#remembered.delete(oldest);
  }

  /** Does `work` with a message; undefined when there is no such message. Rejects when it cannot be loaded, and as `work` does. */
  async use<T>(queueId: string, work: (message: MessageInHand) => Promise<T>): Promise<T | undefined> {
    const hold = this.#holds.get(queueId) ?? { message: this.#load(queueId), users: 0 };
    this.#holds.set(queueId, hold);
    hold.users++;
    let message: MessageInHand | undefined;
    try {
      message = await hold.message;
      return message === undefined || message.gone ? undefined : await work(message);
    } finally {
      hold.users--;
      const letGo = () => {
        if (hold.users === 0 && this.#holds.get(queueId) === hold) this.#holds.delete(queueId);
      };
      // Not before the envelope on disk is what it is in memory: whoever came then would read an old one.
      if (message?.settling === undefined) letGo();
      else message.settling.then(letGo, letGo);
    }
  }

  async #load(queueId: string): Promise<MessageInHand | undefined> {
    const remembered = this.#remembered.get(queueId);
    this.#remembered.delete(queueId);
    const envelope = remembered ?? (await this.#tools.store.load(queueId));
    return envelope && new MessageInHand(envelope, this.#tools);
  }
}
