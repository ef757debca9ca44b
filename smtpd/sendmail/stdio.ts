/**
 * `sendmail -bs`: SMTP on standard input and output, the very dialogue of the daemon, before a receiver that queues everything
 * (queue-receiver.ts). Whoever may run it may send mail, so there is no login; TLS would be between the two ends of a pipe; and
 * nobody but who called it waits, so there are no deadlines and no delays for errors.
 */
import { pipeline } from "node:stream/promises";
import { defaultDomainOf } from "../../shared/config/common.js";
import { openLog } from "../../shared/log.js";
import { LoginGuard } from "../../shared/login-guard.js";
import type { SmtpdConfig, SmtpdListenerConfig } from "../config.js";
import { Dialogue, type Step } from "../protocol/dialogue.js";
import { formatReply, LINE_TOO_LONG } from "../protocol/reply.js";
import { Session } from "../protocol/session.js";
import { CommandStream } from "../protocol/stream.js";
import { explained, openQueue } from "../queue/open-for-command.js";
import { caller } from "./caller.js";
import { QueueReceiver } from "./queue-receiver.js";

/** What a listener would be configured as that takes mail like this. */
const LISTENER: SmtpdListenerConfig = {
  address: { kind: "fd", fd: 0 },
  role: "mx",
  tls: "none",
  allow_plaintext_auth: "never",
  proxy_protocol: [],
  early_talker_delay: 0,
};
/** Nobody logs in here. */
const NO_LOGINS = { delayMs: 0, sessionsPerAccount: 1 };

/** Serves until the client says QUIT or closes its end. */
export async function serveStandardInput(config: SmtpdConfig): Promise<void> {
  const who = caller();
  const queue = await openQueue(config);
  const defaultDomain = defaultDomainOf(config);
  const service = {
    hostname: config.hostname,
    defaultDomain,
    limits: config.limits,
    bareLf: config.receive.bare_lf,
    listener: LISTENER,
    receiver: new QueueReceiver(queue, config, who),
    guard: new LoginGuard({ ...NO_LOGINS, defaultDomain }),
    certificates: () => undefined,
  };
  const log = openLog("smtpd", { level: "error", format: "auto" }, 2);
  const session = new Session(service, { localAddress: "", remoteAddress: "", tls: undefined, log });
  const conversation = new Conversation(new Dialogue(session), config.limits.command_length);
  await explained(config, () => conversation.hold());
  service.guard.close();
}

class Conversation {
  readonly #dialogue: Dialogue<undefined>;
  readonly #stream: CommandStream;
  #closing = false;

  constructor(dialogue: Dialogue<undefined>, commandOctetsMax: number) {
    this.#dialogue = dialogue;
    this.#stream = new CommandStream({ maxCommandLength: commandOctetsMax });
    this.#stream.oncommand = (line, next = () => {}) => void this.#answer(line).then(next);
    this.#stream.on("error", () => {
      // Of our own making, when the input is destroyed; or of the input, whose other end is gone.
      if (this.#closing || process.stdin.errored !== null) return;
      this.#write(formatReply(LINE_TOO_LONG));
      this.#close();
    });
  }

  /** Resolves when it is over. */
  async hold(): Promise<void> {
    // Whoever has left hears no more replies; what he had sent whole is done all the same.
    process.stdout.on("error", () => {});
    this.#perform(this.#dialogue.greeting());
    // Ends early where the reply that closes destroys the input.
    await pipeline(process.stdin, this.#stream).catch(() => {});
    await this.#dialogue.over();
  }

  async #answer(line: Buffer): Promise<void> {
    if (!this.#closing) this.#perform(await this.#dialogue.line(line));
  }

  #perform({ lines, next }: Step): void {
    if (next.kind === "octets") this.#stream.receiveOctets((chunk) => this.#take(chunk));
    this.#write(lines);
    if (next.kind === "close") this.#close();
  }

  async #take(chunk: Buffer): Promise<Buffer | undefined> {
    const end = await this.#dialogue.octets(chunk);
    if (end === undefined) return undefined;
    this.#perform(end.step);
    return end.rest;
  }

  #close(): void {
    this.#closing = true;
    this.#stream.isClosed = true;
    process.stdin.destroy();
  }

  #write(lines: readonly string[]): void {
    process.stdout.write(`${lines.join("\r\n")}\r\n`);
  }
}
