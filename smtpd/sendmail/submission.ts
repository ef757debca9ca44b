/**
 * A message of a program on this host on its way into the queue: fields on top, the header without what is not passed on, and
 * the rest as it is. Begins, is written, is complete, and is then either committed or abandoned.
 *
 * Nothing is in the queue before the commit; what a killed process leaves lies in tmp/ or new/ and is removed after 36 hours.
 */
import type { Mailbox } from "../../shared/address.js";
import { isAscii } from "../../shared/address.js";
import { EXIT, ExitError } from "../../shared/exit.js";
import { commitAll, Delivery, rollbackAll } from "../../shared/maildir/deliver.js";
import type { QueueEnvelope } from "../queue/envelope.js";
import type { Queue } from "../queue/queue.js";
import { HeaderSection } from "../receive/header-section.js";
import { missingFields } from "../receive/repair.js";
import { receivedLocally } from "../receive/trace-headers.js";
import { type Head, passedOn, readHead } from "./head.js";

/** A message that has been through as many hosts and programs comes back again and again (RFC 5321 §6.3). */
const RECEIVED_FIELDS_MAX = 50;

export interface SubmissionFacts {
  readonly queueId: string;
  readonly hostname: string;
  /** Octets of a header. */
  readonly headerSizeMax: number;
  /** Who handed it in. */
  readonly uid: number;
  /** Whom it is from, where it does not say so. */
  readonly sender: Mailbox;
  /** The value of From, likewise. */
  readonly author: string;
  /** Whether Date, From and Message-ID are added where they are missing. */
  readonly repair: boolean;
}

/** What is up to whoever hands it in. */
export type Asked = Pick<QueueEnvelope, "reversePath" | "ret" | "envid"> & {
  readonly recipients: readonly Pick<
    QueueEnvelope["recipients"][number],
    "forwardPath" | "notify" | "orcpt"
  >[];
};

export class Submission {
  readonly #queue: Queue;
  readonly #facts: SubmissionFacts;
  readonly #delivery: Delivery;
  readonly #header = new HeaderSection();
  #beginning: Buffer[] = [];
  #beginningOctets = 0;
  #head: Head | undefined;
  #ascii = true;

  private constructor(queue: Queue, facts: SubmissionFacts, delivery: Delivery) {
    this.#queue = queue;
    this.#facts = facts;
    this.#delivery = delivery;
  }

  /** Rejects with the system's error when nothing can be put into the queue. */
  static async begin(queue: Queue, facts: SubmissionFacts): Promise<Submission> {
    const { durable, uniqueName } = queue.tools;
    return new Submission(queue, facts, await Delivery.begin(queue.maildir, uniqueName(), durable));
  }

  get queueId(): string {
    return this.#facts.queueId;
  }

  /** Takes octets with LF line ends. Rejects with an ExitError (65) where it is no message that can be sent. */
  async write(octets: Buffer): Promise<void> {
    if (this.#ascii) this.#ascii = octets.every((octet) => octet < 0x80);
    if (this.#head !== undefined) return this.#delivery.write(octets);
    this.#beginning.push(octets);
    this.#beginningOctets += octets.length;
    if (this.#header.push(octets) === "ended") await this.#beginMessage();
    else if (this.#beginningOctets > this.#facts.headerSizeMax)
      throw new ExitError(EXIT.data, `the header exceeds ${this.#facts.headerSizeMax} octets`);
  }

  /** All of it was written: it is made durable, and visible to nobody yet. Resolves to its header. */
  async complete(): Promise<Head> {
    this.#header.end();
    const head = this.#head ?? (await this.#beginMessage());
    await this.#delivery.stage();
    return head;
  }

  /** Puts it into the queue: durable when it resolves. @param now milliseconds since 1970 */
  async commit({ recipients, ...asked }: Asked, now: number): Promise<void> {
    await commitAll([this.#delivery], this.#queue.tools.durable);
    const mailboxes = [asked.reversePath, ...recipients.map(({ forwardPath }) => forwardPath)];
    await this.#queue.commit({
      ...asked,
      queueId: this.#facts.queueId,
      message: this.#delivery.name,
      arrivedAt: now,
      body: this.#ascii ? "7BIT" : "8BITMIME",
      smtputf8: !mailboxes.every((mailbox) => mailbox === undefined || isAscii(mailbox.localPart)),
      account: undefined,
      held: false,
      recipients: recipients.map((recipient) => ({ ...NOT_TRIED, ...recipient, nextAttempt: now })),
      owed: [],
    });
  }

  /** Gives it up. Leaves nothing behind; does nothing after a commit. */
  async abandon(): Promise<void> {
    this.#beginning = [];
    await rollbackAll([this.#delivery]);
  }

  async #beginMessage(): Promise<Head> {
    if (this.#header.count("received") > RECEIVED_FIELDS_MAX)
      throw new ExitError(EXIT.data, "too many Received fields: this message is looping");
    const head = readHead(Buffer.concat(this.#beginning, this.#beginningOctets));
    this.#head = head;
    this.#beginning = [];
    const date = new Date(this.#queue.tools.now());
    const facts = { ...this.#facts, date };
    const added = receivedLocally(facts) + (facts.repair ? missingFields(this.#header, facts) : "");
    await this.#delivery.write(
      Buffer.concat([Buffer.from(added), passedOn(head), Buffer.from("\n"), head.rest]),
    );
    return head;
  }
}

const NOT_TRIED = {
  account: undefined,
  rewrittenReversePath: undefined,
  attempts: 0,
  trouble: undefined,
  delayTold: false,
} as const;
