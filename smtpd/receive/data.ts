/**
 * A message while it arrives: its header section is looked at, and by it is decided whether and how to store it
 * (acceptance.ts). What goes wrong on the way is remembered and told at the end, when SMTP has a reply for it; the rest of the
 * message is then let pass, and nothing stays behind.
 */
import type { Log } from "../../shared/log.js";
import type { IncomingMessage, MessageAnswer } from "../protocol/receiver.js";
import { LOCAL_TROUBLE, type Reply, reply } from "../protocol/reply.js";
import { type HeaderFacts, HeaderSection } from "./header-section.js";
import { replyToStorageError } from "./storage-error.js";

/** RFC 5321 §6.3 asks for at least 100; a message that has been through 50 hosts here is in a loop. */
const RECEIVED_FIELDS_MAX = 50;

export const TOO_MANY_HOPS = reply(554, "4.6", "too many hops, this message is looping");

/** Where the octets of a message go, once its header section is known. */
export interface Storing {
  /** Rejects with the system's error when they cannot be stored. */
  write(octets: Buffer): Promise<void>;
  /** Resolves when what is taken is durable, and what is not leaves nothing behind. */
  commit(): Promise<MessageAnswer>;
  /** Leaves nothing behind. */
  rollback(): Promise<void>;
}

/** What a message in the making needs. */
export interface IntakeOptions {
  readonly log: Log;
  readonly queueId: string;
  /** Octets of a header section. */
  readonly headerSizeMax: number;
  /** Decides by the header section: where the octets go, or why they are not wanted. */
  readonly begin: (header: HeaderFacts) => Storing | Reply;
}

export class Intake implements IncomingMessage {
  readonly #options: IntakeOptions;
  readonly #header = new HeaderSection();
  #beginning: Buffer[] = [];
  #beginningOctets = 0;
  #storing: Storing | undefined;
  #failure: Reply | undefined;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  async write(octets: Buffer): Promise<void> {
    if (this.#failure !== undefined) return;
    await this.#unlessItFails(async () => {
      if (this.#storing !== undefined) return this.#storing.write(octets);
      this.#beginning.push(octets);
      this.#beginningOctets += octets.length;
      if (this.#header.push(octets) === "ended") return this.#begin();
      if (this.#beginningOctets > this.#options.headerSizeMax) {
        this.#beginning = [];
        this.#failure = reply(552, "3.4", `the header exceeds ${this.#options.headerSizeMax} octets`);
      }
    });
  }

  async end(): Promise<MessageAnswer> {
    let answer: MessageAnswer | undefined;
    await this.#unlessItFails(async () => {
      this.#header.end();
      if (this.#failure === undefined && this.#storing === undefined) await this.#begin();
    });
    await this.#unlessItFails(async () => {
      if (this.#failure === undefined) answer = await this.#storing?.commit();
    });
    if (this.#failure === undefined && answer !== undefined) return answer;
    await this.abandon();
    return this.#failure ?? LOCAL_TROUBLE;
  }

  async abandon(): Promise<void> {
    this.#beginning = [];
    await this.#storing?.rollback();
  }

  /** The header section is complete: decides by it, and hands on what has come so far. */
  async #begin(): Promise<void> {
    const beginning = this.#beginning;
    this.#beginning = [];
    const decided = this.#decide();
    if ("code" in decided) {
      this.#failure = decided;
      return;
    }
    this.#storing = decided;
    for (const octets of beginning) await decided.write(octets);
  }

  #decide(): Storing | Reply {
    return this.#header.count("received") > RECEIVED_FIELDS_MAX
      ? TOO_MANY_HOPS
      : this.#options.begin(this.#header);
  }

  async #unlessItFails(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (err) {
      const { log, queueId } = this.#options;
      this.#failure = replyToStorageError(err);
      log.error({ err, queueId }, "message cannot be stored");
      await this.#storing?.rollback();
    }
  }
}
