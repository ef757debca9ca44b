/**
 * The wire to one client: a socket, first in the clear, perhaps TLS later. Lines in, octets out, each with its bounds.
 *
 * In: the socket is read only while a line is waited for, so a client can be ahead by what one read brings, whatever it
 * pipelines; and during a pause, since only a socket that is read tells that the client has gone. Out: what is written is gathered and sent when there is enough of it or nothing more to do; then the next
 * write waits until the kernel has taken it, so a client that does not read costs one batch. A client that takes
 * nothing at all for `stallMs` is given up.
 *
 * Nothing here rejects. A wire that is lost reads as ended, whatever had arrived, and swallows what is written.
 */
import type { Socket } from "node:net";
import { TLSSocket, type TLSSocketOptions } from "node:tls";
import { tlsExporter } from "../shared/sasl/channel-binding.js";
import { type Line, LineReader } from "./line-reader.js";

export type Received =
  | Line
  /** The client has ended its side, or the connection is lost. */
  | { readonly kind: "ended" }
  | { readonly kind: "timeout" };

/** What is written is sent when so much has gathered. */
const BATCH_OCTETS = 64 * 1024;
/** With so much ahead of us the client is not read during a pause, nor its end seen before that is over. */
const AHEAD_OCTETS_MAX = 16 * 1024;
/** How long a client may take to close its side after we have closed ours. */
const CLOSING_MS = 5_000;

export class Wire {
  readonly #stallMs: number;
  readonly #reader = new LineReader();
  #socket: Socket;
  #batch: Buffer[] = [];
  #batchOctets = 0;
  #octetsSent = 0;
  #ended = false;
  #trouble: string | undefined;
  #tls: { readonly version: string } | undefined;
  /** Called when something has arrived or the wire has ended. */
  #notify: () => void = () => {};

  /**
   * @param socket that allows itself to be half open, and has not been read
   * @param stallMs how long the client may take nothing of what is written
   */
  constructor(socket: Socket, stallMs: number) {
    this.#socket = socket;
    this.#stallMs = stallMs;
    socket.setNoDelay(true);
    socket.on("timeout", () => this.destroy("client does not read"));
    this.#attach(socket);
  }

  /** True when nothing can be sent any more. */
  get lost(): boolean {
    return this.#socket.destroyed;
  }

  /** Why it was lost, for the log; undefined when the client just went. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Octets of replies given to the kernel, before encryption. */
  get octetsSent(): number {
    return this.#octetsSent;
  }

  /** TLS in use, also when the wire is lost; for the log. */
  get tls(): { readonly version: string } | undefined {
    return this.#tls;
  }

  /** What SCRAM can bind to (RFC 9266); undefined where TLS does not give it. */
  get channelBinding(): Buffer | undefined {
    return this.#socket instanceof TLSSocket && !this.lost ? tlsExporter(this.#socket) : undefined;
  }

  /**
   * The next line. What was written before is sent while waiting for it. When there is no time left there is no line,
   * not even one that has come: else a client that is ahead would be served for as long as it stays ahead.
   * @param octetsMax of the line, with its CRLF
   */
  async line(waitMs: number, octetsMax: number): Promise<Received> {
    if (this.lost) return { kind: "ended" };
    const ready = waitMs > 0 ? this.#reader.next(octetsMax) : undefined;
    if (ready !== undefined) return ready;
    await this.flush();
    if (waitMs <= 0) return { kind: "timeout" };
    return new Promise((resolve) => {
      const timer = setTimeout(() => settle({ kind: "timeout" }), waitMs);
      const settle = (received: Received) => {
        clearTimeout(timer);
        this.#notify = () => {};
        this.#socket.pause();
        resolve(received);
      };
      this.#notify = () => {
        const line = this.lost ? undefined : this.#reader.next(octetsMax);
        if (line !== undefined) settle(line);
        else if (this.#ended || this.lost) settle({ kind: "ended" });
      };
      this.#socket.resume();
      this.#notify();
    });
  }

  /** Resolves after so long, or as soon as the client has gone or ended its side, and nobody is there to be kept waiting. */
  async pause(milliseconds: number): Promise<void> {
    if (this.#ended || this.lost) return;
    await new Promise<void>((resolve) => {
      const over = () => {
        clearTimeout(timer);
        this.#notify = () => {};
        this.#socket.pause();
        resolve();
      };
      const timer = setTimeout(over, milliseconds);
      this.#notify = () => {
        if (this.#ended || this.lost) over();
        else if (this.#reader.octets >= AHEAD_OCTETS_MAX) this.#socket.pause();
      };
      this.#socket.resume();
      this.#notify();
    });
  }

  /** Takes octets to send; resolves when more may be given. They must not change until they are flushed. */
  async write(octets: Buffer): Promise<void> {
    this.#batch.push(octets);
    this.#batchOctets += octets.length;
    if (this.#batchOctets >= BATCH_OCTETS) await this.flush();
  }

  /** Resolves when the kernel has all that was written, or the wire is lost. */
  async flush(): Promise<void> {
    if (this.#batchOctets === 0) return;
    const socket = this.#socket;
    const [first, ...more] = this.#batch;
    const octets = first !== undefined && more.length === 0 ? first : Buffer.concat(this.#batch);
    this.#batch = [];
    this.#batchOctets = 0;
    if (this.lost) return;
    this.#octetsSent += octets.length;
    await new Promise<void>((resolve) => {
      const taken = () => {
        socket.off("close", taken);
        resolve();
      };
      socket.on("close", taken);
      socket.write(octets, taken);
      if (socket.writableLength === 0) return taken();
      // Node's timer starts anew whenever the kernel has taken some of a write.
      socket.setTimeout(this.#stallMs);
    });
    if (!this.lost) socket.setTimeout(0);
  }

  /** Drops octets that have come before TLS: whoever sent them need not be whom TLS protects. */
  dropReceived(): void {
    while (this.#socket.read() !== null);
    this.#reader.clear();
  }

  /**
   * Goes over to TLS, as the server, with what has not been read yet.
   * @returns false when the handshake fails or takes too long; the wire is lost then
   */
  async startTls(options: TLSSocketOptions, handshakeMs: number): Promise<boolean> {
    await this.flush();
    const plain = this.#socket;
    plain.removeAllListeners("data").removeAllListeners("end");
    if (this.lost || this.#ended) return false;
    const secure = new TLSSocket(plain, { ...options, isServer: true });
    this.#socket = secure;
    secure.on("timeout", () => this.destroy("client does not read"));
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.destroy("TLS handshake took too long"), handshakeMs);
      const settle = (succeeded: boolean) => {
        clearTimeout(timer);
        resolve(succeeded);
      };
      // Node tells errors of a TLS socket that no tls.Server made by this event alone.
      secure.on("_tlsError", (error: Error) => this.destroy(`TLS: ${error.message}`));
      // Who ends the connection now will not shake hands.
      const left = () => this.destroy();
      secure.once("end", left);
      secure.once("secure", () => {
        secure.off("end", left);
        this.#tls = { version: secure.getProtocol() ?? "" };
        this.#attach(secure);
        settle(true);
      });
      secure.once("close", () => settle(false));
      secure.on("error", (error) => this.destroy(error.message));
    });
  }

  /** Sends what is left and closes, giving the client a little time to do the same. */
  async end(): Promise<void> {
    await this.flush();
    if (this.lost) return;
    const socket = this.#socket;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => socket.destroy(), CLOSING_MS);
      socket.once("close", () => {
        clearTimeout(timer);
        resolve();
      });
      socket.removeAllListeners("data").resume();
      socket.end();
      // A client that has ended its side already has nothing more to say.
      if (this.#ended) socket.destroySoon();
    });
  }

  /** Closes at once. */
  destroy(why?: string): void {
    this.#trouble ??= why;
    this.#socket.destroy();
  }

  #attach(socket: Socket): void {
    socket.pause();
    socket.on("data", (octets: Buffer) => {
      this.#reader.push(octets);
      this.#notify();
    });
    socket.on("end", () => {
      this.#ended = true;
      this.#notify();
    });
    socket.on("error", (error) => {
      this.#trouble ??= error.message;
    });
    socket.on("close", () => this.#notify());
  }
}
