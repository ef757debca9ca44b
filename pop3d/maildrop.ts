/**
 * The maildrop of a session (RFC 1939 §4, §5): the messages that were there at login, under numbers that never change,
 * with the marks that the client sets on them. Pure; what becomes of the marks at QUIT is in update.ts.
 *
 * Whatever other programs do to the Maildir meanwhile, this stays what the client was told.
 */

interface SizesOfMessage {
  /** As it is stored, with CRLF line ends, without stuffing: what a session in UTF-8 mode is sent. */
  readonly octets: number;
  /** Of its surrogate (surrogate.ts), likewise; undefined where the header is ASCII, and none is needed. */
  readonly surrogateOctets?: number | undefined;
}

/** A message as the client knows it. */
export interface Message extends SizesOfMessage {
  /** From 1 on, in the order of delivery. */
  readonly number: number;
  readonly uniqueId: string;
  /** The Maildir++ folder that it lies in, by its directory's name; "" for the Maildir itself. */
  readonly folder: string;
  /** What the message is called in that folder (shared/maildir/name.ts). */
  readonly identity: string;
}

/** What a session is sent of a message whose header is not ASCII (RFC 6856 §2.1). */
export type NonAsciiHeaders = "as stored" | "surrogate" | "refuse";

/** The octets that a session is sent of a message; of one that is refused, those that UTF-8 mode would bring. */
export function octetsOf({ octets, surrogateOctets }: SizesOfMessage, headers: NonAsciiHeaders): number {
  return headers === "surrogate" ? (surrogateOctets ?? octets) : octets;
}

export class Maildrop {
  readonly #messages: readonly Message[];
  readonly #deleted = new Set<Message>();
  readonly #retrieved = new Set<Message>();
  readonly #undeleted: { octets: number; surrogateOctets: number };

  /** @param messages in order of their numbers, which are 1, 2, 3 … */
  constructor(messages: readonly Message[]) {
    this.#messages = messages;
    this.#undeleted = sumOf(messages);
  }

  /** Messages not marked as deleted. */
  get count(): number {
    return this.#messages.length - this.#deleted.size;
  }

  /** The octets of those messages, as a session is sent them. */
  octets(headers: NonAsciiHeaders): number {
    return octetsOf(this.#undeleted, headers);
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
    this.#undeleted.octets -= message.octets;
    this.#undeleted.surrogateOctets -= octetsOf(message, "surrogate");
  }

  /** RSET: no message is marked as deleted. */
  unmarkAll(): void {
    this.#deleted.clear();
    Object.assign(this.#undeleted, sumOf(this.#messages));
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

function sumOf(messages: readonly Message[]): { octets: number; surrogateOctets: number } {
  let [octets, surrogateOctets] = [0, 0];
  for (const message of messages) {
    octets += message.octets;
    surrogateOctets += octetsOf(message, "surrogate");
  }
  return { octets, surrogateOctets };
}
