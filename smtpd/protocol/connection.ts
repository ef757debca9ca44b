/**
 * A connection: lines in, replies out, one at a time and in order. Decides nothing about mail: verbs do (commands.ts),
 * and say what is to be done (outcome.ts); this file does it, keeps the deadlines, makes errors cost, and logs.
 *
 * Of smtp-server's class it uses the life of the socket: cutting lines, the upgrade to TLS with whatever was injected
 * before it dropped, backpressure of replies, closing. Its command handlers are never called.
 */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { SMTPServer } from "smtp-server";
import { SMTPConnection, type SMTPConnectionOptions } from "smtp-server/lib/smtp-connection.js";
import type { Log } from "../../shared/log.js";
import { type CommandLine, isIdle, loggable, parseCommandLine, runCommand } from "./commands.js";
import { Deadlines } from "./deadlines.js";
import { ErrorBudget, type Price } from "./error-budget.js";
import type { Outcome } from "./outcome.js";
import type { Reception } from "./reception.js";
import {
  formatReply,
  isError,
  LINE_TOO_LONG,
  LOCAL_TROUBLE,
  type Reply,
  reply,
  SHUTTING_DOWN,
  TIMED_OUT,
  TOO_MANY_ERRORS,
} from "./reply.js";
import { type Service, Session } from "./session.js";
import { CommandStream } from "./stream.js";

const TALKED_TOO_SOON = reply(554, "5.1", "you talked before the greeting");
const LOGIN_FAILED_CODE = 535;

export interface ConnectionContext<Destination> {
  readonly service: Service<Destination>;
  readonly log: Log;
  /** Called once, when the connection is over. */
  readonly ended: () => void;
}

export class Connection<Destination> extends SMTPConnection {
  readonly #session: Session<Destination>;
  readonly #deadlines: Deadlines;
  readonly #budget: ErrorBudget;
  readonly #log: Log;
  readonly #ended: () => void;
  readonly #began = performance.now();
  /** The socket, or the TLS socket above it, from the beginning of its handshake on. */
  #top: Socket;
  /** Takes the next line instead of the commands: the answer to a challenge. */
  #answer: ((line: Buffer) => Outcome | Promise<Outcome>) | undefined;
  #reception: Reception | undefined;
  /** True while a command is worked on. */
  #working = false;
  #stopping = false;
  /** Ends the wait before a reply, or before the greeting. */
  #wake: (() => void) | undefined;
  #messages = 0;
  #reason = "client left";

  constructor(
    server: SMTPServer,
    socket: Socket,
    options: SMTPConnectionOptions | null | undefined,
    { service, log, ended }: ConnectionContext<Destination>,
  ) {
    super(server, socket, options);
    const { localAddress, remoteAddress } = this;
    this.#log = log.child({ session: this.id, address: remoteAddress });
    this.#session = new Session(service, {
      localAddress,
      remoteAddress,
      tls: tlsFacts(socket),
      log: this.#log,
    });
    this.#deadlines = new Deadlines(service.limits, () => this.#late());
    this.#budget = new ErrorBudget({ errors: service.limits.errors, delayMs: service.limits.error_delay });
    this.#ended = ended;
    this.#top = socket;
  }

  /** Greets, at once or after the early talker's delay. */
  override init(): void {
    this._setListeners(() => {
      const { early_talker_delay } = this.#session.service.listener;
      if (early_talker_delay === 0) this.#greet();
      else void this.#greetPatientClient(early_talker_delay);
    });
  }

  /** The daemon is stopping: closes now, or when the transaction under way is over. */
  shutDown(): void {
    this.#stopping = true;
    if (!this.#working && this.#session.transaction === undefined) this.#hangUp(SHUTTING_DOWN, "shutdown");
  }

  /** Closes whatever is under way. */
  cutOff(): void {
    this.#hangUp(SHUTTING_DOWN, "shutdown");
    this.#top.destroy();
  }

  #greet(): void {
    this._ready = true;
    this.#write(reply(220, undefined, `${this.#session.service.hostname} ESMTP`));
    this.#deadlines.command();
  }

  async #greetPatientClient(delayMs: number): Promise<void> {
    const socket = this.#top;
    let early = false;
    const talked = () => {
      early = true;
      this.#wake?.();
    };
    socket.once("data", talked);
    await this.#wait(delayMs);
    socket.removeListener("data", talked);
    if (early) this.#hangUp(TALKED_TOO_SOON, "talked before the greeting");
    else if (!this._closing && !this._closed) this.#greet();
  }

  override _onCommand(line: Buffer, next: () => void = () => {}): void {
    // What was sent in the clear before a TLS handshake, or behind a reply that closes, is not run.
    if (!this._ready || this._upgrading || this._closing || this._closed) {
      next();
      return;
    }
    this.#working = true;
    this.#deadlines.ours();
    void this.#serve(line).then(() => {
      this.#working = false;
      this._whenWritable(next);
    });
  }

  /** Never rejects. */
  async #serve(line: Buffer): Promise<void> {
    const answer = this.#answer;
    this.#answer = undefined;
    const command = parseCommandLine(line);
    this.#log.trace({ client: answer === undefined ? loggable(line, command) : "***" });
    try {
      const outcome = await (answer === undefined ? runCommand(this.#session, command) : answer(line));
      await this.#perform(outcome, answer === undefined ? command : undefined);
    } catch (err) {
      this.#log.error({ err, command: command.verb }, "command failed");
      await this.#reply(LOCAL_TROUBLE, command);
    }
  }

  async #perform(outcome: Outcome, command: CommandLine | undefined): Promise<void> {
    if (!("kind" in outcome)) return this.#reply(outcome, command);
    switch (outcome.kind) {
      case "lines":
        return this.#reply(outcome.reply, command, outcome.more);
      case "close":
        return this.#hangUp(outcome.reply, outcome.reason);
      case "challenge":
        this.#answer = outcome.answer;
        this.#write(reply(334, undefined, outcome.text));
        return this.#deadlines.command();
      case "starttls":
        this.#write(outcome.reply);
        return this.#startTls();
      case "message":
        return this.#receive(outcome.reply, outcome.reception);
    }
  }

  /** Sends the reply to a command or a message, after the wait that an error costs. */
  async #reply(answer: Reply, command?: CommandLine, more: readonly string[] = []): Promise<void> {
    const price = this.#priceOf(answer, command);
    if (isError(answer)) this.#logRefusal(answer, command);
    if (price !== undefined && price.delayMs > 0) await this.#wait(price.delayMs);
    this.#write(answer, more);
    if (answer.code === 421) this.#close("refused");
    else if (price?.spent) this.#hangUp(TOO_MANY_ERRORS, "too many errors");
    else if (this.#stopping && this.#session.transaction === undefined) {
      this.#hangUp(SHUTTING_DOWN, "shutdown");
    } else this.#deadlines.command();
  }

  #priceOf(answer: Reply, command: CommandLine | undefined): Price | undefined {
    if (answer.code === LOGIN_FAILED_CODE) return this.#budget.failedLogin();
    if (isError(answer)) return this.#budget.error();
    return command !== undefined && isIdle(command) ? this.#budget.idleCommand() : undefined;
  }

  async #receive(goAhead: Reply, reception: Reception): Promise<void> {
    const parser = this._parser;
    // The client may have left while the receiver was asked.
    if (!(parser instanceof CommandStream) || this._closing) return reception.abandon();
    this.#reception = reception;
    parser.receiveMessage((chunk) => this.#take(reception, chunk));
    this.#write(goAhead);
    this.#deadlines.message();
  }

  async #take(reception: Reception, chunk: Buffer): Promise<Buffer | undefined> {
    this.#deadlines.ours();
    const rest = await reception.take(chunk);
    if (rest === undefined) {
      this.#deadlines.pieceOfMessage();
      return undefined;
    }
    this.#log.trace({ client: `(a message of ${reception.size} octets)` });
    this.#working = true;
    const answer = await reception.end();
    this.#reception = undefined;
    this.#session.transaction = undefined;
    if (!isError(answer)) {
      this.#messages++;
      this.#budget.progress();
    }
    await this.#reply(answer);
    this.#working = false;
    return rest;
  }

  #startTls(): void {
    this.#deadlines.handshake();
    this.upgrade(
      () => {},
      () => {
        this.#session.secured(tlsFacts(this._socket));
        this.#deadlines.command();
      },
    );
  }

  #late(): void {
    if (this._upgrading) this.#log.info("TLS handshake took too long");
    this.#hangUp(TIMED_OUT, "timed out");
  }

  /** A last reply, and the end. */
  #hangUp(answer: Reply, reason: string): void {
    if (this._closing || this._closed) return;
    this.#write(answer);
    this.#close(reason);
  }

  #close(reason: string): void {
    if (this._closing || this._closed) return;
    this.#reason = reason;
    this.#deadlines.ours();
    void this.#reception?.abandon();
    // A socket is not to be closed from below a handshake.
    if (this._upgrading) this.#top.destroy();
    else this.close();
  }

  #write(answer: Reply, more: readonly string[] = []): void {
    if (this._upgrading || !this._socket.writable) return;
    const lines = formatReply(answer, more);
    this._socket.write(`${lines.join("\r\n")}\r\n`);
    if (this.#log.isLevelEnabled("trace")) for (const line of lines) this.#log.trace({ server: line });
  }

  /** Resolves after this time, or when the connection is over. */
  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, delayMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #logRefusal(answer: Reply, command: CommandLine | undefined): void {
    const { helo } = this.#session;
    this.#log.info({ command: command?.verb ?? "message", helo, reply: formatReply(answer)[0] }, "refused");
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
    this.#wake?.();
    void this.#reception?.abandon();
    this.#ended();
    const { helo, tls, account } = this.#session;
    this.#log.info(
      {
        helo,
        tls: tls?.version,
        account: account?.address,
        messages: this.#messages,
        errors: this.#budget.errors,
        ms: Math.round(performance.now() - this.#began),
        reason: this.#reason,
      },
      "connection closed",
    );
  }
}

function tlsFacts(socket: Socket): { version: string; cipher: string } | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  return { version: socket.getProtocol() ?? "TLS", cipher: socket.getCipher().name };
}
