/**
 * The octets of a connection, cut into command lines by smtp-server, and passed on whole while a message comes. Each
 * chunk of a message is taken before the next one is read from the socket, so a slow disk slows the client and costs no
 * memory.
 */
import { SMTPStream, type SMTPStreamOptions } from "smtp-server/lib/smtp-stream.js";
import { RESPONSE_OCTETS_MAX } from "../../shared/sasl/exchange.js";

/** Takes octets of a message; resolves to what came after its end, or to undefined while it goes on. */
export type TakeOctets = (chunk: Buffer) => Promise<Buffer | undefined>;

export class CommandStream extends SMTPStream {
  readonly #commandOctetsMax: number;
  #take: TakeOctets | undefined;

  constructor(options: SMTPStreamOptions) {
    super(options);
    this.#commandOctetsMax = this._maxCommandLength;
  }

  /** Whether the next line is the client's part of a SASL exchange, which may be longer than a command. */
  expectResponse(awaited: boolean): void {
    this._maxCommandLength = awaited
      ? Math.max(this.#commandOctetsMax, RESPONSE_OCTETS_MAX)
      : this.#commandOctetsMax;
  }

  /** From here on octets belong to a message, until `take` says that it has ended. Must not reject. */
  receiveMessage(take: TakeOctets): void {
    this.#take = take;
    this._dataMode = true;
  }

  override _feedDataStream(chunk: Buffer, done: (error?: Error | null) => void): void {
    const take = this.#take;
    if (take === undefined) {
      done(new Error("nobody takes the message"));
      return;
    }
    take(chunk).then((rest) => {
      if (rest === undefined) {
        done();
        return;
      }
      this.#take = undefined;
      this._dataMode = false;
      this._write(rest, "buffer", done);
    }, done);
  }

  /** A line without its end, when the client has closed, may be half of a command: it is not run. */
  override _flushData(): void {}
}
