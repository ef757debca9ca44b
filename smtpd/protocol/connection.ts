/**
 * A connection: hands lines and octets to the dialogue, one at a time and in order, sends the replies, and keeps the
 * deadlines.
 *
 * Of smtp-server's class it uses the life of the socket: cutting lines, the upgrade to TLS with whatever was injected
 * before it dropped, backpressure of replies, closing. Its command handlers are never called.
 */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { SMTPServer } from "smtp-server";
import { SMTPConnection, type SMTPConnectionOptions } from "smtp-server/lib/smtp-connection.js";
import { formatEndpoint } from "../../shared/listen-address.js";
import type { Log } from "../../shared/log.js";
import { tlsExporter } from "../../shared/sasl/channel-binding.js";
import { Deadlines } from "./deadlines.js";
import { Dialogue, type Step } from "./dialogue.js";
import type { SessionFacts } from "./receiver.js";
import { formatReply, LINE_TOO_LONG, type Reply, reply, SHUTTING_DOWN, TIMED_OUT } from "./reply.js";
import { type Service, Session } from "./session.js";
import { CommandStream } from "./stream.js";

const TALKED_TOO_SOON = reply(554, "5.1", "you talked before the greeting");

export interface ConnectionContext<Destination> {
  readonly service: Service<Destination>;
  readonly log: Log;
  /** TLS between the client and a proxy in front of us. */
  readonly tlsAtProxy: SessionFacts["tls"];
  /** Called once, when the connection is over, and the wait that an error costs with it. */
  readonly ended: () => void;
}

export class Connection<Destination> extends SMTPConnection {
  readonly #dialogue: Dialogue<Destination>;
  readonly #deadlines: Deadlines;
  readonly #earlyTalkerDelayMs: number;
  readonly #log: Log;
  readonly #ended: () => void;
  readonly #began = performance.now();
  /** The socket, or the TLS socket above it, from the beginning of its handshake on. */
  #top: Socket;
  /** True while it is our turn. */
  #working = false;
  #stopping = false;
  /** Ends a wait. */
  #wake = () => {};
  #waiting: Promise<void> = Promise.resolve();
  /** What was last ours to do, with the wait behind it. */
  #turn: Promise<void> = Promise.resolve();
  #reason = "client left";

  constructor(
    server: SMTPServer,
    socket: Socket,
    options: SMTPConnectionOptions | null | undefined,
    { service, log, tlsAtProxy, ended }: ConnectionContext<Destination>,
  ) {
    super(server, socket, options);
    const { localAddress, remoteAddress } = this;
    this.#log = log.child({ client: formatEndpoint(remoteAddress, this.remotePort) });
    this.#dialogue = new Dialogue(
      new Session(service, {
        localAddress,
        remoteAddress,
        tls: tlsFacts(socket) ?? tlsAtProxy,
        log: this.#log,
      }),
    );
    this.#deadlines = new Deadlines(service.limits, () => this.#hangUp(TIMED_OUT, "timed out"));
    this.#earlyTalkerDelayMs = service.listener.early_talker_delay;
    this.#ended = ended;
    this.#top = socket;
  }

  /** Greets, at once or after the early talker's delay. */
  override init(): void {
    this._setListeners(() => {
      if (this.#earlyTalkerDelayMs === 0) this.#greet();
      else void this.#greetWhoWaits(this.#earlyTalkerDelayMs);
    });
  }

  /** The daemon is stopping: closes now, or when the transaction under way is over. */
  shutDown(): void {
    this.#stopping = true;
    this.#wake();
    if (!this.#working && !this.#dialogue.inTransaction) this.#hangUp(SHUTTING_DOWN, "shutdown");
  }

  /** Closes whatever is under way. */
  cutOff(): void {
    this.#hangUp(SHUTTING_DOWN, "shutdown");
    this.#top.destroySoon();
    if (this._closed) this.#ended();
  }

  #greet(): void {
    this._ready = true;
    void this.#perform(this.#dialogue.greeting());
  }

  async #greetWhoWaits(delayMs: number): Promise<void> {
    const socket = this.#top;
    let early = false;
    const talked = () => {
      early = true;
      this.#wake();
    };
    socket.once("data", talked);
    await this.#wait(delayMs);
    socket.removeListener("data", talked);
    if (early) this.#hangUp(TALKED_TOO_SOON, "talked before the greeting");
    else if (!this.#isOver()) this.#greet();
  }

  override _onCommand(line: Buffer, next: () => void = () => {}): void {
    // What was sent before the greeting, in the clear before a TLS handshake, or behind a reply that closes, is not run.
    if (!this._ready || this._upgrading || this.#isOver()) {
      next();
      return;
    }
    void this.#work(async () => this.#perform(await this.#dialogue.line(line))).then(() =>
      this._whenWritable(next),
    );
  }

  async #take(chunk: Buffer): Promise<Buffer | undefined> {
    let rest: Buffer | undefined;
    await this.#work(async () => {
      const end = await this.#dialogue.octets(chunk);
      if (end === undefined) return this.#deadlines.pieceOfMessage();
      rest = end.rest;
      await this.#perform(end.step);
    });
    return rest;
  }

  /** Our turn, and no deadline runs. Never rejects. */
  #work(work: () => Promise<void>): Promise<void> {
    this.#turn = this.#worked(work);
    return this.#turn;
  }

  async #worked(work: () => Promise<void>): Promise<void> {
    this.#working = true;
    this.#deadlines.ours();
    try {
      await work();
    } catch (err) {
      this.#log.error({ err }, "connection failed");
      this.#top.destroy();
    }
    this.#working = false;
  }

  /** Sends a reply, and sees to what follows it. */
  async #perform({ lines, waitMs, next }: Step): Promise<void> {
    if (waitMs > 0 && !this.#stopping) await this.#wait(waitMs);
    if (this.#isOver()) {
      // The client left while it was our turn; if that was before a message, it will not come.
      await this.#dialogue.over();
      return;
    }
    if (next.kind === "octets") this.#expectOctets();
    if (this._parser instanceof CommandStream) this._parser.expectResponse(this.#dialogue.awaitsResponse);
    if (lines.length > 0) this.#write(lines);
    if (next.kind === "starttls") this.#startTls();
    else if (next.kind === "close") this.#close(next.reason);
    else if (next.kind === "command") this.#expectCommand();
  }

  #expectCommand(): void {
    if (this.#stopping && !this.#dialogue.inTransaction) this.#hangUp(SHUTTING_DOWN, "shutdown");
    else this.#deadlines.command(this.#dialogue);
  }

  #expectOctets(): void {
    const parser = this._parser;
    if (parser instanceof CommandStream) parser.receiveOctets((chunk) => this.#take(chunk));
    this.#deadlines.message();
  }

  #startTls(): void {
    // Node 20 can crash on a TLS socket above one that is destroyed already.
    if (this._socket.destroyed) return;
    this.#deadlines.handshake();
    // A client that closes within the handshake is gone; afterwards it may again be waiting for replies.
    this._socket.allowHalfOpen = false;
    const secured = () => {
      this._socket.allowHalfOpen = true;
      this.#dialogue.secured(tlsFacts(this._socket));
      this.#expectCommand();
    };
    this.upgrade(() => {}, secured);
  }

  /** A last reply, and the end. */
  #hangUp(answer: Reply, reason: string): void {
    if (this.#isOver()) return;
    this.#write(formatReply(answer));
    this.#close(reason);
  }

  #close(reason: string): void {
    if (this.#isOver()) return;
    this.#reason = reason;
    this.#deadlines.stop();
    void this.#dialogue.over();
    // A socket must not be closed from below a handshake.
    if (this._upgrading) this.#top.destroy();
    else this.close();
  }

  #isOver(): boolean {
    return this._closing || this._closed;
  }

  #write(lines: readonly string[]): void {
    if (this._upgrading || !this._socket.writable) return;
    this._socket.write(`${lines.join("\r\n")}\r\n`);
    for (const line of lines) this.#log.trace({ S: loggableReply(line) }, "dialogue");
  }

  /** Resolves after this time, or when there is no sense in waiting. */
  #wait(delayMs: number): Promise<void> {
    this.#waiting = new Promise((resolve) => {
      const timer = setTimeout(resolve, delayMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    return this.#waiting;
  }

  // The life of the socket, as smtp-server tells it. Its constructor calls _createParser before our fields exist.

  override _createParser(): CommandStream {
    const parser = new CommandStream({ maxCommandLength: this._server.options.maxCommandLength });
    parser.oncommand = (line, next) => this._onCommand(line, next);
    parser.on("error", () => this.#hangUp(LINE_TOO_LONG, "command line too long"));
    // The client sends no more, and all that it sent has been answered.
    parser.on("finish", () => this.#close("client left"));
    return parser;
  }

  /** The deadlines are ours, but this is where the TLS socket first shows itself. */
  override _armTimeout(socket: Socket = this._socket): void {
    this.#top = socket;
  }

  override _onError(error: Error & { code?: string | undefined }): void {
    this.#reason = error.code ?? "connection error";
    this.#log.debug({ err: error }, "connection error");
    this.#top.destroy();
  }

  override _onClose(): void {
    const wasOpen = !this._closed;
    super._onClose();
    if (!wasOpen) return;
    this.#deadlines.stop();
    void this.#dialogue.over();
    // What a login costs us, and the wait that an error costs, is not cut short by hanging up and calling again: the place
    // among the connections of that address is taken for so long.
    if (!this._ready) this.#wake();
    void Promise.all([this.#waiting, this.#stopping ? undefined : this.#turn]).then(this.#ended);
    const ms = Math.round(performance.now() - this.#began);
    this.#log.info({ ...this.#dialogue.summary, ms, reason: this.#reason }, "connection closed");
  }
}

/** What SCRAM says in a challenge is enough to guess a password by. */
function loggableReply(line: string): string {
  return line.startsWith("334 ") ? "334 ***" : line;
}

function tlsFacts(socket: Socket): SessionFacts["tls"] {
  if (!(socket instanceof TLSSocket)) return undefined;
  return {
    version: socket.getProtocol() ?? "TLS",
    cipher: socket.getCipher().name,
    channelBinding: socket.destroyed ? undefined : tlsExporter(socket),
  };
}
