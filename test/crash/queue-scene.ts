/**
 * A site whose smtpd can be killed while mail goes through its queue, and a host that takes the mail and counts.
 *
 * Recipients are `<what>@remote.test`, whom the host takes at once; but `bad@` never, and `later@` when a daemon tries for the
 * second time; and users of the site. Messages come from alice of the site, who gets the notices. Who is to get what is called a share: a
 * recipient's address, or `failed notice`, `delayed notice`.
 */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { formatMailbox } from "../../shared/address.js";
import { FsyncDurable } from "../../shared/durable.js";
import { createMaildir } from "../../shared/maildir/create.js";
import { parseName } from "../../shared/maildir/name.js";
import { enqueue } from "../../smtpd/queue/enqueue.js";
import type { QueueEnvelope } from "../../smtpd/queue/envelope.js";
import type { Queue } from "../../smtpd/queue/queue.js";
import { type DaemonOptions, DOMAIN, Site, type Smtpd } from "../daemons/site.js";
import { Sink, type SinkMessage } from "../fakes/sink.js";
import { SmtpClient } from "../fakes/smtp-client.js";
import { freshEnvelope, mailbox } from "../smtpd/queue/envelopes.js";
import { committed, queueOf } from "./queue-on-disk.js";

export const ALICE = `alice@${DOMAIN}`;
/** With lines that begin with a dot, and the end at its end. */
const LINES = ["Subject: to be killed", "", ".a", "..b", "x".repeat(900), "the end of it"];
export const TEXT = `${LINES.join("\n")}\n`;
const durable = new FsyncDurable();

export class Scene {
  readonly site: Site;
  readonly sink: Sink;
  /** The very queue of the daemon, to put messages there. */
  readonly queue: Queue;
  readonly #tables: string;
  /** Those who were told to come back later. */
  readonly #met: Set<string>;

  private constructor(site: Site, sink: Sink, queue: Queue, tables: string, met: Set<string>) {
    this.site = site;
    this.sink = sink;
    this.queue = queue;
    this.#tables = tables;
    this.#met = met;
  }

  /** @param queueTable TOML of [queue] */
  static async make(t: Pick<TestContext, "after">, queueTable = ""): Promise<Scene> {
    const site = await Site.make(["alice", "bob"]);
    t.after(() => site.remove());
    const met = new Set<string>();
    const sink = await Sink.start(t, {
      host: "127.0.0.2",
      script: {
        RCPT: (line) => {
          if (line.includes("<bad@")) return "550 5.1.1 nobody";
          if (!line.includes("<later@") || met.has(line)) return undefined;
          met.add(line);
          return "451 4.2.0 come back";
        },
      },
    });
    // Made beforehand, so that the steps are those of the mail alone.
    const queue = await queueOf(site);
    for (const user of ["alice", "bob"]) await createMaildir(site.maildir(user), durable);
    const tables =
      `[relay]\nnetworks = ["127.0.0.1"]\n` +
      `[[route]]\ndomain = "remote.test"\nhost = "[127.0.0.2]:${sink.port}"\ntls = "never"\n` +
      `[queue]\nretry = ["300ms"]\n${queueTable}`;
    return new Scene(site, sink, queue, tables, met);
  }

  smtpd(options: DaemonOptions = {}): Promise<Smtpd> {
    this.#met.clear();
    return this.site.smtpd({ ...options, tables: this.#tables });
  }

  /** Puts a message into the queue, durably, as if the daemon before had. */
  place(
    recipients: QueueEnvelope["recipients"],
    changes: Partial<QueueEnvelope> = {},
  ): Promise<QueueEnvelope> {
    const envelope = freshEnvelope({
      arrivedAt: Date.now(),
      reversePath: mailbox(ALICE),
      ...changes,
      recipients,
    });
    return enqueue(this.queue, envelope, [Buffer.from(TEXT)]);
  }

  /** Sends a message; false when the connection broke before it was acknowledged. */
  async submit(port: number, recipients: readonly string[]): Promise<boolean> {
    try {
      const client = await SmtpClient.greeted(port);
      await client.envelope(`<${ALICE}>`, ...recipients.map((one) => `<${one}>`));
      const said = await client.data(`${stuffed(LINES)}\r\n.\r\n`);
      client.end();
      assert.match(said, /^250/);
      return true;
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      return false;
    }
  }

  /** The host has heard all that was sent to it. */
  async sinkIsIdle(): Promise<void> {
    await Promise.all(this.sink.connections.map(({ closed }) => closed));
  }

  /** How many times each share has arrived. All of what has arrived is whole. */
  async arrived(): Promise<string[]> {
    const remote = this.sink.messages.flatMap((message) => {
      expectWhole(message);
      return message.rcpts.map((line) => /<(.*?)>/.exec(line)?.[1] ?? "");
    });
    const local = [];
    for (const user of ["alice", "bob"]) {
      for (const { name, content } of await this.site.messages(user)) {
        assert.equal(parseName(name).size, content.length, name);
        const text = content.toString("latin1");
        const notice = noticeIn(text);
        assert.ok(text.endsWith(notice === undefined ? TEXT : "--\n"), "whole");
        local.push(notice ?? `${user}@${DOMAIN}`);
      }
    }
    return [...remote, ...local];
  }

  /** The shares that envelopes on the disk name. */
  async waiting(): Promise<string[]> {
    return (await committed(this.queue)).flatMap(({ envelope, octets }) => {
      const notice = noticeIn(octets.toString("latin1"));
      return envelope.recipients.map(({ forwardPath }) => notice ?? formatMailbox(forwardPath));
    });
  }
}

function stuffed(lines: readonly string[]): string {
  return lines.map((line) => (line.startsWith(".") ? `.${line}` : line)).join("\r\n");
}

function expectWhole({ octets }: SinkMessage): void {
  assert.ok(octets.toString("latin1").endsWith(`${stuffed(LINES)}\r\n.\r\n`), `whole: ${octets}`);
}

function noticeIn(text: string): string | undefined {
  const [, action] = /^Action: (\w+)$/m.exec(text) ?? [];
  return action === undefined ? undefined : `${action} notice`;
}
