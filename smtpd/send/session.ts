/**
 * A session with another host, as its client: the library's connection (library.ts), with replies that are read
 * strictly and a time for each stage. It is opened by open-session.ts and carries mail transactions by
 * mail-transaction.ts.
 *
 * Nothing here rejects once it is open. What ends a session is told to whoever waits for a reply, in place of the
 * reply, and from then on to whoever asks for anything. The message that was under way is then cut off wherever it was:
 * its end is sent by `message` alone, after its last octet.
 */
import type { Log } from "../../shared/log.js";
import { AwaitedReplies } from "./awaited-replies.js";
import { type Extensions, extensionsOf, NO_EXTENSIONS } from "./extensions.js";
import type { Failure, Happening, Stage } from "./hop.js";
import { Library } from "./library.js";
import type { OutgoingMessage } from "./outgoing-message.js";
import type { HostReply } from "./replies.js";
import { ReplyReader, remoteReply } from "./replies.js";
import type { StageTimes } from "./stage-times.js";

/** For a farewell nobody is kept waiting. */
const QUIT_MS = 2_000;
/** What was sent to its end when smtpd is told to end may be answered for so long. */
const STOPPING_MS = 3_000;
/** The library's own timeouts, which never come before ours. */
const NEVER_MS = 2 ** 31 - 1;
/** How long the host may take to close its side after us. */
const CLOSING_MS = 1_000;

export interface SessionOptions {
  readonly hostname: string;
  readonly times: StageTimes;
  readonly log: Log;
}

export type SessionTransport = Pick<
  ConstructorParameters<typeof Library>[0],
  | "connection"
  | "secure"
  | "secured"
  | "host"
  | "servername"
  | "ignoreTLS"
  | "requireTLS"
  | "opportunisticTLS"
  | "tls"
  | "lmtp"
>;

export interface Command {
  readonly stage: Stage;
  readonly line: string;
}

interface Opening {
  readonly succeed: () => void;
  readonly fail: (why: Happening) => void;
}

export class Session extends Library {
  /** Asks for RSET before the next transaction. */
  needsReset = false;
  extensions: Extensions = NO_EXTENSIONS;
  readonly #times: StageTimes;
  readonly #log: Log;
  readonly #reader = new ReplyReader();
  /** The stage of the commands that the library sends. */
  #stage: Stage = "greeting";
  #saidHelo = false;
  /** Of the commands that are ours, once the session is open. */
  readonly #awaited = new AwaitedReplies();
  #reply: HostReply | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #over: Happening | undefined;
  #stopping = false;
  #opening: Opening | undefined;
  /** Called when the socket takes more, or will never. */
  #drained: () => void = () => {};

  constructor(transport: SessionTransport, { hostname, times, log }: SessionOptions) {
    super({
      ...transport,
      name: hostname,
      logger: false,
      connectionTimeout: NEVER_MS,
      greetingTimeout: NEVER_MS,
      socketTimeout: NEVER_MS,
      socketCloseTimeout: CLOSING_MS,
    });
    this.#times = times;
    this.#log = log;
    this.on("connect", () => this.#opening?.succeed());
    this.on("error", () => this.#end(this.#whatHappened()));
    this.on("end", () => this.#end(this.#whatHappened()));
  }

  /** Undefined while commands can be sent; else why they cannot. */
  get over(): Happening | undefined {
    return this.#over;
  }

  /** Greeting, EHLO, and STARTTLS where the transport has it. Resolves to what went wrong, or to nothing. */
  greet(): Promise<Happening | undefined> {
    this.#await(this.#times.greetingMs);
    return this.#open(() => this.connect());
  }

  /** AUTH. Resolves to what went wrong, or to nothing. */
  logIn(username: string, password: string, mechanism: string): Promise<Happening | undefined> {
    this.#stage = "login";
    return this.#open(({ succeed, fail }) => {
      this.login({ user: username, pass: password, method: mechanism }, (error) => {
        if (error) fail(this.#whatHappened("login"));
        else succeed();
      });
    });
  }

  #open(begin: (opening: Opening) => void): Promise<Happening | undefined> {
    return new Promise((resolve) => {
      if (this.#over !== undefined) return resolve(this.#over);
      this.#opening = { succeed: () => resolve(undefined), fail: resolve };
      begin(this.#opening);
    });
  }

  /**
   * Sends commands, all at once. Resolves to the reply to each; from where the session ended on, to what ended it.
   */
  exchange(commands: readonly Command[], ms?: number): Promise<Happening[]> {
    const answers = this.#answers(commands.map(({ stage }) => ({ stage, ms: ms ?? this.#timeOf(stage) })));
    if (this.#over !== undefined) return answers;
    for (const { line } of commands) this.#log.trace({ C: line }, "dialogue");
    this.#write(Buffer.from(commands.map(({ line }) => `${line}\r\n`).join("")));
    return answers;
  }

  /**
   * Sends a message and its end.
   * @param replies how many there will be: one, or in LMTP one for each recipient (RFC 2033 §4.2)
   */
  async message(message: OutgoingMessage, replies: number): Promise<Happening[]> {
    const { blockMs, endMs } = this.#times;
    const answers = this.#answers(Array.from({ length: replies }, () => ({ stage: "message", ms: endMs })));
    try {
      for (let piece = await message.next(); piece !== undefined; piece = await message.next()) {
        if (this.#over !== undefined) break;
        if (piece.last) this.#awaited.moveTo("end");
        this.#await(piece.last ? endMs : blockMs);
        const taken = this.#write(piece.octets);
        if (!piece.last) await taken;
      }
    } catch (err) {
      this.#log.error({ err }, "message cannot be read");
      this.#fail("unreadable");
    }
    return answers;
  }

  /** smtpd is about to end: cut off, unless a message was sent to its end, whose reply is waited for a little. */
  stop(): void {
    this.#stopping = true;
    if (this.#awaited.next?.stage === "end") this.#await(Math.min(STOPPING_MS, this.#times.endMs));
    else this.#fail("stopping");
  }

  /** QUIT, and closes. Resolves when that is said, or cannot be. */
  override async quit(): Promise<void> {
    if (this.#over !== undefined) return;
    await this.exchange([{ stage: "hello", line: "QUIT" }], QUIT_MS);
    this.#end({ kind: "failure", stage: "hello", failure: "closed" });
    this.close();
  }

  /** Closes at once: what follows could not be told apart from what was before. */
  abandon(failure: Failure): void {
    this.#fail(failure);
  }

  #timeOf(stage: Stage): number {
    return stage === "data" ? this.#times.dataMs : this.#times.commandMs;
  }

  #answers(replies: readonly { readonly stage: Stage; readonly ms: number }[]): Promise<Happening[]> {
    const answers = this.#awaited.add(replies);
    if (this.#over !== undefined) this.#awaited.answerAll(this.#over);
    if (this.#awaited.next !== undefined) this.#await(this.#awaited.next.ms);
    return answers;
  }

  /** Resolves when the socket wants more; undefined when it does at once. */
  #write(octets: Buffer): Promise<void> | undefined {
    const socket = this._socket;
    if (!socket || socket.destroyed || socket.write(octets)) return undefined;
    return new Promise((resolve) => {
      this.#drained = resolve;
      socket.once("drain", resolve);
    });
  }

  /** Called for each chunk that comes. */
  override _onData(octets: Buffer): void {
    for (const reply of this.#reader.push(octets)) {
      if (this.#over !== undefined) return;
      if (reply === "malformed") {
        this.#fail("protocol");
        return;
      }
      this.#log.trace({ S: `${reply.code} ${reply.lines.join(" / ")}` }, "dialogue");
      this.#take(reply);
      // RFC 3207 §4.2, §6: what came before TLS counts for nothing after it.
      if (this.upgrading) this.#reader.clear();
    }
  }

  #take(reply: HostReply): void {
    const awaited = this.#awaited.next;
    const stage = awaited?.stage ?? this.#stage;
    // A host may refuse a message before its end; with another reply it answers something else.
    if (stage === "message" && reply.code < 400) {
      this.#fail("protocol");
      return;
    }
    const happening: Happening = { kind: "reply", stage, reply: remoteReply(reply) };
    clearTimeout(this.#deadline);
    this.#reply = reply;
    if (awaited !== undefined) this.#awaited.answer(happening);
    else this.#takeForLibrary(reply, stage);
    // RFC 5321 §3.8: after 421 the host closes, whatever it was the answer to. After the other we have to.
    if (reply.code === 421 || stage === "message") {
      this.#end(happening);
      this.#destroy();
    }
    this.#reply = undefined;
    if (this.#awaited.next !== undefined) this.#await(this.#awaited.next.ms);
    else if (this.upgrading) this.#await(this.#times.commandMs);
  }

  #takeForLibrary(reply: HostReply, stage: Stage): void {
    const action = this._responseActions.shift();
    if (action === undefined) {
      if (reply.code !== 421) this.#fail("protocol");
      return;
    }
    if (stage === "hello") this.extensions = this.#saidHelo ? NO_EXTENSIONS : extensionsOf(reply);
    action.call(this, textOf(reply));
  }

  /** Sends a command of the library's. */
  override _sendCommand(line: string, logged = line): void {
    const verb = /^(?:(EHLO|LHLO|HELO)|(STARTTLS)|(AUTH))\b/.exec(line);
    if (verb?.[1] !== undefined) this.#stage = "hello";
    this.#saidHelo = verb?.[1] === "HELO";
    if (verb?.[2] !== undefined) this.#stage = "tls";
    this.#log.trace(
      { C: this.#stage === "login" ? (/^AUTH \S+/.exec(line)?.[0] ?? "***") : line },
      "dialogue",
    );
    this.#await(this.#times.commandMs);
    super._sendCommand(line, logged);
  }

  #await(ms: number): void {
    clearTimeout(this.#deadline);
    if (this.#over !== undefined) return;
    this.#deadline = setTimeout(() => this.#fail(this.#stopping ? "stopping" : "timeout"), ms);
  }

  /** What the library has just made an error of. */
  #whatHappened(failure: Failure = this.upgrading ? "tls" : "closed"): Happening {
    const stage = this.upgrading ? "tls" : (this.#awaited.next?.stage ?? this.#stage);
    if (this.#reply !== undefined) return { kind: "reply", stage, reply: remoteReply(this.#reply) };
    return { kind: "failure", stage, failure };
  }

  #fail(failure: Failure): void {
    this.#end({ kind: "failure", stage: this.#awaited.next?.stage ?? this.#stage, failure });
    this.#destroy();
  }

  /** Only the first end counts. */
  #end(happening: Happening): void {
    if (this.#over !== undefined) return;
    this.#over = happening;
    clearTimeout(this.#deadline);
    this.#awaited.answerAll(happening);
    this.#opening?.fail(happening);
    this.#drained();
    this.emit("over");
  }

  #destroy(): void {
    if (this._socket) this._socket.destroy();
    this.close();
  }
}

/** As the library reads it. */
function textOf({ code, lines }: HostReply): string {
  return lines.map((text, i) => `${code}${i < lines.length - 1 ? "-" : " "}${text}`).join("\n");
}
