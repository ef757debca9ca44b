/** smtpd and its queue, as a whole: what is submitted leaves, by whatever way it came into the queue. */
import assert from "node:assert/strict";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import type { Daemon } from "../daemons/daemon.js";
import { runProgram } from "../daemons/program.js";
import { DOMAIN, PASSWORD, Site } from "../daemons/site.js";
import { Sink } from "../fakes/sink.js";
import { SmtpClient } from "../fakes/smtp-client.js";
import { withoutNobody } from "../nobody.js";

const PLAIN = Buffer.from(`\0alice@${DOMAIN}\0${PASSWORD}`).toString("base64");

/** A site whose mail for others goes to a port of this host. */
async function siteWithSmarthost(t: TestContext, port: number, queue = "") {
  const site = await Site.make(["alice"]);
  t.after(() => site.remove());
  const tables = `[relay]\nsmarthost = "127.0.0.1:${port}"\ntls = "never"\n[queue]\n${queue}`;
  const start = () => site.smtpd({ tables, listen: 'allow_plaintext_auth = "loopback"\n' });
  const envelopes = () => readdir(join(site.directory, "state/queue/envelope")).catch((): string[] => []);
  return { site, tables, start, envelopes };
}

/** Alice sends a message; resolves to its queue id, once it is acknowledged. */
async function submit(port: number, to: string): Promise<string> {
  const client = await SmtpClient.greeted(port);
  assert.equal(await client.says("EHLO client.test"), "250");
  assert.equal(await client.says(`AUTH PLAIN ${PLAIN}`), "235 2.7.0");
  await client.envelope(`<alice@${DOMAIN}>`, `<${to}>`);
  assert.equal(await client.says("DATA"), "354");
  client.send(`From: alice@${DOMAIN}\r\nSubject: out\r\n\r\nhello\r\n.\r\n`);
  const { code, lines } = await client.reply();
  assert.equal(code, 250);
  client.end();
  return /[0-9A-Z]{14}/.exec(lines.join(" "))?.[0] ?? "";
}

const sent = (daemon: Daemon) => daemon.logged(({ msg }) => msg === "sent");

test("what a user submits for others leaves, at once, and its line in the log says so", async (t) => {
  const sink = await Sink.start(t);
  const { start, envelopes } = await siteWithSmarthost(t, sink.port);
  const { daemon, submission } = await start();
  t.after(() => daemon.kill());
  const queueId = await submit(submission, "bob@elsewhere.test");
  const line = await sent(daemon);
  assert.equal(line.queueId, queueId);
  assert.equal(line.to, "bob@elsewhere.test");
  assert.equal(sink.messages.length, 1);
  assert.deepEqual(await daemon.stop(), { code: 0, signal: null });
  assert.deepEqual(await envelopes(), []);
});

test("what another program places in the queue is sent by the daemon that runs", async (t) => {
  const sink = await Sink.start(t);
  const { start } = await siteWithSmarthost(t, sink.port);
  const { daemon } = await start();
  t.after(() => daemon.kill());
  const ended = await runProgram(
    "smtpd",
    ["sendmail", "--config", daemon.configFile, "-f", `alice@${DOMAIN}`, "bob@elsewhere.test"],
    "Subject: cron\n\nit ran\n",
  );
  assert.equal(ended.code, 0, ended.stderr);
  await sent(daemon);
  assert.equal(sink.messages.length, 1);
});

test("a message that waits is still there after a restart, is flushed by command, and leaves once", async (t) => {
  let refused = 0;
  const later = () => (refused++ === 0 ? "450 4.3.0 later" : undefined);
  const sink = await Sink.start(t, { script: { MAIL: later } });
  const { start, envelopes } = await siteWithSmarthost(t, sink.port);
  const first = await start();
  t.after(() => first.daemon.kill());
  await submit(first.submission, "bob@elsewhere.test");
  await first.daemon.logged(({ msg }) => msg === "deferred");
  assert.deepEqual(await first.daemon.stop(), { code: 0, signal: null });
  assert.equal((await envelopes()).length, 1);
  const second = await start();
  t.after(() => second.daemon.kill());
  const flushed = await runProgram("smtpd", [
    "queue",
    "flush",
    "--all",
    "--config",
    second.daemon.configFile,
  ]);
  assert.equal(flushed.code, 0, flushed.stderr);
  await sent(second.daemon);
  assert.equal(sink.messages.length, 1);
});

test("a failure comes back to its sender as a notice", async (t) => {
  const sink = await Sink.start(t, { script: { RCPT: "550 5.1.1 unknown" } });
  const { site, start } = await siteWithSmarthost(t, sink.port);
  const { daemon, submission } = await start();
  t.after(() => daemon.kill());
  await submit(submission, "bob@elsewhere.test");
  const line = await sent(daemon);
  assert.equal(line.to, `alice@${DOMAIN}`);
  const [notice] = await site.messages("alice");
  assert.ok(notice?.content.toString().includes("Final-Recipient: rfc822;bob@elsewhere.test"));
});

describe("the state directory", () => {
  test("is the sender's alone: a second smtpd ends with 75 and names the first", async (t) => {
    const { start } = await siteWithSmarthost(t, 1);
    const { daemon } = await start();
    t.after(() => daemon.kill());
    await assert.rejects(start(), new RegExp(`sender\\.lock.*${daemon.pid}`, "s"));
  });

  test("that its user may not write to ends smtpd with 77, and its name", {
    skip: withoutNobody(),
  }, async (t) => {
    const site = await Site.make(["alice"]);
    t.after(() => site.remove());
    await mkdir(join(site.directory, "state"), { mode: 0o500 });
    await assert.rejects(
      site.smtpd({ user: "nobody" }),
      /exit(?:ed|s)?.*77|77.*state_dir|state_dir.*EACCES/s,
    );
  });

  test("that is none ends smtpd with 78; one that is not there yet is no mistake for check", async (t) => {
    const site = await Site.make(["alice"]);
    t.after(() => site.remove());
    const config = join(site.directory, "odd.toml");
    const run = async (state: string, ...words: string[]) => {
      const head = `domains = ["${DOMAIN}"]\naccounts = "${site.directory}/users"\nuser = "root"\nstate_dir = "${state}"\n`;
      await writeFile(config, `${head}[[listen]]\naddress = "127.0.0.1:0"\n`);
      return runProgram("smtpd", [...words, "--config", config]);
    };
    const ended = await run(`${site.directory}/users`);
    assert.equal(ended.code, 78, ended.stdout);
    assert.ok(ended.stdout.includes("state_dir"));
    const checked = await run(`${site.directory}/new`, "check");
    assert.equal(checked.code, 0, checked.stderr);
    assert.match(checked.stdout, /queue .*new\/queue/);
  });
});
