/**
 * A POP3 dialogue with any server, and what the server's replies mean: the status, the response code, the numbers and
 * lines that programs read; not what is said to people.
 */
import type { Socket } from "node:net";

const REPLY_MS_MAX = 20_000;
/** Commands whose +OK is followed by lines; LIST, UIDL and AUTH only without an argument. */
const MULTILINE = /^(?:CAPA.*|RETR .*|TOP .*|(?:LIST|UIDL|AUTH) ?)$/i;
/** Commands whose +OK says something to programs in its first line. */
const TELLING = /^(?:STAT|(?:LIST|UIDL) .*)$/i;

export const CLOSED = "closed";

/**
 * Sends the lines, one when the one before has been answered, or all at once, and resolves to the meaning of each
 * reply, the greeting's first. What a server that has closed did not answer is CLOSED.
 */
export async function converse(
  socket: Socket,
  lines: readonly Buffer[],
  { pipelined = false } = {},
): Promise<string[]> {
  const reader = new Reader(socket);
  socket.on("error", () => {});
  const timer = setTimeout(() => socket.destroy(new Error("no reply")), REPLY_MS_MAX);
  try {
    const replies = [await meaningOfReply(reader, "")];
    const send = (line: Buffer) => socket.write(Buffer.concat([line, Buffer.from("\r\n")]));
    if (pipelined) socket.write(Buffer.concat(lines.flatMap((line) => [line, Buffer.from("\r\n")])));
    for (const line of lines) {
      if (!pipelined) send(line);
      replies.push(await meaningOfReply(reader, line.toString("latin1")));
    }
    return replies;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

async function meaningOfReply(reader: Reader, command: string): Promise<string> {
  const first = await reader.line();
  if (first === undefined) return CLOSED;
  if (first === "+" || first.startsWith("+ ")) return first.trimEnd();
  const [, status = first, code = "", text = ""] = /^(\+OK|-ERR) ?(\[[^\]]*\])? ?(.*)$/s.exec(first) ?? [];
  if (status !== "+OK") return [status, code].join(" ").trim();
  if (MULTILINE.test(command)) {
    const lines = await reader.lines();
    return `+OK ${(/^CAPA/i.test(command) ? [...lines].sort() : lines).map((line) => JSON.stringify(line)).join(" ")}`.trim();
  }
  return TELLING.test(command) ? `+OK ${text.split(" ", 2).join(" ")}` : status;
}

/** The lines of a socket, latin1. */
class Reader {
  readonly #octets: AsyncIterator<Buffer>;
  #held = "";

  constructor(socket: Socket) {
    this.#octets = socket.iterator({ destroyOnReturn: false });
  }

  /** Undefined when the server has closed. */
  async line(): Promise<string | undefined> {
    for (;;) {
      const end = this.#held.indexOf("\r\n");
      if (end >= 0) {
        const line = this.#held.slice(0, end);
        this.#held = this.#held.slice(end + 2);
        return line;
      }
      const { value, done } = await this.#octets.next().catch(() => ({ value: undefined, done: true }));
      if (done || value === undefined) return undefined;
      this.#held += value.toString("latin1");
    }
  }

  /** Up to the line of a single dot. */
  async lines(): Promise<string[]> {
    const lines: string[] = [];
    for (let line = await this.line(); line !== "."; line = await this.line()) {
      if (line === undefined) return [...lines, CLOSED];
      lines.push(line);
    }
    return lines;
  }
}
