/** `smtpd queue`, as a program: what it shows, what it changes, and its exit codes. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { openLog } from "../../../shared/log.js";
import { administerQueue } from "../../../smtpd/queue/administer-queue.js";
import { ControlDesk } from "../../../smtpd/queue/control-desk.js";
import { ControlFolder } from "../../../smtpd/queue/control-folder.js";
import { enqueue } from "../../../smtpd/queue/enqueue.js";
import type { QueuedRecipient, QueueEnvelope } from "../../../smtpd/queue/envelope.js";
import { lockQueue } from "../../../smtpd/queue/lock.js";
import type { Queue } from "../../../smtpd/queue/queue.js";
import { formatQueueId } from "../../../smtpd/queue/queue-id.js";
import { programOf } from "../../daemons/daemon.js";
import { envelope, mailbox, recipient } from "../queue/envelopes.js";
import { SendmailSite } from "../sendmail/sendmail-site.js";

const HOUR = 3_600_000;
const NOW = Date.now();
const TROUBLE = {
  status: "4.2.0",
  text: "the host refused the recipient for now",
  host: "mx.a.example",
  reply: { code: 450, status: "4.2.0", lines: ["try", "later"] },
};
const DEFERRED = recipient("bob@a.example", { attempts: 3, nextAttempt: NOW + HOUR, trouble: TROUBLE });

let site: SendmailSite;
let queue: Queue;
let count: number;

beforeEach(async () => {
  site = await SendmailSite.make();
  queue = await site.openQueue();
  count = 0;
});
afterEach(() => site.remove());

/** Puts a message into the queue, each a minute younger than the one before. */
async function put(
  recipients: readonly (string | QueuedRecipient)[],
  changes: Partial<QueueEnvelope> = {},
): Promise<string> {
  const arrivedAt = NOW - HOUR + count++ * 60_000;
  const queueId = formatQueueId(arrivedAt, count);
  await enqueue(queue, { ...envelope(recipients), queueId, arrivedAt, ...changes }, [
    Buffer.from("Subject: x\n\nhello\n"),
  ]);
  return queueId;
}

async function run(...words: readonly string[]) {
  const { code, stdout, stderr } = await site.queueCommand(words);
  return { code, stdout, stderr };
}

async function json(...words: readonly string[]) {
  const { code, stdout, stderr } = await run(...words, "--json");
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  return JSON.parse(stdout);
}

async function listedIds(...words: readonly string[]): Promise<string[]> {
  return (await json("list", ...words)).map(({ queueId }: { queueId: string }) => queueId);
}

describe("list", () => {
  test("shows each message and recipient to people, the oldest first, and a sum", async () => {
    const first = await put([DEFERRED, "carol@b.example"]);
    const second = await put(["dave@a.example"], { held: true, reversePath: undefined });
    const { code, stdout } = await run("list");
    assert.equal(code, 0);
    const lines = stdout.trimEnd().split("\n");
    assert.equal(lines.length, 1 + 2 + 1 + 1 + 1 + 1);
    assert.match(lines[1] ?? "", new RegExp(`^${first} +\\d+m +18B +<alice@example\\.org>$`));
    assert.match(lines[2] ?? "", /^ +bob@a\.example .*3 attempts.*mx\.a\.example.*450 4\.2\.0 try later$/);
    assert.match(lines[3] ?? "", /^ +carol@b\.example /);
    assert.match(lines[4] ?? "", new RegExp(`^${second} .*<> +HELD$`));
    assert.match(lines[6] ?? "", /2 messages.*3 recipients.*1 held/);
  });

  test("tells programs all of it", async () => {
    const queueId = await put([DEFERRED], { envid: "q1", ret: "HDRS" });
    const [message, ...others] = await json("list");
    assert.deepEqual(others, []);
    assert.deepEqual(
      [message.queueId, message.sender, message.size, message.held, message.envid, message.ret],
      [queueId, "alice@example.org", 18, false, "q1", "HDRS"],
    );
    assert.equal(Date.parse(message.arrivedAt), NOW - HOUR);
    const [one] = message.recipients;
    assert.deepEqual([one.recipient, one.attempts, one.trouble], ["bob@a.example", 3, TROUBLE]);
    assert.equal(Date.parse(one.nextAttempt), DEFERRED.nextAttempt);
  });

  test("selects by queue id, recipient, domain and sender", async () => {
    const first = await put(["bob@a.example", "carol@b.example"]);
    const second = await put(["dave@a.example"], { reversePath: undefined });
    const third = await put(["bob@a.example"], { reversePath: mailbox("zoe@x.example") });
    assert.deepEqual(await listedIds(), [first, second, third]);
    assert.deepEqual(await listedIds("--all"), [first, second, third]);
    assert.deepEqual(await listedIds(second.toLowerCase(), first), [first, second]);
    assert.deepEqual(await listedIds("--recipient", "BOB@a.example"), [first, third]);
    assert.deepEqual(await listedIds("--domain", "b.example", "--domain", "c.example"), [first]);
    assert.deepEqual(await listedIds("--sender", "<>"), [second]);
    assert.deepEqual(await listedIds("--sender", "alice", "--domain", "a.example"), [first]);
    const [message] = await json("list", "--domain", "b.example");
    assert.deepEqual(
      message.recipients.map((one: { recipient: string }) => one.recipient),
      ["carol@b.example"],
    );
  });

  test("of an empty queue is well, and of a selection that nothing meets is not", async () => {
    assert.equal((await run("list")).code, 0);
    assert.deepEqual(await json("list"), []);
    assert.equal((await run("list", "--domain", "b.example")).code, 66);
  });

  test("passes over what is no envelope, and says so", async () => {
    const queueId = await put(["bob@a.example"]);
    const other = `${"0".repeat(13)}1`;
    await writeFile(join(site.queue, "envelope", `${other}.json`), "{}");
    const { code, stdout, stderr } = await run("list");
    assert.equal(code, 0);
    assert.ok(stdout.includes(queueId) && stderr.includes(other));
    assert.ok(
      (await readdir(join(site.queue, "envelope"))).includes(`${other}.json`),
      "it is smtpd's to set aside",
    );
  });

  test("of a queue that is not there yet says so", async () => {
    await site.remove();
    site = await SendmailSite.make();
    assert.equal((await run("list")).code, 66);
  });
});

describe("show", () => {
  test("tells all that is known of a message", async () => {
    const queueId = await put([DEFERRED, recipient("carol@b.example", { notify: [] })], { envid: "q1" });
    const { code, stdout } = await run("show", queueId);
    assert.equal(code, 0);
    for (const part of [
      queueId,
      "<alice@example.org>",
      "q1",
      "bob@a.example",
      "450 4.2.0 try",
      "carol@b.example",
      "never",
    ])
      assert.ok(stdout.includes(part), part);
  });

  test("shows the message as it is, wherever it lies", async () => {
    for (const one of ["bob@a.example", DEFERRED]) {
      const queueId = await put([one]);
      const stored = await queue.load(queueId);
      assert.ok(stored);
      await queue.replace(stored);
      assert.match((await run("show", queueId, "--message")).stdout, /\n\nSubject: x\n\nhello\n$/);
    }
  });

  test("tells programs as list does", async () => {
    const queueId = await put([DEFERRED]);
    assert.deepEqual(await json("show", queueId), await json("list", queueId));
  });
});

describe("changes, while no smtpd runs", () => {
  test("hold and release", async () => {
    const first = await put(["bob@a.example"]);
    const second = await put(["carol@b.example"]);
    assert.deepEqual(await json("hold", "--domain", "a.example"), {
      kind: "done",
      selected: 1,
      changed: 1,
      recipients: 1,
      busy: 0,
    });
    assert.deepEqual([(await queue.load(first))?.held, (await queue.load(second))?.held], [true, false]);
    assert.equal((await run("release", first)).code, 0);
    assert.equal((await queue.load(first))?.held, false);
  });

  test("flush", async () => {
    const first = await put([DEFERRED, recipient("carol@b.example", { nextAttempt: NOW + HOUR })]);
    assert.equal((await run("flush", "--domain", "a.example")).code, 0);
    const next = (await queue.load(first))?.recipients.map(({ nextAttempt }) => nextAttempt <= Date.now());
    assert.deepEqual(next, [true, false]);
    assert.equal((await run("flush")).code, 0);
    assert.ok((await queue.load(first))?.recipients.every(({ nextAttempt }) => nextAttempt <= Date.now()));
    assert.equal((await queue.load(first))?.recipients[0]?.attempts, 3);
  });

  test("remove takes recipients off, and messages with them", async () => {
    const first = await put(["bob@a.example", "carol@b.example"]);
    const second = await put([DEFERRED]);
    assert.deepEqual(await json("remove", "--domain", "a.example"), {
      kind: "done",
      selected: 2,
      changed: 2,
      recipients: 2,
      busy: 0,
    });
    assert.deepEqual(
      (await queue.load(first))?.recipients.map(({ forwardPath }) => forwardPath.localPart),
      ["carol"],
    );
    assert.equal(await queue.load(second), undefined);
    assert.equal((await run("remove", first)).code, 0);
    for (const folder of ["tmp", "new", "cur", "envelope", "control", "broken"])
      assert.deepEqual(await readdir(join(site.queue, folder)), [], folder);
  });

  test("leave the queue free", async () => {
    await put(["bob@a.example"]);
    await run("hold", "--all");
    await (await lockQueue(queue, () => {})).release();
  });

  test("sendmail's -q is a flush", async () => {
    const queueId = await put([DEFERRED]);
    assert.equal((await site.sendmail(["-qRb.example"])).code, 66);
    assert.equal((await site.sendmail(["-q15m"])).code, 0);
    assert.ok((await queue.load(queueId))?.recipients.every(({ nextAttempt }) => nextAttempt <= Date.now()));
  });
});

describe("changes, while another has the queue", () => {
  test("are made by whoever has it", async () => {
    const queueId = await put(["bob@a.example"]);
    const lock = await lockQueue(queue, () => {});
    const done: string[] = [];
    const desk = new ControlDesk({
      folder: new ControlFolder(queue.maildir, queue.tools.durable),
      administer: (request) => {
        done.push(request.action);
        return administerQueue(queue, request);
      },
      now: Date.now,
      log: openLog("test", { level: "fatal", format: "json" }),
    });
    const timer = setInterval(() => void desk.scan(), 20);
    try {
      assert.equal((await run("hold", queueId)).code, 0);
      assert.equal((await run("remove", "--recipient", "nobody@a.example")).code, 66);
    } finally {
      clearInterval(timer);
      await lock.release();
    }
    assert.deepEqual(done, ["hold", "remove"]);
    assert.equal((await queue.load(queueId))?.held, true);
    assert.deepEqual(await readdir(join(site.queue, "control")), []);
  });

  test("are not made when he does not answer", async () => {
    const queueId = await put(["bob@a.example"]);
    const lock = await lockQueue(queue, () => {});
    try {
      assert.equal((await run("hold", queueId)).code, 75);
    } finally {
      await lock.release();
    }
    assert.equal((await queue.load(queueId))?.held, false);
    assert.deepEqual(await readdir(join(site.queue, "control")), []);
  });
});

describe("what cannot be", () => {
  for (const words of [
    ["remove"],
    ["hold"],
    ["release"],
    ["show"],
    [],
    ["destroy"],
    ["list", "nonsense"],
    ["list", "../../etc/passwd"],
    ["list", "--domain", "a b"],
    ["list", "--recipient", "@"],
    ["remove", "--all", "--domain", "a.example"],
    ["list", "--nonsense"],
    ["list", "--domain"],
    ["show", "--all", "--json", "--message"],
  ]) {
    test(`is a usage error: ${words.join(" ")}`, async () => {
      const queueId = await put(["bob@a.example"]);
      const { code, stdout } = await run(...words);
      assert.deepEqual([code, stdout], [64, ""]);
      assert.equal((await queue.load(queueId))?.held, false);
    });
  }

  test("is a queue id that is not there", async () => {
    const gone = formatQueueId(NOW, 99);
    for (const action of ["list", "show", "flush", "hold", "release", "remove"])
      assert.equal((await run(action, gone)).code, 66, action);
  });
});

test("a reader who has seen enough ends it well", async () => {
  for (let i = 0; i < 3; i++) await put(Array.from({ length: 2000 }, (_, n) => `user${n}@a.example`));
  const words = [process.execPath, programOf("smtpd"), "--config", site.configFile, "queue", "list"];
  const list = words.map((word) => `'${word}'`).join(" ");
  const pipe = `{ ${list}; echo "ended $?" >&2; } | head -n 1`;
  const { status, stdout, stderr } = spawnSync("sh", ["-c", pipe], { encoding: "utf8" });
  assert.equal(status, 0);
  assert.equal(stdout.split("\n").length, 2);
  assert.equal(stderr, "ended 0\n");
});
