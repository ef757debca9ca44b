/**
 * What smtp-server leaves to us. Each row passes on our listener and fails on plain smtp-server; when a new version of
 * it makes a row pass there, the row tells, and code of ours may go.
 */
import assert from "node:assert/strict";
import { performance } from "node:perf_hooks";
import { describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { SMTPServerOptions } from "smtp-server";
import { formatMailbox } from "../../../shared/address.js";
import { startPlainServer } from "../../fakes/plain-smtp-server.js";
import { SECRET } from "../../fakes/receiver.js";
import { SmtpClient } from "../../fakes/smtp-client.js";
import { startListener, type TestListenerOptions } from "../../fakes/smtp-listener.js";

interface Target {
  readonly port: number;
  /** Messages that were taken, their octets as they were handed on. */
  taken(): { text: string; smtputf8: boolean; recipients: readonly string[] }[];
  /** Local-parts of the reverse-paths that were asked about. */
  asked(): string[];
  /** Messages that were begun and have neither ended nor been abandoned. */
  open(): number;
  /** Resolves when the server knows that a connection is over. */
  readonly connectionOver: () => Promise<unknown>;
  stop(): Promise<void>;
}

interface Row {
  readonly name: string;
  readonly ours?: TestListenerOptions;
  /** The same, as plain smtp-server has it. */
  readonly plain?: SMTPServerOptions;
  readonly check: (target: Target) => Promise<void>;
}

const SUBMISSION = { listener: { role: "submission" } } as const;
const DOT_LINES = 100_000;
/** Of so many octets, with 50 ms between them, each keeps plain smtp-server waiting for another PLAIN_IDLE_MS. */
const DRIBBLES_MAX = 70;
const PLAIN_IDLE_MS = 2000;

const ROWS: readonly Row[] = [
  {
    name: "a client that speaks as soon as it is connected is greeted and served",
    check: async ({ port }) => {
      const client = await SmtpClient.connect(port);
      client.send("EHLO client.example\r\n");
      assert.equal((await client.reply()).code, 220);
      assert.equal((await client.reply()).code, 250);
      client.end();
    },
  },
  {
    name: "a dot at the start of a line does not cost a turn of the event loop",
    check: async ({ port }) => {
      const client = await SmtpClient.greeted(port);
      await client.envelope();
      const before = performance.nodeTiming.uvMetricsInfo.loopCount;
      const code = await client.data(`${"..\r\n".repeat(DOT_LINES)}.\r\n`);
      const turns = performance.nodeTiming.uvMetricsInfo.loopCount - before;
      client.end();
      assert.equal(code.slice(0, 3), "250");
      assert.ok(turns < DOT_LINES / 4, `${turns} turns for ${DOT_LINES} dots`);
    },
  },
  {
    name: "a bare LF becomes a line end like the others",
    check: async (target) => {
      const [message] = await deliver(target, "a\nb\r\n.\r\n");
      const [first, second] = message?.text.match(/\r?\n/g) ?? [];
      assert.equal(first, second);
    },
  },
  {
    name: "a bare LF is refused where that is configured",
    ours: { bareLf: "refuse" },
    check: async (target) => assert.deepEqual(await deliver(target, "a\nb\r\n.\r\n"), []),
  },
  {
    name: "a bare CR is refused",
    check: async (target) => assert.deepEqual(await deliver(target, "a\rb\r\n.\r\n"), []),
  },
  {
    name: "a NUL is refused",
    check: async (target) => assert.deepEqual(await deliver(target, "a\0b\r\n.\r\n"), []),
  },
  {
    name: "the dot before anything but a line end is removed",
    check: async (target) => {
      const [message] = await deliver(target, "a\r\n.c\r\n.\r\n");
      assert.equal(unixText(message), "a\nc\n");
    },
  },
  {
    name: "a dot after a bare LF stays",
    check: async (target) => {
      const [message] = await deliver(target, "a\n..b\r\n.\r\n");
      assert.equal(unixText(message), "a\n..b\n");
    },
  },
  {
    name: "unknown parameters of MAIL are refused",
    check: async ({ port }) => {
      const client = await SmtpClient.greeted(port);
      assert.equal(await client.says("MAIL FROM:<a@client.example> X=1"), "555 5.5.4");
      client.end();
    },
  },
  {
    name: "unknown parameters of RCPT are refused",
    check: async ({ port }) => {
      const client = await SmtpClient.greeted(port);
      await client.says("MAIL FROM:<a@client.example>");
      assert.equal(await client.says("RCPT TO:<b@pillarbox.test> X=1"), "555 5.5.4");
      client.end();
    },
  },
  {
    name: "refused recipients count as errors",
    ours: { limits: { errors: 12 } },
    check: async ({ port }) => {
      const client = await SmtpClient.greeted(port);
      await client.says("MAIL FROM:<a@client.example>");
      const said = await sayUntilClosed(client, Array(15).fill("RCPT TO:<unknown@pillarbox.test>"));
      assert.equal(said.at(-1), "421 4.7.0");
    },
  },
  {
    name: "failed logins count as errors",
    ours: { ...SUBMISSION, limits: { errors: 12 } },
    plain: { disabledCommands: [], maxAllowedUnauthenticatedCommands: false },
    check: async ({ port }) => {
      const client = await SmtpClient.greeted(port);
      const wrong = Buffer.from("\0alice\0wrong").toString("base64");
      const said = await sayUntilClosed(client, Array(15).fill(`AUTH PLAIN ${wrong}`));
      assert.equal(said.at(-1), "421 4.7.0");
    },
  },
  {
    name: "an octet now and then does not keep a command line open",
    ours: { limits: { command_time: 400 } },
    plain: { socketTimeout: PLAIN_IDLE_MS },
    check: async ({ port }) => {
      const client = await SmtpClient.greeted(port);
      await dribble(client, "x");
      assert.match(client.unread, /^421 4\.4\.2/);
    },
  },
  {
    name: "an octet now and then does not keep a message open",
    ours: { limits: { data_idle_time: 400, data_time: 800 } },
    plain: { socketTimeout: PLAIN_IDLE_MS },
    check: async ({ port }) => {
      const client = await SmtpClient.greeted(port);
      await client.envelope();
      await client.command("DATA");
      await dribble(client, "x");
      assert.match(client.unread, /^421 4\.4\.2/);
    },
  },
  {
    name: "trouble that nobody foresaw is temporary, and its cause stays here",
    check: async ({ port }) => {
      const client = await SmtpClient.greeted(port);
      await client.says("MAIL FROM:<a@client.example>");
      const { code, status, lines } = await client.command("RCPT TO:<trouble@pillarbox.test>");
      assert.deepEqual([code, status], [451, "4.3.0"]);
      assert.ok(!lines.join().includes(SECRET));
      client.end();
    },
  },
  {
    name: "a refusal has the enhanced code of its reason",
    check: async ({ port }) => {
      const client = await SmtpClient.greeted(port);
      await client.says("MAIL FROM:<a@client.example>");
      assert.equal(await client.says("RCPT TO:<unknown@pillarbox.test>"), "550 5.1.1");
      assert.equal(await client.says("RCPT TO:<relay@elsewhere.example>"), "550 5.7.1");
      client.end();
    },
  },
  {
    // smtp-server destroys the stream, which a handler written as its documentation shows never hears of.
    name: "of a client that vanishes within a message nothing stays open",
    check: async (target) => {
      const client = await SmtpClient.greeted(target.port);
      await client.envelope();
      await client.command("DATA");
      client.send("half a mess");
      client.vanish();
      await target.connectionOver();
      await nextTurn();
      assert.equal(target.open(), 0);
    },
  },
  {
    name: "half a command at the end of a connection is not run",
    check: async (target) => {
      const client = await SmtpClient.greeted(target.port);
      client.send("MAIL FROM:<half@client.example>");
      client.socket.end();
      await target.connectionOver();
      assert.deepEqual(target.asked(), []);
    },
  },
  ...["WIZ secret", "SHELL", "KILL", "XCLIENT ADDR=192.0.2.1", "XFORWARD ADDR=192.0.2.1"].map((command) => ({
    name: `${command.split(" ")[0]} is no command`,
    check: async ({ port }: Target) => {
      const client = await SmtpClient.greeted(port);
      assert.equal(await client.says(command), "500 5.5.2");
      assert.equal(await client.says(command), await client.says("NOSUCHVERB"));
      const { lines } = await client.command(command);
      assert.deepEqual(lines, (await client.command("NOSUCHVERB")).lines);
      client.end();
    },
  })),
  {
    name: "without a certificate of the operator there is no TLS",
    check: async ({ port }) => {
      const client = await SmtpClient.connect(port);
      await client.reply();
      const { lines } = await client.command("EHLO client.example");
      assert.ok(!lines.some((line) => line.includes("STARTTLS")));
      assert.equal(await client.says("STARTTLS"), "502 5.5.1");
      client.end();
    },
  },
  {
    name: "SMTPUTF8 of a refused MAIL is forgotten",
    check: async (target) => {
      const client = await SmtpClient.greeted(target.port);
      assert.equal(await client.says("MAIL FROM:<refused@client.example> SMTPUTF8"), "550 5.7.1");
      await client.envelope();
      await client.data(".\r\n");
      client.end();
      assert.equal(target.taken()[0]?.smtputf8, false);
    },
  },
  {
    name: "a reverse-path that is not US-ASCII needs SMTPUTF8",
    check: async ({ port }) => {
      const client = await SmtpClient.greeted(port);
      assert.equal(await client.says("MAIL FROM:<ü@client.example>"), "550 5.6.7");
      client.end();
    },
  },
  {
    name: "a forward-path that is not US-ASCII needs SMTPUTF8",
    check: async ({ port }) => {
      const client = await SmtpClient.greeted(port);
      await client.says("MAIL FROM:<a@client.example>");
      assert.equal(await client.says("RCPT TO:<ü@pillarbox.test>"), "553 5.6.7");
      client.end();
    },
  },
  {
    name: "A-labels stay A-labels",
    check: async (target) => {
      const client = await SmtpClient.greeted(target.port);
      await client.envelope("<a@client.example>", "<b@xn--bcher-kva.example>");
      await client.data(".\r\n");
      client.end();
      assert.deepEqual(target.taken()[0]?.recipients, ["b@xn--bcher-kva.example"]);
    },
  },
];

function unixText(message: { text: string } | undefined): string | undefined {
  return message?.text.replaceAll("\r\n", "\n");
}

/** Sends a message; gives what was taken. */
async function deliver(target: Target, octets: string) {
  const client = await SmtpClient.greeted(target.port);
  await client.envelope();
  await client.data(octets);
  client.end();
  return target.taken();
}

async function sayUntilClosed(client: SmtpClient, commands: readonly string[]): Promise<string[]> {
  const said: string[] = [];
  try {
    for (const command of commands) said.push(await client.says(command));
  } catch {
    // Closed.
  }
  client.end();
  return said;
}

/** Sends an octet now and then, until the server closes or it has gone on for long enough to know that it will not. */
async function dribble(client: SmtpClient, octet: string): Promise<void> {
  for (let i = 0; i < DRIBBLES_MAX && !client.closed; i++) {
    client.send(octet);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  client.end();
}

async function startOurs(options: TestListenerOptions = {}): Promise<Target> {
  const { port, receiver, logLine, stop } = await startListener(options);
  return {
    port,
    taken: () =>
      receiver.messages.map(({ octets, envelope }) => ({
        text: octets.toString("latin1"),
        smtputf8: envelope.reversePath.smtputf8,
        recipients: envelope.recipients.map(({ forwardPath }) => formatMailbox(forwardPath.mailbox)),
      })),
    asked: () => receiver.reversePaths.map(({ mailbox }) => mailbox?.localPart ?? ""),
    open: () => receiver.open,
    connectionOver: () => logLine("connection closed"),
    stop,
  };
}

async function startPlain(options: SMTPServerOptions = {}): Promise<Target> {
  const { port, messages, reversePaths, open, connectionOver, stop } = await startPlainServer({
    disabledCommands: ["AUTH"],
    ...options,
  });
  return {
    port,
    taken: () =>
      messages.map(({ octets, ...message }) => ({
        ...message,
        text: octets.toString("latin1"),
      })),
    asked: () => reversePaths.map((address) => address.split("@")[0] ?? ""),
    open,
    connectionOver: () => connectionOver,
    stop,
  };
}

describe("beyond smtp-server", () => {
  for (const { name, ours, plain, check } of ROWS) {
    test(name, async () => {
      const target = await startOurs(ours);
      await check(target).finally(() => target.stop());
    });

    test(`${name}: not with plain smtp-server`, async () => {
      const target = await startPlain(plain);
      await assert.rejects(
        check(target).finally(() => target.stop()),
        assert.AssertionError,
      );
    });
  }
});
