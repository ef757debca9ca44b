/** Every transcript against the dialogue without a socket, and against the listener: at once, octet by octet, over TLS. */
import { after, before, describe, test } from "node:test";
import pino from "pino";
import type { Certificates } from "../../../shared/certificates.js";
import { parseConfig } from "../../../shared/config/load.js";
import { LoginGuard } from "../../../shared/login-guard.js";
import { smtpdSchema } from "../../../smtpd/config.js";
import { Dialogue, type Step } from "../../../smtpd/protocol/dialogue.js";
import { Session } from "../../../smtpd/protocol/session.js";
import { MemoryReceiver } from "../../fakes/receiver.js";
import { SmtpClient } from "../../fakes/smtp-client.js";
import { makeCertificates, startListener } from "../../fakes/smtp-listener.js";
import { type Counterpart, play, readTranscripts, type Transcript } from "./transcript.js";

const TLS = [
  { tls: "none", slowly: false, title: "over TCP" },
  { tls: "none", slowly: true, title: "over TCP, octet by octet" },
  { tls: "implicit", slowly: false, title: "over TLS" },
] as const;

/** The dialogue itself, fed by the line. */
class PureCounterpart implements Counterpart {
  readonly #dialogue: Dialogue<string>;
  readonly #receiver = new MemoryReceiver();
  readonly #lines: string[] = [];
  #unread = Buffer.alloc(0);
  #next: Step["next"]["kind"] = "command";

  constructor({ role, errors }: Transcript) {
    const config = parseConfig(
      "test",
      'hostname = "mail.pillarbox.test"\ndomains = ["pillarbox.test"]',
      smtpdSchema,
    );
    const [listener] = config.listen;
    if (listener === undefined) throw new Error("no listener");
    const service = {
      hostname: config.hostname,
      defaultDomain: "pillarbox.test",
      limits: { ...config.limits, errors: errors ?? config.limits.errors },
      bareLf: config.receive.bare_lf,
      listener: { ...listener, role },
      receiver: this.#receiver,
      guard: new LoginGuard({ delayMs: 0, sessionsPerAccount: 10, defaultDomain: "pillarbox.test" }),
      certificates: () => undefined,
    };
    const log = pino({ level: "silent" });
    const start = { localAddress: "127.0.0.1", remoteAddress: "127.0.0.1", tls: undefined, log };
    this.#dialogue = new Dialogue(new Session(service, start));
    this.#do(this.#dialogue.greeting());
  }

  async send(octets: Buffer): Promise<void> {
    this.#unread = Buffer.concat([this.#unread, octets]);
    while (this.#next !== "close" && this.#unread.length > 0) {
      if (this.#next === "octets") {
        const end = await this.#dialogue.octets(this.#unread);
        this.#unread = Buffer.from(end?.rest ?? "");
        if (end !== undefined) this.#do(end.step);
        continue;
      }
      const [, line] = /^([^\n]*)\r?\n/s.exec(this.#unread.toString("latin1")) ?? [];
      if (line === undefined) return;
      this.#unread = this.#unread.subarray(line.length + 1);
      this.#do(await this.#dialogue.line(Buffer.from(line.replace(/\r$/, ""), "latin1")));
    }
  }

  async line(): Promise<string> {
    const line = this.#lines.shift();
    if (line === undefined) throw new Error("no reply");
    return line;
  }

  async untilClosed(): Promise<void> {
    if (this.#next !== "close") throw new Error("not closed");
  }

  messages(): Buffer[] {
    return this.#receiver.messages.map(({ octets }) => octets);
  }

  #do({ lines, next }: Step): void {
    this.#lines.push(...lines);
    this.#next = next.kind;
  }
}

describe("transcripts", () => {
  let certificates: Certificates;
  before(async () => {
    ({ certificates } = await makeCertificates());
  });

  for (const transcript of readTranscripts()) {
    const { name, role, errors } = transcript;
    test(`${name}: the dialogue`, () => play(transcript, new PureCounterpart(transcript)));

    for (const { tls, slowly, title } of TLS) {
      test(`${name}: ${title}`, async () => {
        const listener = await startListener({
          listener: { role, tls },
          limits: errors === undefined ? {} : { errors },
          certificates: () => certificates,
        });
        const client = await SmtpClient.connect(listener.port, { tls: tls === "implicit" });
        after(() => client.end());
        try {
          await play(transcript, {
            send: async (octets) => (slowly ? client.sendSlowly(octets) : client.send(octets)),
            line: () => client.line(),
            untilClosed: () => client.untilClosed(),
            messages: () => listener.receiver.messages.map(({ octets }) => octets),
          });
        } finally {
          client.end();
          await listener.stop();
        }
      });
    }
  }
});
