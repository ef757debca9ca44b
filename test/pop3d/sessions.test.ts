/** Sessions of the daemon beside each other, beside other programs, and over its own end and reload. */
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { access, appendFile, chmod, readdir, writeFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { LOCK_NAME } from "../../pop3d/lock.js";
import { type DaemonOptions, DOMAIN, PASSWORD, type Pop3d, Site } from "../daemons/site.js";
import { giveToNobody, runsAsRoot, withoutNobody } from "../nobody.js";
import { Client } from "./client.js";

const TIMEOUT = { timeout: 60_000 };

test("a second session waits for the first, however that ends", TIMEOUT, async (t) => {
  const { pop3, site } = await started(t, { tables: '[maildrop]\nlock_wait = "30s"' });
  await site.deliver("alice", "Subject: a\n\nb\n");
  for (const end of ["QUIT\r\n", "", "DELE 1\r\n"]) {
    const first = await Client.loggedIn(pop3);
    const second = Client.loggedIn(pop3);
    first.send(end);
    if (end === "") first.end();
    else if (end.startsWith("DELE")) first.destroy();
    await (await second).command("QUIT", "+OK");
  }
  assert.equal((await site.messages("alice")).length, 1);
});

test(
  "a client that dies before it has read what it asked for loses nothing, though it had sent QUIT",
  TIMEOUT,
  async (t) => {
    const { pop3, daemon, site } = await started(t);
    await site.deliver("alice", `Subject: long\n\n${`${"x".repeat(99)}\n`.repeat(100_000)}`);
    await site.deliver("alice", "Subject: short\n\n");
    const client = await Client.loggedIn(pop3);
    client.send("RETR 1\r\nRETR 2\r\nDELE 1\r\nDELE 2\r\nQUIT\r\n");
    await client.expect("+OK");
    client.destroy();
    await daemon.logged(({ msg }) => msg === "connection closed");
    assert.equal((await site.messages("alice")).length, 2);
  },
);

test("a session that ends for its errors frees the maildrop before its client goes", TIMEOUT, async (t) => {
  const tables = '[limits]\nbad_commands = 1\n[maildrop]\nlock_wait = "1s"';
  const { pop3, site } = await started(t, { tables });
  await site.deliver("alice", "Subject: a\n\nb\n");
  const first = await Client.loggedIn(pop3);
  await first.command("XYZZY", "-ERR");
  // The first keeps its side open, which is borne with for longer than the second waits.
  await Client.loggedIn(pop3);
});

test(
  "another program that renames as fast as it can hides no message, and keeps none from being removed",
  TIMEOUT,
  async (t) => {
    const { pop3, site } = await started(t);
    for (let n = 1; n <= 20; n++) await site.deliver("alice", `Subject: ${n}\n\n`);
    // And some whose sizes have to be counted, and may be renamed under the reader.
    const maildir = site.maildir("alice");
    for (let n = 21; n <= 40; n++)
      await writeFile(`${maildir.new}/90000000${n}.foreign`, `Subject: ${n}\n\n`);
    const program = fileURLToPath(new URL("../fakes/renamer.js", import.meta.url));
    const renamer = fork(program, [maildir.path]);
    t.after(() => renamer.kill("SIGKILL"));
    await once(renamer, "message");

    const client = await Client.loggedIn(pop3);
    await client.command("STAT", "+OK 40 ");
    for (let n = 1; n <= 40; n++) {
      await client.command(`RETR ${n}`, "+OK");
      assert.deepEqual(await client.lines(), [`Subject: ${n}`, ""]);
    }
    for (let n = 1; n <= 40; n++) await client.command(`DELE ${n}`, "+OK");
    assert.equal(renamer.exitCode, null, "it was at work all the time");
    await client.command("QUIT", "+OK");
    assert.deepEqual(await site.messages("alice"), []);
  },
);

test("what is delivered during a session is there in the next", TIMEOUT, async (t) => {
  const { pop3, site } = await started(t);
  await site.deliver("alice", "Subject: one\n\n");
  const client = await Client.loggedIn(pop3);
  await site.deliver("alice", "Subject: two\n\n");
  await client.command("STAT", "+OK 1 ");
  await client.command("RETR 2", "-ERR");
  await client.command("QUIT", "+OK");
  assert.equal((await readdir(site.maildir("alice").new)).length, 1, "what was not listed stays new");
  await (await Client.loggedIn(pop3)).command("STAT", "+OK 2 ");
});

test("an account without a Maildir has an empty maildrop, and nothing is made", TIMEOUT, async (t) => {
  const { pop3, site } = await started(t);
  const client = await Client.loggedIn(pop3);
  await client.command("STAT", "+OK 0 0");
  await client.command("QUIT", "+OK");
  await assert.rejects(access(site.maildir("alice").path));
});

test("a Maildir that may not be entered is somebody's to see to: [SYS/PERM]", {
  ...TIMEOUT,
  skip: withoutNobody(),
}, async (t) => {
  const site = await Site.make(["alice"]);
  t.after(() => site.remove());
  await site.deliver("alice", "Subject: a\n\nb\n");
  const { path } = site.maildir("alice");
  await giveToNobody(site.directory);
  const { pop3, daemon } = await site.pop3d(runsAsRoot ? { user: "nobody" } : {});
  t.after(() => daemon.kill());
  await chmod(path, 0);
  const client = await Client.connect(pop3);
  await client.expect("+OK");
  await client.command("USER alice", "+OK");
  await client.command(`PASS ${PASSWORD}`, "-ERR [SYS/PERM]");
  await chmod(path, 0o700);
  await client.login();
  await client.command("STAT", "+OK 1 ");
});

test(
  "SIGTERM: who has not logged in is sent away, who has may finish, and nothing stays locked",
  TIMEOUT,
  async (t) => {
    const { pop3, daemon, site } = await started(t);
    await site.deliver("alice", "Subject: a\n\nb\n");
    const idle = await Client.connect(pop3);
    await idle.expect("+OK");
    const session = await Client.loggedIn(pop3);
    await session.command("DELE 1", "+OK");
    const stopped = daemon.stop();
    assert.equal(await idle.rest(), "");
    await assert.rejects(Client.connect(pop3), "no new connection is accepted");
    await session.command("STAT", "+OK 0 0");
    await session.command("QUIT", "+OK");
    assert.equal(await session.rest(), "");
    assert.deepEqual(await stopped, { code: 0, signal: null });
    assert.deepEqual(await readdir(site.maildir("alice").path), ["cur", "new", "tmp"]);
    assert.deepEqual(await site.messages("alice"), []);
  },
);

test("SIGTERM: a session that does not finish in time is closed without UPDATE", TIMEOUT, async (t) => {
  const top = 'shutdown_time = "200ms"\n';
  const { pop3, daemon, site } = await started(t, { top, tables: '[limits]\nlogin_failure_delay = "1h"' });
  await site.deliver("alice", "Subject: a\n\nb\n");
  const session = await Client.loggedIn(pop3);
  await session.command("DELE 1", "+OK");
  const failing = await Client.connect(pop3);
  await failing.expect("+OK");
  failing.send("USER bob\r\nPASS wrong\r\n");
  await daemon.logged(({ msg }) => msg === "login failed");
  assert.deepEqual(await daemon.stop(), { code: 0, signal: null });
  assert.equal(await session.rest(), "");
  assert.equal((await site.messages("alice")).length, 1);
  assert.deepEqual(await readdir(site.maildir("alice").path), ["cur", "new", "tmp"]);
});

test("SIGKILL: the next start takes the lock of the dead over at once", TIMEOUT, async (t) => {
  const { pop3, daemon, site } = await started(t);
  await site.deliver("alice", "Subject: a\n\nb\n");
  await (await Client.loggedIn(pop3)).command("DELE 1", "+OK");
  await daemon.kill();
  await access(`${site.maildir("alice").path}/${LOCK_NAME}`);
  const next = await site.pop3d({ tables: '[maildrop]\nlock_wait = "0s"' });
  t.after(() => next.daemon.kill());
  await (await Client.loggedIn(next.pop3)).command("STAT", "+OK 1 ");
});

test("accounts are read anew on SIGHUP; a broken file changes nothing", TIMEOUT, async (t) => {
  const { pop3, daemon, site } = await started(t);
  const session = await Client.loggedIn(pop3);
  const users = `${site.directory}/users`;
  const reloaded = (times: number) =>
    daemon.logged(() => daemon.log.filter((line) => line.msg === "reloaded").length >= times);

  await appendFile(users, `carol@${DOMAIN}:{PLAIN}${PASSWORD}\n`);
  daemon.signal("SIGHUP");
  await reloaded(1);
  await (await Client.loggedIn(pop3, "carol")).command("QUIT", "+OK");

  await writeFile(users, "this is no accounts file\n");
  daemon.signal("SIGHUP");
  await daemon.logged(({ level, what }) => level === "error" && what === "accounts");
  await (await Client.loggedIn(pop3, "carol")).command("QUIT", "+OK");
  // Who is in, stays in.
  await session.command("NOOP", "+OK");
});

test("nothing secret is in the log, not even at its most talkative", TIMEOUT, async (t) => {
  const { pop3, daemon, site } = await started(t, {
    tables: '[log]\nlevel = "trace"\n[limits]\nlogin_failure_delay = "0s"\nlogin_failures = 100',
  });
  await site.deliver("alice", "Subject: topsecret\n\ntopsecret\n");
  const plain = (password: string) => Buffer.from(`\0alice\0${password}`).toString("base64");
  const client = await Client.connect(pop3);
  await client.expect("+OK");
  for (const line of [
    ...["USER alice", "PASS topsecret", "PAS topsecret", "topsecret", "PASS topsecret"],
    ...[`AUTH PLAIN ${plain("topsecret")}`, "AUTH PLAIN", plain("topsecret"), "AUTH PLAIN", "topsecret"],
    ...[`AUTH LOGIN ${plain("topsecret")}`, "USER alice", `PASS ${PASSWORD}`],
  ]) {
    client.send(`${line}\r\n`);
    await client.line();
  }
  await client.command("RETR 1", "+OK");
  assert.equal((await client.lines())[0], "Subject: topsecret");
  await client.command("QUIT", "+OK");
  await client.rest();
  await daemon.logged(({ msg }) => msg === "connection closed");
  const log = JSON.stringify(daemon.log);
  for (const secret of ["topsecret", PASSWORD, plain("topsecret"), plain(PASSWORD)]) {
    assert.ok(!log.includes(secret), secret);
  }
  assert.ok(log.includes('"C":"RETR 1"'), "the dialogue is there");
});

test("the log has a line for each login, refusal and connection", TIMEOUT, async (t) => {
  const { pop3, daemon, site } = await started(t, {
    listen: 'allow_plaintext_auth = "never"\n',
    tables: '[limits]\nlogin_failure_delay = "0s"',
  });
  await site.deliver("alice", "Subject: a\n\nb\n");
  await site.deliver("alice", "Subject: c\n\nd\n");
  const client = await Client.connect(pop3);
  await client.expect("+OK");
  await client.command("USER alice", "-ERR");
  await client.command("STLS", "+OK");
  const secure = await client.startTls();
  await secure.command("USER alice", "+OK");
  await secure.command("PASS wrong", "-ERR [AUTH]");
  await secure.login();
  await secure.command("RETR 1", "+OK");
  await secure.lines();
  await secure.command("DELE 2", "+OK");
  await secure.command("QUIT", "+OK");
  await secure.rest();
  const closed = await daemon.logged(({ msg }) => msg === "connection closed");
  const account = `alice@${DOMAIN}`;
  assert.deepEqual(pick(closed, "account", "tls", "reason", "retrieved", "deleted"), {
    account,
    tls: "TLSv1.3",
    reason: "QUIT",
    retrieved: 1,
    deleted: 1,
  });
  assert.match(String(closed.client), /^127\.0\.0\.1:\d+$/);
  const login = await daemon.logged(({ msg }) => msg === "login");
  assert.deepEqual(pick(login, "account", "method", "tls", "messages"), {
    account,
    method: "USER",
    tls: "TLSv1.3",
    messages: 2,
  });
  await daemon.logged(({ msg, username }) => msg === "login failed" && username === "alice");
  await daemon.logged(({ msg, reason }) => msg === "refused" && reason !== undefined);
});

async function started(t: TestContext, options: DaemonOptions = {}): Promise<Pop3d & { site: Site }> {
  const site = await Site.make(["alice", "bob"]);
  t.after(() => site.remove());
  const pop3d = await site.pop3d(options);
  t.after(() => pop3d.daemon.kill());
  return { ...pop3d, site };
}

function pick(line: Readonly<Record<string, unknown>>, ...keys: string[]): Record<string, unknown> {
  return Object.fromEntries(keys.map((key) => [key, line[key]]));
}
