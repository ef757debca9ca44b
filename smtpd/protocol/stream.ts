/**
 * The octets of a connection, cut into command lines, and passed on whole while they are no commands. Each piece is taken
 * before the next one is read from the socket, so a slow disk slows the client and costs no memory.
 *
 * A stream in place of smtp-server's own, which costs a copy of all that is left for each change between commands and
 * octets, and a call upon the stack: with BDAT a client can ask for thousands of them in one packet.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { SMTPStream, type SMTPStreamOptions } from "smtp-server/lib/smtp-stream.js";
import { RESPONSE_OCTETS_MAX } from "../../shared/sasl/exchange.js";

/** Takes octets that are no commands; resolves to what came after them, or to undefined while they go on. */
export type TakeOctets = (chunk: Buffer) => Promise<Buffer | undefined>;

const LF = 0x0a;
const CR = 0x0d;

/** After so many commands of one packet the other connections have their turn. */
const COMMANDS_PER_TURN = 100;

export class CommandStream extends SMTPStream {
  readonly #commandOctetsMax: number;
  #lineOctetsMax: number;
  /** The beginning of a line whose end has not come yet. */
  #line: Buffer = Buffer.alloc(0);
  #take: TakeOctets | undefined;

  constructor(options: SMTPStreamOptions) {
    super(options);
    this.#commandOctetsMax = this._maxCommandLength;
    this.#lineOctetsMax = this._maxCommandLength;
  }

  /** Whether the next line is the client's part of a SASL exchange, which may be longer than a command. */
  expectResponse(awaited: boolean): void {
    this.#lineOctetsMax = awaited
      ? Math.max(this.#commandOctetsMax, RESPONSE_OCTETS_MAX)
      : this.#commandOctetsMax;
  }

  /** From here on octets are no commands, until `take` says that they are again. Must not reject. */
  receiveOctets(take: TakeOctets): void {
    this.#take = take;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#read(chunk).then(() => done(), done);
  }

  /** A line without its end, when the client has closed, may be half of a command: it is not run. */
  override _flushData(): void {}

  /** Rejects when a line is too long. */
  async #read(chunk: Buffer): Promise<void> {
    let rest: Buffer | undefined = chunk;
    for (let commands = 0; rest !== undefined && rest.length > 0 && !this.isClosed; commands++) {
      if (commands > 0 && commands % COMMANDS_PER_TURN === 0) await nextTurn();
      rest = this.#take === undefined ? await this.#readLine(rest) : await this.#passOn(this.#take, rest);
    }
  }

  async #passOn(take: TakeOctets, octets: Buffer): Promise<Buffer | undefined> {
    const rest = await take(octets);
    if (rest !== undefined) this.#take = undefined;
    return rest;
  }

  async #readLine(octets: Buffer): Promise<Buffer | undefined> {
    const end = octets.indexOf(LF);
    const line = Buffer.concat([this.#line, end < 0 ? octets : octets.subarray(0, end)]);
    const complete = end >= 0 && line.at(-1) === CR ? line.subarray(0, -1) : line;
    if (complete.length > this.#lineOctetsMax) throw new RangeError("command line too long");
    this.#line = end < 0 ? line : Buffer.alloc(0);
    if (end < 0) return undefined;
    await new Promise<void>((resolve) => this.oncommand(complete, resolve));
    return octets.subarray(end + 1);
  }
}
