/**
 * The maildrop of a session (RFC 1939 §4, §5): the messages that were there at login, under numbers that never change,
 * with the marks that the client sets on them. Pure; what becomes of the marks at QUIT is in update.ts.
 *
 * Whatever other programs do to the Maildir meanwhile, this stays what the client was told.
 */

/** A message as the client knows it. */
export interface Message {
  /** From 1 on, in the order of delivery. */
  readonly number: number;
  readonly uniqueId: string;
  /** As sent: with CRLF line ends, without stuffing. */
  readonly octets: number;
  /** The Maildir++ folder that it lies in, by its directory's name; "" for the Maildir itself. */
  readonly folder: string;
  /** What the message is called in that folder (shared/maildir/name.ts). */
  readonly identity: string;
}

export class Maildrop {
  readonly #messages: readonly Message[];
  readonly #deleted = new Set<Message>();
  readonly #retrieved = new Set<Message>();
  #octets: number;

  /** @param messages in order of their numbers, which are 1, 2, 3 … */
  constructor(messages: readonly Message[]) {
    this.#messages = messages;
    this.#octets = octetsOf(messages);
  }

  /** Messages not marked as deleted. */
  get count(): number {
    return this.#messages.length - this.#deleted.size;
  }

  /** The octets of those messages. */
  get octets(): number {
    return this.#octets;
  }

  /** The message of this number, unless there is none or it is marked as deleted. */
  find(number: number): Message | undefined {
    const message = this.#messages[number - 1];
    return message === undefined || this.#deleted.has(message) ? undefined : message;
  }

  /** The messages that are not marked as deleted, in order. */
  *listed(): Generator<Message> {
    for (const message of this.#messages) if (!this.#deleted.has(message)) yield message;
  }

  markDeleted(message: Message): void {
    if (this.#deleted.has(message)) return;
    this.#deleted.add(message);
    this.#octets -= message.octets;
  }

  /** RSET: no message is marked as deleted. */
  unmarkAll(): void {
    this.#deleted.clear();
    this.#octets = octetsOf(this.#messages);
  }

  markRetrieved(message: Message): void {
    this.#retrieved.add(message);
  }

  /** All that were listed at login, deleted or not. */
  get messages(): readonly Message[] {
    return this.#messages;
  }

  isDeleted(message: Message): boolean {
    return this.#deleted.has(message);
  }

  wasRetrieved(message: Message): boolean {
    return this.#retrieved.has(message);
  }
}

function octetsOf(messages: readonly Message[]): number {
  return messages.reduce((sum, { octets }) => sum + octets, 0);
}
