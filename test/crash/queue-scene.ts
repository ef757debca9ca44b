/**
 * A site whose smtpd can be killed while mail goes through its queue, and a host that takes the mail and counts.
 *
 * Recipients are `<what>@remote.test`, whom the host takes at once; but `bad@` never, and `later@` when a daemon tries for the
 * second time; and users of the site. Messages come from alice of the site, who gets the notices. Who is to get what is called a share: a
 * recipient's address, or `failed notice`, `delayed notice`.
 */
import assert from "node:assert/strict";
import { watch } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import pino from "pino";
import { formatMailbox } from "../../shared/address.js";
import { FsyncDurable } from "../../shared/durable.js";
import { createMaildir } from "../../shared/maildir/create.js";
import { parseName, uniqueNames } from "../../shared/maildir/name.js";
import { enqueue } from "../../smtpd/queue/enqueue.js";
import type { QueueEnvelope } from "../../smtpd/queue/envelope.js";
import { isEnvelope, parseEnvelope, queueIdOfFile } from "../../smtpd/queue/envelope-file.js";
import { Queue } from "../../smtpd/queue/queue.js";
import { type DaemonOptions, DOMAIN, Site, type Smtpd } from "../daemons/site.js";
import { Sink, type SinkMessage } from "../fakes/sink.js";
import { SmtpClient } from "../fakes/smtp-client.js";
import { freshEnvelope, mailbox } from "../smtpd/queue/envelopes.js";
import { filesOf } from "../smtpd/queue/queue-site.js";

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
    const queue = await Queue.open(`${site.directory}/state/queue`, {
      durable,
      uniqueName: uniqueNames("scene.test", process.pid, Date.now),
      now: Date.now,
      log: pino({ level: "silent" }),
    });
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

  /** Resolves when no envelope is left. Rejects when the signal comes first. */
  async emptied(signal: AbortSignal): Promise<void> {
    const { envelope } = this.queue.folders;
    const watcher = watch(envelope);
    try {
      for (;;) {
        const changed = new Promise<void>((resolve, reject) => {
          watcher.once("change", () => resolve());
          signal.addEventListener("abort", () => reject(signal.reason), { once: true });
        });
        changed.catch(() => {});
        signal.throwIfAborted();
        if ((await readdir(envelope)).length === 0) return;
        await changed;
      }
    } finally {
      watcher.close();
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
    const shares = [];
    for (const { message, recipients } of await this.#envelopes()) {
      const notice = noticeIn(await this.#messageText(message));
      for (const { forwardPath } of recipients) shares.push(notice ?? formatMailbox(forwardPath));
    }
    return shares;
  }

  /** Files of the queue that belong to no committed message. */
  async garbage(): Promise<string[]> {
    const known = (await this.#envelopes()).map(({ message }) => message);
    return (await filesOf(this.queue.maildir.path)).filter(
      (file) => !file.startsWith("envelope/") && !known.some((message) => file.includes(message)),
    );
  }

  async #envelopes(): Promise<QueueEnvelope[]> {
    const directory = this.queue.folders.envelope;
    const found = [];
    for (const name of await readdir(directory)) {
      const envelope = parseEnvelope(
        await readFile(join(directory, name), "utf8"),
        queueIdOfFile(name) ?? "",
      );
      if (!isEnvelope(envelope)) throw new assert.AssertionError({ message: `${name}: ${envelope.reason}` });
      found.push(envelope);
    }
    return found;
  }

  async #messageText(name: string): Promise<string> {
    const { maildir } = this.queue;
    const files = (await filesOf(maildir.path)).filter((file) => /^(?:new|cur)\//.test(file));
    const file = files.find((one) => one.includes(name));
    assert.ok(file, `the message ${name} of an envelope`);
    return readFile(`${maildir.path}/${file}`, "latin1");
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
