/**
 * A message while it arrives: its header section is looked at, trace fields go on top, and the octets go to the
 * mailboxes (copies.ts). What goes wrong on the way is remembered and told at the end, when SMTP has a reply for it;
 * the rest of the message is then let pass, and nothing stays behind.
 */
import { hasCode } from "../../shared/exit.js";
import type { Log } from "../../shared/log.js";
import type { IncomingMessage } from "../protocol/receiver.js";
import { DISK_FULL, LOCAL_TROUBLE, MAILBOX_FULL, type Reply, reply } from "../protocol/reply.js";
import type { Copies, DeliveredCopy } from "./copies.js";
import { type HeaderFacts, HeaderSection } from "./header-section.js";
import { MailboxFull } from "./room.js";

/** RFC 5321 §6.3 asks for at least 100; a message that has been through 50 hosts here is in a loop. */
const RECEIVED_FIELDS_MAX = 50;

export const TOO_MANY_HOPS = reply(554, "4.6", "too many hops, this message is looping");
export const DELIVERED_BEFORE = reply(
  554,
  "4.6",
  "this message was delivered to this mailbox before, it is looping",
);

/** What a message in the making needs. */
export interface IntakeOptions {
  readonly log: Log;
  readonly queueId: string;
  /** The mailboxes it goes to, `alice@example.org`. */
  readonly addresses: readonly string[];
  /** Octets of a header section. */
  readonly headerSizeMax: number;
  /** Begins the copies, once it is known what the header section lacks. */
  readonly copies: (header: HeaderFacts) => Copies;
  /** Called with what was delivered. */
  readonly delivered: (copies: readonly DeliveredCopy[]) => void;
}

export class Intake implements IncomingMessage {
  readonly #options: IntakeOptions;
  readonly #header = new HeaderSection();
  #beginning: Buffer[] = [];
  #beginningOctets = 0;
  #copies: Copies | undefined;
  #failure: Reply | undefined;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  async write(octets: Buffer): Promise<void> {
    if (this.#failure !== undefined) return;
    await this.#unlessItFails(async () => {
      if (this.#copies !== undefined) return this.#copies.write(octets);
      this.#beginning.push(octets);
      this.#beginningOctets += octets.length;
      if (this.#header.push(octets) === "ended") return this.#beginCopies();
      if (this.#beginningOctets > this.#options.headerSizeMax) {
        this.#beginning = [];
        this.#failure = reply(552, "3.4", `the header exceeds ${this.#options.headerSizeMax} octets`);
      }
    });
  }

  async end(): Promise<Reply> {
    await this.#unlessItFails(async () => {
      this.#header.end();
      if (this.#failure === undefined && this.#copies === undefined) await this.#beginCopies();
    });
    await this.#unlessItFails(async () => {
      if (this.#failure !== undefined || this.#copies === undefined) return;
      this.#options.delivered(await this.#copies.commit());
    });
    if (this.#failure === undefined) return reply(250, "0.0", `delivered as ${this.#options.queueId}`);
    await this.abandon();
    return this.#failure;
  }

  async abandon(): Promise<void> {
    this.#beginning = [];
    await this.#copies?.rollback();
  }

  /** The header section is complete: decides by it, and hands on what has come so far. */
  async #beginCopies(): Promise<void> {
    this.#failure = this.#loop();
    if (this.#failure !== undefined) return;
    this.#copies = this.#options.copies(this.#header);
    const beginning = this.#beginning;
    this.#beginning = [];
    for (const octets of beginning) await this.#copies.write(octets);
  }

  #loop(): Reply | undefined {
    if (this.#header.count("received") > RECEIVED_FIELDS_MAX) return TOO_MANY_HOPS;
    const before = new Set(this.#header.deliveredTo.map((address) => address.toLowerCase()));
    return this.#options.addresses.some((address) => before.has(address)) ? DELIVERED_BEFORE : undefined;
  }

  async #unlessItFails(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (err) {
      const { log, queueId } = this.#options;
      this.#failure = replyToStorageError(err);
      if (err instanceof MailboxFull) log.info({ queueId, account: err.account.address }, "mailbox full");
      else log.error({ err, queueId }, "message cannot be stored");
      await this.#copies?.rollback();
    }
  }
}

/**
 * What the client is told of an error while storing: all of it is temporary. A mailbox that is full is so for all recipients,
 * since there is but one reply, and none of them has got the message.
 */
export function replyToStorageError(error: unknown): Reply {
  if (error instanceof MailboxFull) return MAILBOX_FULL;
  return hasCode(error, "ENOSPC", "EDQUOT") ? DISK_FULL : LOCAL_TROUBLE;
}
