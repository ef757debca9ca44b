/** A line-by-line dialogue with a daemon over TCP or TLS, octets kept as they are. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

const CRLF = Buffer.from("\r\n");

export class Dialogue {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #ended = false;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (octets) => {
      this.#received = Buffer.concat([this.#received, octets]);
      this.#wake();
    });
    const end = () => {
      this.#ended = true;
      this.#wake();
    };
    socket.on("error", end).on("close", end).on("end", end);
  }

  static connect(port: number): Promise<Dialogue> {
    return Dialogue.#opened(connect({ port, host: "127.0.0.1", noDelay: true }), "connect");
  }

  static connectTls(port: number): Promise<Dialogue> {
    return Dialogue.#opened(
      connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false }),
      "secureConnect",
    );
  }

  static #opened(socket: Socket, event: string): Promise<Dialogue> {
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.once(event, () => resolve(new Dialogue(socket)));
    });
  }

  send(octets: string | Buffer): void {
    this.#socket.write(octets);
  }

  /** Sends a command line and expects its reply. */
  async command(line: string, reply: RegExp): Promise<string> {
    this.send(`${line}\r\n`);
    return this.expect(reply);
  }

  /** The next line that is no part of a multi-line SMTP reply (`250-…`), without CRLF; it must match. */
  async expect(reply: RegExp): Promise<string> {
    for (;;) {
      const line = (await this.line()).toString("latin1");
      if (/^\d{3}-/.test(line)) continue;
      assert.match(line, reply);
      return line;
    }
  }

  /** The next line, without CRLF. Rejects when the connection ends first. */
  async line(): Promise<Buffer> {
    return this.#until(CRLF, 0);
  }

  /** The rest of a POP3 multi-line response (RFC 1939 §3): up to the line `.`, dots unstuffed, every line with CRLF. */
  async multiline(): Promise<Buffer> {
    const lines: Buffer[] = [];
    for (;;) {
      const line = await this.line();
      if (line.length === 1 && line[0] === 0x2e) return Buffer.concat(lines);
      lines.push(line[0] === 0x2e ? line.subarray(1) : line, CRLF);
    }
  }

  /** Resolves when the other side has closed. */
  async closed(): Promise<void> {
    while (!this.#ended) await this.#more();
  }

  /** Cuts the connection without a word. */
  destroy(): void {
    this.#socket.destroy();
  }

  async #until(mark: Buffer, from: number): Promise<Buffer> {
    for (let searched = from; ; ) {
      const at = this.#received.indexOf(mark, searched);
      if (at >= 0) {
        const found = this.#received.subarray(0, at);
        this.#received = this.#received.subarray(at + mark.length);
        return found;
      }
      if (this.#ended)
        throw new Error(`connection closed after ${JSON.stringify(this.#received.toString("latin1"))}`);
      searched = Math.max(0, this.#received.length - mark.length + 1);
      await this.#more();
    }
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
