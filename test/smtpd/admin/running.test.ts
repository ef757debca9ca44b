/** `smtpd queue` and `smtpd sendmail` beside a running smtpd, and by users who are not its own. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { maildirAt } from "../../../shared/maildir/maildir.js";
import { enqueue } from "../../../smtpd/queue/enqueue.js";
import type { QueueEnvelope } from "../../../smtpd/queue/envelope.js";
import { formatQueueId } from "../../../smtpd/queue/queue-id.js";
import { type Daemon, programOf, startDaemon } from "../../daemons/daemon.js";
import { giveToNobody, NOBODY, runsAsRoot, withoutNobody } from "../../nobody.js";
import { inapplicable } from "../../peers.js";
import { envelope, recipient } from "../queue/envelopes.js";
import { SendmailSite } from "../sendmail/sendmail-site.js";

const HOUR = 3_600_000;
/** Debian's user `daemon`: neither root nor nobody. */
const STRANGER = 1;

let site: SendmailSite;
let daemon: Daemon | undefined;
let count = 0;

beforeEach(async () => {
  site = await SendmailSite.make("", runsAsRoot ? "nobody" : "root");
  await chmod(site.directory, 0o755);
  await writeFile(join(site.directory, "users"), "bob@example.org:{PLAIN}x::::::\n", { mode: 0o644 });
  for (const name of ["mail", "state"]) await mkdir(join(site.directory, name), { mode: 0o755 });
  await writeFile(
    site.configFile,
    `hostname = "mail.example.org"\ndomains = ["example.org"]\naccounts = "${site.directory}/users"\nmail_root = "${site.directory}/mail"\nstate_dir = "${site.directory}/state"\nuser = "nobody"\n[[listen]]\naddress = "127.0.0.1:0"\n`,
    { mode: 0o644 },
  );
  for (const name of ["mail", "state"]) await giveToNobody(join(site.directory, name));
});

afterEach(async () => {
  await daemon?.stop();
  daemon = undefined;
  await site.remove();
});

async function start(): Promise<Daemon> {
  daemon = await startDaemon("smtpd", await readFile(site.configFile, "utf8"));
  return daemon;
}

/** Puts a message for bob into the queue, which smtpd is not to try by itself. */
async function put(changes: Partial<QueueEnvelope>, nextAttempt = 0): Promise<string> {
  const queue = await site.openQueue();
  const arrivedAt = Date.now();
  const queueId = formatQueueId(arrivedAt, count++);
  const one = {
    ...envelope([recipient("bob@example.org", { nextAttempt })]),
    queueId,
    arrivedAt,
    ...changes,
  };
  await enqueue(queue, one, [Buffer.from("Subject: x\n\nhello\n")]);
  await giveToNobody(site.queue);
  return queueId;
}

async function succeeds(...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await site.queueCommand(words);
  assert.equal(code, 0, stderr);
  return stdout;
}

async function delivered(running: Daemon, queueId: string): Promise<void> {
  await running.logged((line) => line.how === "delivered" && line.queueId === queueId);
}

/** Names in new/ of bob's Maildir. */
function mail(): Promise<string[]> {
  return readdir(maildirAt(join(site.directory, "mail", "example.org", "bob", "Maildir")).new);
}

describe("beside a running smtpd", { skip: withoutNobody() }, () => {
  test("what is held waits until it is released, and what is removed is never sent", async () => {
    const held = await put({ held: true });
    const doomed = await put({ held: true });
    const running = await start();
    assert.ok((await succeeds("list")).includes(`${held}`));
    assert.match(await succeeds("remove", doomed), /1 message/);
    assert.ok(!(await succeeds("list")).includes(doomed));
    await succeeds("release", held);
    await delivered(running, held);
    assert.equal((await mail()).length, 1);
  });

  test("a flush brings what would have waited, and a hold keeps what would not", async () => {
    const later = await put({}, Date.now() + HOUR);
    const other = await put({ reversePath: undefined }, Date.now() + HOUR);
    const running = await start();
    await succeeds("hold", "--sender", "<>");
    await succeeds("flush", "--domain", "example.org");
    await delivered(running, later);
    const [message, ...others] = JSON.parse(await succeeds("list", "--json"));
    assert.deepEqual([message.queueId, message.held, others], [other, true, []]);
  });

  test("a program's mail is delivered, and what cannot be meant is said", async () => {
    const running = await start();
    const { code } = await site.sendmail(["-f", "bob", "bob"], "Subject: x\n\nhello\n");
    assert.equal(code, 0);
    await running.logged((line) => line.how === "delivered");
    assert.equal((await mail()).length, 1);
    assert.equal((await site.queueCommand(["remove", "--domain", "a.example"])).code, 66);
    assert.deepEqual(await readdir(join(site.queue, "control")), []);
  });
});

describe("another user", {
  skip: withoutNobody() || (runsAsRoot ? false : inapplicable("this user is not root")),
}, () => {
  function as(groups: string, ...words: readonly string[]) {
    const privileges = [`--reuid=${STRANGER}`, `--regid=${STRANGER}`, groups, "--"];
    const command = [...privileges, process.execPath, programOf("smtpd"), ...words];
    return spawnSync("setpriv", command, { input: "Subject: x\n\nhello\n", encoding: "utf8", cwd: "/" });
  }
  const member = `--groups=${NOBODY}`;

  test("may send when he is in the queue's group, and smtpd reads what he has put there", async () => {
    const running = await start();
    const { status, stderr } = as(member, "sendmail", "-C", site.configFile, "bob");
    assert.equal(status, 0, stderr);
    await running.logged((line) => line.how === "delivered");
    assert.equal((await mail()).length, 1);
  });

  test("may not send when he is not, and is told of the group", async () => {
    await start();
    const { status, stderr } = as("--clear-groups", "sendmail", "-C", site.configFile, "bob");
    assert.equal(status, 77);
    assert.match(stderr, /nogroup/);
  });

  test("may not administer the queue", async () => {
    const queueId = await put({ held: true });
    for (const running of [false, true]) {
      if (running) await start();
      for (const groups of [member, "--clear-groups"]) {
        for (const action of ["flush", "release", "remove"]) {
          const { status } = as(groups, "--config", site.configFile, "queue", action, queueId);
          assert.equal(status, 77, `${action}, ${groups}`);
        }
      }
    }
    assert.ok((await succeeds("list")).includes(queueId));
  });

  test("may not read what others have in the queue", async () => {
    await put({ held: true });
    await chmod(join(site.queue, "envelope", (await readdir(join(site.queue, "envelope")))[0] ?? ""), 0o600);
    assert.equal(as(member, "--config", site.configFile, "queue", "list").status, 77);
    assert.equal(as("--clear-groups", "sendmail", "-C", site.configFile, "-bp").status, 77);
  });

  test("needs the configuration", async () => {
    await chmod(site.configFile, 0o600);
    assert.equal(as(member, "sendmail", "-C", site.configFile, "bob").status, 77);
  });

  test("root's commands leave files of the user of the configuration", async () => {
    await put({});
    await succeeds("hold", "--all");
    assert.equal((await site.sendmail(["bob"], "Subject: x\n\n")).code, 0);
    for (const folder of ["envelope", "new"])
      for (const name of await readdir(join(site.queue, folder)))
        assert.equal((await stat(join(site.queue, folder, name))).uid, NOBODY, `${folder}/${name}`);
  });
});
