/**
 * A host that takes mail over SMTP or LMTP and behaves as badly as it is told to: at each verb it can answer anything,
 * hang, close or cut its answer short. It keeps every octet that it was sent.
 *
 * It is a real server on a port of its own, in the clear, with STARTTLS, or with TLS from the first octet on. Without a
 * script it is a good host that offers all that smtpd makes use of. It takes CRLF.CRLF, and nothing else, for the end
 * of a message.
 */
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { createSecureContext, TLSSocket } from "node:tls";

export const SINK_EXTENSIONS = ["PIPELINING", "SIZE 52428800", "8BITMIME", "DSN", "SMTPUTF8"];

/** `end` is the end of a message, `secret` a line of an AUTH exchange. */
export const SINK_VERBS = [
  "greeting",
  "EHLO",
  "LHLO",
  "HELO",
  "STARTTLS",
  "AUTH",
  "secret",
  "MAIL",
  "RCPT",
  "DATA",
  "end",
  "RSET",
  "QUIT",
] as const;
export type SinkVerb = (typeof SINK_VERBS)[number];

/** What the sink does at a verb. A text alone is a reply, to which CRLF is added. */
export type SinkAnswer =
  | string
  | {
      /** As it is: without CRLF it is a reply that does not end. */
      readonly octets?: string | Buffer;
      /** An octet at a time. */
      readonly slowly?: boolean;
      /** Milliseconds before it is said. */
      readonly late?: number;
      /**
       * After that it says nothing any more, answers whatever comes with nonsense, reads nothing any more, closes, or
       * resets the connection.
       */
      readonly next?: "hang" | "babble" | "stall" | "close" | "reset";
    };

export interface SinkOptions {
  readonly lmtp?: boolean;
  /** What EHLO and LHLO announce; STARTTLS is added where there is a certificate. */
  readonly extensions?: readonly string[];
  /**
   * The answers that are not the good ones: one for each time, a list for the first, second … time of a connection, or
   * a function of the line and of how often the verb was there in the connection before. Undefined is the good answer.
   */
  readonly script?: Partial<Record<SinkVerb, SinkScript>>;
  readonly tls?: { readonly certificate: string; readonly key: string; readonly implicit?: boolean };
  /** What is said when the first octets of a message have come, and not its end. */
  readonly early?: string;
  /** Closes a connection once it has sent so many octets. */
  readonly cutAfterReceived?: number;
  /** Closes a connection once so many octets of replies were sent on it. */
  readonly cutAfterSent?: number;
  /** A path instead of a port. */
  readonly socket?: string;
  readonly host?: string;
  /** Any free one, unless hosts must have the same. */
  readonly port?: number;
}

export type SinkScript =
  | SinkAnswer
  | readonly (SinkAnswer | undefined)[]
  | ((line: string, times: number) => SinkAnswer | undefined);

export interface SinkMessage {
  /** The line, `MAIL FROM:<…>` with its parameters. */
  readonly mail: string;
  /** The lines of the recipients that were accepted. */
  readonly rcpts: readonly string[];
  /** As it was sent, stuffed, with CRLF.CRLF at its end. */
  readonly octets: Buffer;
}

export interface SinkConnection {
  /** All that was sent to the sink, TLS removed. */
  readonly received: Buffer;
  /** Octets of replies. */
  readonly sent: number;
  /** The lines that it took for commands. */
  readonly commands: readonly string[];
  /** True once TLS was in use. */
  readonly secure: boolean;
  /** The name that the client asked for in TLS. */
  readonly servername: string | undefined;
  /** Resolves when it is closed. */
  readonly closed: Promise<void>;
}

export class Sink {
  /** Those that it has answered with 2xx. */
  readonly messages: SinkMessage[] = [];
  readonly connections: SinkConnection[] = [];
  readonly #options: SinkOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #heard: (() => void)[] = [];

  /** Listens, and stops when the test ends. */
  static async start(t: Pick<TestContext, "after">, options: SinkOptions = {}): Promise<Sink> {
    const sink = new Sink(options);
    const { socket, host = "127.0.0.1", port = 0 } = options;
    if (socket === undefined) sink.#server.listen(port, host);
    else sink.#server.listen(socket);
    await once(sink.#server, "listening");
    t.after(() => sink.stop());
    return sink;
  }

  private constructor(options: SinkOptions) {
    this.#options = options;
    // A client that ends its side is answered all the same.
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** All that was sent, of every connection, one after the other. */
  get received(): Buffer {
    return Buffer.concat(this.connections.map(({ received }) => received));
  }

  /** The commands of all connections. */
  get commands(): string[] {
    return this.connections.flatMap(({ commands }) => commands);
  }

  /** Resolves when the condition holds; looked at whenever something has come. */
  async until(condition: (sink: Sink) => boolean): Promise<void> {
    while (!condition(this)) await new Promise<void>((resolve) => this.#heard.push(resolve));
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    const session = new SinkSession(socket, this.#options, {
      took: (message) => this.messages.push(message),
      heard: () => this.#tell(),
    });
    this.connections.push(session);
    session.begin();
    this.#tell();
  }

  #tell(): void {
    const heard = this.#heard;
    this.#heard = [];
    for (const tell of heard) tell();
  }
}

interface SinkEvents {
  took(message: SinkMessage): void;
  heard(): void;
}

class SinkSession implements SinkConnection {
  readonly commands: string[] = [];
  readonly closed: Promise<void>;
  sent = 0;
  secure = false;
  servername: string | undefined;
  readonly #options: SinkOptions;
  readonly #events: SinkEvents;
  #socket: Socket;
  #chunks: Buffer[] = [];
  #octets = 0;
  #unread = Buffer.alloc(0);
  readonly #times = new Map<SinkVerb, number>();
  #state: "commands" | "data" | "secret" | "handshake" | "deaf" = "commands";
  #saidEarly = false;
  #mail = "";
  #rcpts: string[] = [];

  constructor(socket: Socket, options: SinkOptions, events: SinkEvents) {
    this.#socket = socket;
    this.#options = options;
    this.#events = events;
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.once("close", () => events.heard());
  }

  get received(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  begin(): void {
    const greet = () => void this.#answer("greeting", "", "220 sink.example ESMTP");
    if (this.#options.tls?.implicit) this.#startTls(greet);
    else {
      this.#listen();
      greet();
    }
  }

  #listen(): void {
    const socket = this.#socket;
    socket.on("error", () => {});
    socket.on("end", () => socket.end());
    socket.on("data", (chunk: Buffer) => {
      const { cutAfterReceived = Number.POSITIVE_INFINITY } = this.#options;
      this.#chunks.push(chunk.subarray(0, cutAfterReceived - this.#octets));
      this.#octets += chunk.length;
      this.#events.heard();
      if (this.#octets >= cutAfterReceived) {
        this.#state = "deaf";
        socket.destroy();
      }
      if (this.#state === "deaf") return;
      this.#unread = Buffer.concat([this.#unread, chunk]);
      this.#read();
    });
  }

  #read(): void {
    while (this.#state !== "deaf" && this.#state !== "handshake") {
      if (this.#state === "data") {
        // A message begins as if a line had just ended.
        const atOnce = this.#unread.indexOf(".\r\n") === 0;
        const end = atOnce ? -2 : this.#unread.indexOf("\r\n.\r\n");
        if (!atOnce && end < 0) {
          const { early } = this.#options;
          if (early !== undefined && this.#unread.length > 0 && !this.#saidEarly) {
            this.#saidEarly = true;
            this.#say(early);
          }
          return;
        }
        const octets = this.#unread.subarray(0, end + 5);
        this.#unread = this.#unread.subarray(end + 5);
        this.#state = "commands";
        this.#endOfMessage(octets);
      } else {
        const end = this.#unread.indexOf("\r\n");
        if (end < 0) return;
        const line = this.#unread.subarray(0, end).toString();
        this.#unread = this.#unread.subarray(end + 2);
        this.#line(line);
      }
    }
  }

  #line(line: string): void {
    if (this.#state === "secret") {
      this.#state = "commands";
      if (this.#answer("secret", line, "235 2.7.0 welcome") === 3) this.#state = "secret";
      return;
    }
    this.commands.push(line);
    this.#events.heard();
    const verb = SINK_VERBS.find((known) => known === line.split(" ")[0]?.toUpperCase());
    switch (verb) {
      case "EHLO":
      case "LHLO": {
        if ((verb === "LHLO") !== (this.#options.lmtp === true)) {
          this.#say("500 5.5.1 wrong protocol");
          return;
        }
        const extensions = [...(this.#options.extensions ?? SINK_EXTENSIONS)];
        const { tls } = this.#options;
        if (tls !== undefined && !tls.implicit && !this.secure) extensions.push("STARTTLS");
        const lines = ["sink.example", ...extensions];
        const good = lines.map((text, i) => `250${i < lines.length - 1 ? "-" : " "}${text}`).join("\r\n");
        this.#answer(verb, line, good);
        return;
      }
      case "HELO":
        this.#answer(verb, line, "250 sink.example");
        return;
      case "STARTTLS": {
        const good = this.#options.tls === undefined ? "502 5.5.1 no" : "220 2.0.0 go on";
        const code = this.#answer(verb, line, good);
        if (code === 2 && this.#state === "commands") this.#startTls(() => this.#read());
        return;
      }
      case "AUTH": {
        const more = / (?:LOGIN|CRAM-MD5)$/i.test(line);
        if (this.#answer(verb, line, more ? "334 VXNlcm5hbWU6" : "235 2.7.0 welcome") === 3) {
          this.#state = "secret";
        }
        return;
      }
      case "MAIL":
        this.#rcpts = [];
        this.#mail = this.#answer(verb, line, "250 2.1.0 ok") === 2 ? line : "";
        return;
      case "RCPT":
        if (this.#answer(verb, line, this.#mail === "" ? "503 5.5.1 MAIL first" : "250 2.1.5 ok") === 2) {
          this.#rcpts.push(line);
        }
        return;
      case "DATA": {
        const good = this.#rcpts.length > 0 ? "354 go on" : "503 5.5.1 RCPT first";
        if (this.#answer(verb, line, good) === 3) this.#state = "data";
        return;
      }
      case "RSET":
        this.#mail = "";
        this.#rcpts = [];
        this.#answer(verb, line, "250 2.0.0 ok");
        return;
      case "QUIT":
        this.#answer(verb, line, "221 2.0.0 goodbye");
        this.#socket.end();
        return;
      default:
        this.#say("500 5.5.2 unknown");
    }
  }

  #endOfMessage(octets: Buffer): void {
    const replies = this.#options.lmtp ? this.#rcpts : this.#rcpts.slice(0, 1);
    const codes = (replies.length > 0 ? replies : [""]).map((rcpt) =>
      this.#answer("end", rcpt, "250 2.0.0 taken"),
    );
    if (codes.includes(2)) this.#events.took({ mail: this.#mail, rcpts: this.#rcpts, octets });
    this.#mail = "";
    this.#rcpts = [];
    this.#events.heard();
  }

  /** Says what the script has for this, else what is good. Resolves to the first digit of it. */
  #answer(verb: SinkVerb, line: string, good: string): number {
    if (this.#state === "deaf") return 0;
    const times = this.#times.get(verb) ?? 0;
    this.#times.set(verb, times + 1);
    const answer = scripted(this.#options.script?.[verb], line, times) ?? good;
    if (typeof answer === "string") {
      this.#say(answer);
      return Number(answer[0]);
    }
    const octets = Buffer.from(answer.octets ?? "");
    void this.#send(octets, answer).then(() => {
      if (answer.next === "close") this.#socket.end();
      if (answer.next === "reset") this.#socket.resetAndDestroy();
      if (answer.next === "babble") this.#socket.on("data", () => this.#socket.write("nonsense\r\n"));
      if (answer.next === "stall") this.#socket.pause();
    });
    if (answer.next !== undefined) this.#state = "deaf";
    return Number(octets.toString("latin1", 0, 1));
  }

  #say(line: string): void {
    this.#write(Buffer.from(`${line}\r\n`));
  }

  #write(octets: Buffer): void {
    const { cutAfterSent = Number.POSITIVE_INFINITY } = this.#options;
    const left = cutAfterSent - this.sent;
    this.sent += octets.length;
    if (left > 0) this.#socket.write(octets.subarray(0, left));
    if (this.sent < cutAfterSent) return;
    this.#state = "deaf";
    this.#socket.end();
  }

  async #send(octets: Buffer, { slowly = false, late = 0 }: Manner): Promise<void> {
    if (late > 0) await new Promise((resolve) => setTimeout(resolve, late));
    const pieces = slowly ? [...octets].map((octet) => Buffer.of(octet)) : [octets];
    for (const piece of pieces) {
      if (piece.length > 0) this.#write(piece);
      if (slowly) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #startTls(done: () => void): void {
    const { tls } = this.#options;
    if (tls === undefined) return;
    this.#state = "handshake";
    this.#unread = Buffer.alloc(0);
    const plain = this.#socket;
    plain.removeAllListeners("data").removeAllListeners("end");
    const secureContext = createSecureContext({ cert: tls.certificate, key: tls.key });
    const secure = new TLSSocket(plain, { isServer: true, secureContext });
    secure.on("error", () => plain.destroy());
    // Node tells errors of a TLS socket that no tls.Server made by this event alone.
    secure.on("_tlsError", () => plain.destroy());
    secure.once("secure", () => {
      this.#socket = secure;
      this.secure = true;
      this.servername = secure.servername === false ? undefined : (secure.servername ?? undefined);
      this.#state = "commands";
      this.#listen();
      done();
    });
  }
}

/** How an answer is said. */
type Manner = Pick<Exclude<SinkAnswer, string>, "slowly" | "late">;

function scripted(script: SinkScript | undefined, line: string, times: number): SinkAnswer | undefined {
  if (typeof script === "function") return script(line, times);
  if (!isList(script)) return script;
  return script[times];
}

function isList(script: SinkScript | undefined): script is readonly (SinkAnswer | undefined)[] {
  return Array.isArray(script);
}
