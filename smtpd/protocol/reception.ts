/**
 * A message on its way from the wire to the receiver: decodes, and hands on what is clean. At the first octet that
 * makes the message refused the receiver is told to abandon it; the rest is read and dropped until its true end.
 *
 * After DATA it is also what the octets of the wire are given to; chunks of BDAT (chunk.ts) share one.
 *
 * However it ends, the receiver hears `end` or `abandon` exactly once, and never while a `write` is under way.
 */
import type { Log } from "../../shared/log.js";
import type { Finished, Incoming } from "./incoming.js";
import type { MessageDecoder, Violation } from "./message-decoder.js";
import type { IncomingMessage, MessageAnswer } from "./receiver.js";
import { LOCAL_TROUBLE, MESSAGE_TOO_BIG, type Reply, reply } from "./reply.js";

const REFUSALS: Readonly<Record<Violation, Reply>> = {
  "bare CR": reply(554, "6.0", "the message has a CR without LF"),
  "bare LF": reply(554, "6.0", "the message has a LF without CR"),
  NUL: reply(554, "6.0", "the message has a NUL"),
  "line too long": reply(554, "6.0", "the message has a line that is too long"),
  "message too big": MESSAGE_TOO_BIG,
};

export class Reception implements Incoming {
  readonly #message: IncomingMessage;
  readonly #decoder: MessageDecoder;
  readonly #log: Log;
  #writing: Promise<void> = Promise.resolve();
  /** True once `end` or `abandon` was called. */
  #settled = false;
  #failed = false;

  constructor(message: IncomingMessage, decoder: MessageDecoder, log: Log) {
    this.#message = message;
    this.#decoder = decoder;
    this.#log = log;
  }

  readonly idle = false;
  readonly complete = false;

  /** Octets of the message so far, as RFC 1870 counts. */
  get size(): number {
    return this.#decoder.size;
  }

  get text(): string {
    return `(a message of ${this.size} octets)`;
  }

  /** What it is refused with, as far as that is known; whoever has it in chunks can stop here. */
  get refusal(): Reply | undefined {
    const { violation } = this.#decoder;
    if (violation !== undefined) return REFUSALS[violation];
    return this.#failed ? LOCAL_TROUBLE : undefined;
  }

  /**
   * Takes the next octets off the wire; resolves when there is room for more, to what came after the end of the
   * message, or to undefined while it goes on. Never rejects.
   */
  async take(chunk: Buffer): Promise<Buffer | undefined> {
    const { octets, rest } = this.#decoder.decode(chunk);
    if (this.#decoder.violation !== undefined) await this.abandon();
    else if (octets.length > 0 && !this.#settled) await this.#write(octets);
    return rest;
  }

  /** All of the message has come. Never rejects. */
  async finish(): Promise<Finished> {
    return { answer: await this.#end(), ends: true };
  }

  /** The message will not come whole, or is not wanted. Never rejects; does nothing the second time. */
  async abandon(): Promise<void> {
    if (this.#settled) return;
    this.#settled = true;
    await this.#writing;
    await this.#message.abandon().catch((err: unknown) => this.#log.error({ err }, "message not cleaned up"));
  }

  async #end(): Promise<MessageAnswer> {
    const lastLineEnd = this.#decoder.end();
    if (lastLineEnd.length > 0 && !this.#settled) await this.#write(lastLineEnd);
    const { refusal } = this;
    if (refusal !== undefined || this.#settled) {
      await this.abandon();
      return refusal ?? LOCAL_TROUBLE;
    }
    this.#settled = true;
    try {
      return await this.#message.end();
    } catch (err) {
      this.#log.error({ err }, "message not taken");
      return LOCAL_TROUBLE;
    }
  }

  async #write(octets: Buffer): Promise<void> {
    this.#writing = this.#message.write(octets).catch(async (err: unknown) => {
      this.#log.error({ err }, "message not written");
      this.#failed = true;
    });
    await this.#writing;
    if (this.#failed) await this.abandon();
  }
}
