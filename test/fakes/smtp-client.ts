/** An SMTP client that says exactly what it is told to, over TCP or TLS. */
import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";

/** How long a test waits for a server that does not answer. */
const PATIENCE_MS = 20_000;

/** A reply, possibly of several lines. */
export interface ReplyLines {
  readonly code: number;
  readonly lines: readonly string[];
  /** The enhanced status code of the last line, such as "5.7.1"; "" where there is none. */
  readonly status: string;
}

export class SmtpClient {
  readonly #tcp: Socket;
  /** The TCP socket, or the TLS socket above it. */
  #socket: Socket;
  #text = "";
  #closed = false;
  #changed: () => void = () => {};

  private constructor(tcp: Socket, socket: Socket) {
    this.#tcp = tcp;
    this.#socket = socket;
    this.#listen();
  }

  static async connect(port: number, { tls = false, servername = "localhost" } = {}): Promise<SmtpClient> {
    const tcp = connectTcp({ port, host: "127.0.0.1", noDelay: true });
    await once(tcp, "connect");
    if (!tls) return new SmtpClient(tcp, tcp);
    const socket = connectTls({ socket: tcp, servername, rejectUnauthorized: false });
    await once(socket, "secureConnect");
    return new SmtpClient(tcp, socket);
  }

  /** Connects, reads the greeting and says EHLO. */
  static async greeted(port: number, options: { tls?: boolean } = {}): Promise<SmtpClient> {
    const client = await SmtpClient.connect(port, options);
    await client.reply();
    await client.command("EHLO client.example");
    return client;
  }

  get socket(): Socket {
    return this.#socket;
  }

  /** All that has come and was not read yet. */
  get unread(): string {
    return this.#text;
  }

  /** True when the server has closed. */
  get closed(): boolean {
    return this.#closed;
  }

  send(octets: string | Buffer): void {
    this.#socket.write(typeof octets === "string" ? Buffer.from(octets, "utf8") : octets);
  }

  /** Sends octet by octet, each in a packet of its own as far as the system lets it. */
  async sendSlowly(octets: string | Buffer): Promise<void> {
    for (const octet of Buffer.from(octets)) {
      this.#socket.write(Buffer.of(octet));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Sends a line and reads the reply. */
  async command(line: string): Promise<ReplyLines> {
    this.send(`${line}\r\n`);
    return this.reply();
  }

  /** Sends a line and gives the code of the reply, with its enhanced status code: "250 2.1.0". */
  async says(line: string): Promise<string> {
    return codes(await this.command(line));
  }

  /** Reads a reply. Rejects when the server closes instead. */
  async reply(): Promise<ReplyLines> {
    const lines: string[] = [];
    for (;;) {
      const line = await this.line();
      lines.push(line);
      if (!/^\d{3}-/.test(line)) break;
    }
    const [, code = "0", status = ""] = /^(\d{3})(?: (\d\.\d{1,3}\.\d{1,3}))?/.exec(lines.at(-1) ?? "") ?? [];
    return { code: Number(code), lines, status };
  }

  async line(): Promise<string> {
    await this.#until(() => this.#text.includes("\r\n") || this.#closed);
    const end = this.#text.indexOf("\r\n");
    if (end < 0) throw new Error(`closed by the server; unread: ${JSON.stringify(this.#text)}`);
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 2);
    return line;
  }

  /** Waits until the server has closed; gives what it said before. */
  async untilClosed(): Promise<string> {
    await this.#until(() => this.#closed);
    return this.#text;
  }

  /** MAIL and RCPT. */
  async envelope(from = "<a@client.example>", ...to: readonly string[]): Promise<string[]> {
    const said = [await this.says(`MAIL FROM:${from}`)];
    for (const path of to.length > 0 ? to : ["<b@pillarbox.test>"])
      said.push(await this.says(`RCPT TO:${path}`));
    return said;
  }

  /** DATA with these octets, which bring the end of the message themselves. */
  async data(octets: string | Buffer): Promise<string> {
    const ahead = await this.command("DATA");
    if (ahead.code !== 354) return codes(ahead);
    this.send(octets);
    return codes(await this.reply());
  }

  /** Performs the TLS handshake that STARTTLS asked for. */
  async startTls(servername = "localhost"): Promise<TLSSocket> {
    this.#socket.removeAllListeners();
    const socket = connectTls({ socket: this.#socket, servername, rejectUnauthorized: false });
    await once(socket, "secureConnect");
    this.#socket = socket;
    this.#listen();
    return socket;
  }

  /** Goes without a word. */
  vanish(): void {
    this.#tcp.resetAndDestroy();
  }

  end(): void {
    this.#socket.destroy();
  }

  #listen(): void {
    this.#socket.on("data", (chunk: Buffer) => {
      this.#text += chunk.toString("latin1");
      this.#changed();
    });
    const closed = () => {
      this.#closed = true;
      this.#changed();
    };
    this.#socket.on("end", closed).on("close", closed).on("error", closed);
  }

  async #until(condition: () => boolean): Promise<void> {
    let patience: NodeJS.Timeout | undefined;
    const tired = new Promise<never>((_, reject) => {
      patience = setTimeout(
        () => reject(new Error(`no answer; unread: ${JSON.stringify(this.#text)}`)),
        PATIENCE_MS,
      );
    });
    try {
      while (!condition()) {
        await Promise.race([new Promise<void>((resolve) => (this.#changed = resolve)), tired]);
      }
    } finally {
      clearTimeout(patience);
    }
  }
}

/** Resolves when a socket has closed, by an error or not. */
export function closed(socket: Socket): Promise<void> {
  socket.on("error", () => {}).resume();
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

/** The code of a reply with its enhanced status code: "250 2.1.0". */
export function codes({ code, status }: ReplyLines): string {
  return status === "" ? String(code) : `${code} ${status}`;
}
