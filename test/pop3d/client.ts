/** A POP3 client for tests: octets as they are, one line at a time, reading only when it is asked to. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls, TLSSocket } from "node:tls";
import { PASSWORD } from "../daemons/site.js";
import { cutInto } from "./arbitraries.js";

const HOST = "127.0.0.1";
const UNVERIFIED: ConnectionOptions = { rejectUnauthorized: false };

export class Client {
  readonly #socket: Socket;
  readonly #octets: AsyncIterator<Buffer>;
  #held: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#octets = socket.iterator({ destroyOnReturn: false });
    socket.on("error", () => {});
  }

  /** @param localAddress where to call from, in 127.0.0.0/8 */
  static connect(port: number, localAddress = HOST): Promise<Client> {
    const options = { port, host: HOST, localAddress, noDelay: true, allowHalfOpen: true };
    return Client.#opened(connect(options), "connect");
  }

  static connectUnix(path: string): Promise<Client> {
    return Client.#opened(connect({ path, allowHalfOpen: true }), "connect");
  }

  static connectTls(port: number, options: ConnectionOptions = {}): Promise<Client> {
    return Client.#opened(connectTls({ port, host: HOST, ...UNVERIFIED, ...options }), "secureConnect");
  }

  /** Connects and logs in; resolves when the maildrop is open. */
  static async loggedIn(port: number, user = "alice"): Promise<Client> {
    const client = await Client.connect(port);
    await client.expect("+OK");
    await client.login(user);
    return client;
  }

  static #opened(socket: Socket, event: string): Promise<Client> {
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.once(event, () => resolve(new Client(socket)));
    });
  }

  /** The handshake of STLS; whoever uses it goes on with the client that it gives. */
  async startTls(options: ConnectionOptions = {}): Promise<Client> {
    assert.equal(this.#held.length, 0, "more came before TLS");
    await this.#octets.return?.();
    return Client.#opened(connectTls({ socket: this.#socket, ...UNVERIFIED, ...options }), "secureConnect");
  }

  async login(user = "alice", password = PASSWORD): Promise<void> {
    await this.command(`USER ${user}`, "+OK");
    await this.command(`PASS ${password}`, "+OK");
  }

  send(octets: Buffer | string): void {
    this.#socket.write(octets);
  }

  /** Each piece goes to the kernel before the next is written, so that the server may well see them one by one. */
  async sendInPieces(octets: Buffer, lengths: Iterable<number>): Promise<void> {
    for (const piece of cutInto(octets, lengths)) {
      this.send(piece);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Sends a command line; resolves to the reply's first line, which must begin with `status`. */
  command(line: string, status: string): Promise<string> {
    this.send(`${line}\r\n`);
    return this.expect(status);
  }

  async expect(status: string): Promise<string> {
    const line = await this.line();
    assert.ok(line.startsWith(status), `${line} is no ${status}`);
    return line;
  }

  /** The next line, latin1, without its CRLF. */
  async line(): Promise<string> {
    for (;;) {
      const end = this.#held.indexOf("\r\n");
      if (end >= 0) {
        const line = this.#held.toString("latin1", 0, end);
        this.#held = this.#held.subarray(end + 2);
        return line;
      }
      assert.ok(await this.#read(), `closed after ${JSON.stringify(this.#held.toString("latin1"))}`);
    }
  }

  /** The lines of a multi-line reply, as they are sent. */
  async lines(): Promise<string[]> {
    const lines: string[] = [];
    for (let line = await this.line(); line !== "."; line = await this.line()) lines.push(line);
    return lines;
  }

  /** The next octets, latin1. */
  async take(count: number): Promise<string> {
    const pieces = [this.#held];
    let octets = this.#held.length;
    this.#held = Buffer.alloc(0);
    while (octets < count) {
      assert.ok(await this.#read(), `closed after ${octets} of ${count} octets`);
      pieces.push(this.#held);
      octets += this.#held.length;
      this.#held = Buffer.alloc(0);
    }
    const all = Buffer.concat(pieces, octets);
    this.#held = all.subarray(count);
    return all.toString("latin1", 0, count);
  }

  /** Reads and drops octets; resolves when `count` have come, those held included. */
  async skip(count: number, onRead: (skipped: number) => Promise<void> = async () => {}): Promise<void> {
    let skipped = this.#held.length;
    this.#held = Buffer.alloc(0);
    while (skipped < count) {
      assert.ok(await this.#read(), `closed after ${skipped} of ${count} octets`);
      skipped += this.#held.length;
      this.#held = Buffer.alloc(0);
      await onRead(skipped);
    }
    assert.equal(skipped, count);
  }

  /** What comes until the server closes; latin1. */
  async rest(): Promise<string> {
    while (await this.#read());
    this.#socket.destroy();
    return this.#held.toString("latin1");
  }

  /** Ends our side. */
  end(): void {
    this.#socket.end();
  }

  /** Cuts the connection without a word. */
  destroy(): void {
    this.#socket.destroy();
  }

  /** What SCRAM can bind to (RFC 9266), as the client's side of TLS has it. */
  get channelBinding(): Buffer | undefined {
    if (!(this.#socket instanceof TLSSocket)) return undefined;
    return this.#socket.exportKeyingMaterial(32, "EXPORTER-Channel-Binding", Buffer.alloc(0));
  }

  /** The names in the server's certificate. */
  get serverNames(): string | undefined {
    return this.#socket instanceof TLSSocket ? this.#socket.getPeerCertificate().subjectaltname : undefined;
  }

  /** False at the end. A connection that was cut has ended, too. */
  async #read(): Promise<boolean> {
    const { value, done } = await this.#octets.next().catch(() => ({ value: undefined, done: true }));
    if (done || value === undefined) return false;
    this.#held = this.#held.length === 0 ? value : Buffer.concat([this.#held, value]);
    return true;
  }
}
