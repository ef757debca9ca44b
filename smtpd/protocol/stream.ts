/**
 * The octets of a connection, cut into command lines by smtp-server, and passed on whole while a message comes. Each
 * chunk of a message is taken before the next one is read from the socket, so a slow disk slows the client and costs no
 * memory.
 */
import { SMTPStream } from "smtp-server/lib/smtp-stream.js";

/** Takes octets of a message; resolves to what came after its end, or to undefined while it goes on. */
export type TakeOctets = (chunk: Buffer) => Promise<Buffer | undefined>;

export class CommandStream extends SMTPStream {
  #take: TakeOctets | undefined;

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
