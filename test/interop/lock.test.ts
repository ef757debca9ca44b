/**
 * The session lock between pop3d and Dovecot's POP3 sessions, both ways: who comes second waits and gets in when the first
 * goes, however that goes; one that is killed holds nobody up, one that only stands still keeps what is his; and nobody
 * else takes notice. (What the lock file says, and that Dovecot gives up in the end, is in test/pop3d/lock.test.ts.)
 */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { PASSWORD, type Pop3d, Site } from "../daemons/site.js";
import { asNobody, giveToNobody, withoutNobody } from "../nobody.js";
import { without } from "../peers.js";
import { Client } from "../pop3d/client.js";
import { DOVECOT_POP3, DovecotPop3 } from "../pop3d/dovecot-pop3.js";
import { dovecotImap } from "./dovecot.js";
import { run } from "./run.js";

const skip = without(DOVECOT_POP3) || withoutNobody();
const WAITING_MS_MAX = 20_000;
const POLL_MS = 10;
const LOCK = "dovecot-pop3-session.lock";

let site: Site;
let home: string;
const running: Pop3d[] = [];
const clients: Client[] = [];
beforeEach(async () => {
  site = await Site.make(["alice"]);
  home = join(site.directory, "home");
  await mkdir(home);
  await site.deliver("alice", "Subject: one\n\n");
  await giveToNobody(site.directory);
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  for (const { daemon } of running.splice(0)) await daemon.stop();
  await site.remove();
});

test("while Dovecot has it we say [IN-USE], and who waits gets in when Dovecot ends", { skip }, async (t) => {
  const dovecot = await DovecotPop3.start(t, home, site.maildir("alice"));
  assert.match(await dovecot.answer, /^\+OK/);
  const [hasty, patient] = [await pop3d("300ms"), await pop3d("1m")];
  const waiting = await begun(patient);
  await (await begun(hasty)).expect("-ERR [IN-USE]");
  await dovecot.quit();
  await waiting.expect("+OK");
  await waiting.command("STAT", "+OK 1 ");
});

test("once Dovecot is killed we get in", { skip }, async (t) => {
  const dovecot = await DovecotPop3.start(t, home, site.maildir("alice"));
  assert.match(await dovecot.answer, /^\+OK/);
  await dovecot.kill();
  assert.ok((await readdir(site.maildir("alice").path)).includes(LOCK), "it has left its lock behind");
  await (await begun(await pop3d("0s"))).expect("+OK");
});

test("while we have it Dovecot waits, and gets in when our session ends", {
  skip: skip || without("strace"),
}, async (t) => {
  const ours = await begun(await pop3d("0s"));
  await ours.expect("+OK");
  const trace = join(site.directory, "trace");
  const dovecot = await DovecotPop3.start(t, home, site.maildir("alice"), strace(trace));
  let answered = false;
  const answer = dovecot.answer.finally(() => {
    answered = true;
  });
  // It asks whether who has it lives.
  const asks = async () => /kill\(\d+, 0\) += 0$/m.test(await readFile(trace, "latin1").catch(() => ""));
  for (const deadline = Date.now() + WAITING_MS_MAX; !(await asks()); await sleep(POLL_MS))
    assert.ok(Date.now() < deadline, "it has not asked");
  await ours.command("DELE 1", "+OK");
  assert.equal(answered, false, "it waits");
  await ours.command("QUIT", "+OK");
  assert.match(await answer, /^\+OK/);
  assert.match(await dovecot.command("STAT"), /^\+OK 0 /);
});

test("once our daemon is killed Dovecot gets in, and so does the next daemon", { skip }, async (t) => {
  const first = await pop3d("0s");
  await (await begun(first)).expect("+OK");
  await first.daemon.kill();
  assert.ok((await readdir(site.maildir("alice").path)).includes(LOCK), "it has left its lock behind");
  const dovecot = await DovecotPop3.start(t, home, site.maildir("alice"));
  assert.match(await dovecot.answer, /^\+OK/);
  await dovecot.quit();

  const second = await pop3d("0s");
  await (await begun(second)).expect("+OK");
  await second.daemon.kill();
  await (await begun(await pop3d("0s"))).expect("+OK");
});

test("a session that stands still keeps it, Dovecot's", { skip }, async (t) => {
  const dovecot = await DovecotPop3.start(t, home, site.maildir("alice"));
  assert.match(await dovecot.answer, /^\+OK/);
  dovecot.signal("SIGSTOP");
  await (await begun(await pop3d("300ms"))).expect("-ERR [IN-USE]");
  dovecot.signal("SIGCONT");
  assert.match(await dovecot.command("STAT"), /^\+OK 1 /);
});

test("a session that stands still keeps it, ours", { skip }, async (t) => {
  const stopped = await pop3d("0s");
  const ours = await begun(stopped);
  await ours.expect("+OK");
  stopped.daemon.signal("SIGSTOP");
  try {
    const dovecot = await DovecotPop3.start(t, home, site.maildir("alice"));
    await (await begun(await pop3d("300ms"))).expect("-ERR [IN-USE]");
    assert.match(await dovecot.answer, /^-ERR/);
  } finally {
    stopped.daemon.signal("SIGCONT");
  }
  await ours.command("DELE 1", "+OK");
  await ours.command("QUIT", "+OK");
  assert.deepEqual(await site.messages("alice"), []);
});

for (const holder of ["Dovecot", "pop3d"] as const) {
  test(`delivery and IMAP take no notice of it: ${holder} has it`, {
    skip: skip || without("doveadm", "procmail"),
  }, async (t) => {
    if (holder === "pop3d") await (await begun(await pop3d("0s"))).expect("+OK");
    else await (await DovecotPop3.start(t, home, site.maildir("alice"))).answer;
    const { path } = site.maildir("alice");
    assert.ok((await readdir(path)).includes(LOCK));
    await procmail(path);
    await site.deliver("alice", "Subject: three\n\n");
    await giveToNobody(path);
    const imap = dovecotImap(home, site.maildir("alice"));
    const answers = await imap(["a SELECT INBOX", "b STORE 1 +FLAGS (\\Flagged)", "c LOGOUT"]);
    assert.match(answers, /^\* 3 EXISTS\r$/m);
    assert.ok((await readdir(path)).includes(LOCK), "nor do they take it away");
  });
}

async function pop3d(lockWait: string): Promise<Pop3d> {
  const started = await site.pop3d({ user: "nobody", tables: `[maildrop]\nlock_wait = "${lockWait}"\n` });
  running.push(started);
  return started;
}

/** A session that waits for the answer to its password. */
async function begun({ pop3 }: Pop3d): Promise<Client> {
  const client = await Client.connect(pop3);
  clients.push(client);
  await client.expect("+OK");
  await client.command("USER alice", "+OK");
  client.send(`PASS ${PASSWORD}\r\n`);
  return client;
}

function strace(output: string): string[] {
  return ["strace", "-D", "-f", "-qq", "-e", "trace=kill", "-o", output];
}

async function procmail(maildir: string): Promise<void> {
  const rules = join(home, "procmailrc");
  await writeFile(rules, `DEFAULT=${maildir}/\nLOGFILE=/dev/null\n`);
  const [command, ...args] = asNobody(["procmail", rules]);
  const { code } = await run(command, args, { input: "Subject: two\n\n", env: { HOME: home }, cwd: home });
  assert.equal(code, 0);
}
