/** Notices on their way into the queue on disk. */
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import type { QueueEnvelope } from "../../../../smtpd/queue/envelope.js";
import type { Queue } from "../../../../smtpd/queue/queue.js";
import { owes } from "../../../../smtpd/send/notices/asked.js";
import { Notices, type NoticesOptions } from "../../../../smtpd/send/notices/notices.js";
import { HEADER_OCTETS_MAX, WHOLE_OCTETS_MAX } from "../../../../smtpd/send/notices/original.js";
import { FailingDurable, failAtStep } from "../../../fakes/failing-durable.js";
import { fieldOf, readMultipart } from "../../../fakes/multipart.js";
import { mailbox, recipient } from "../../queue/envelopes.js";
import { enqueued, filesOf, queueSite } from "../../queue/queue-site.js";
import { sampleNotice, sampleReport } from "./samples.js";

const NOW = Date.UTC(2026, 10, 22, 9, 0, 0);
const HEADER = "Subject: Lunch?\nMessage-ID: <1@example.org>\n";
const TEXT = `${HEADER}\nAt noon?\n`;
const FAILED = sampleNotice("failed", [sampleReport("bob@example.net")]);

function noticesInto(queue: Queue, changes: Partial<NoticesOptions> = {}): Notices {
  return new Notices({
    queue,
    hostname: "mail.example.org",
    postmaster: mailbox("postmaster@example.org"),
    undeliverable: "drop",
    now: () => NOW,
    log: queue.tools.log,
    ...changes,
  });
}

async function inQueue(queue: Queue, queueId: string) {
  const envelope = (await queue.load(queueId)) ?? assert.fail(`there is no ${queueId}`);
  const message = (await queue.open(envelope)) ?? assert.fail("its message is gone");
  return { envelope, octets: await buffer(await message.open()) };
}

/** What a notice about a message returns of it: the type of the part, and its octets. */
async function returned(
  t: TestContext,
  envelope: Partial<QueueEnvelope>,
  text: string,
  notice = FAILED,
): Promise<readonly [type: string, content: string] | undefined> {
  const { queue } = await queueSite(t);
  await noticesInto(queue).put(await enqueued(queue, envelope, text), notice);
  const part = readMultipart((await inQueue(queue, notice.queueId)).octets).parts[2];
  return part && [fieldOf(part.fields, "content-type"), part.content.toString("latin1")];
}

test("a notice is in the queue, with a null reverse-path, for the reverse-path of the message", async (t) => {
  const { queue, logged } = await queueSite(t);
  const about = await enqueued(queue, {}, TEXT);
  await noticesInto(queue).put(about, FAILED);
  const { envelope, octets } = await inQueue(queue, FAILED.queueId);
  assert.deepEqual(envelope, {
    queueId: FAILED.queueId,
    message: envelope.message,
    arrivedAt: NOW,
    reversePath: undefined,
    ret: undefined,
    envid: undefined,
    body: "7BIT",
    smtputf8: false,
    account: undefined,
    held: false,
    recipients: [recipient("alice@example.org", { nextAttempt: NOW })],
    owed: [],
  });
  const message = readMultipart(octets);
  assert.equal(fieldOf(message.fields, "to"), "alice@example.org");
  assert.equal(fieldOf(message.fields, "in-reply-to"), "<1@example.org>");
  assert.equal(message.parts[2]?.content.toString(), HEADER);
  assert.deepEqual(logged, []);
});

test("a notice that is there already is not put again", async (t) => {
  const { path, queue } = await queueSite(t);
  const about = await enqueued(queue, {}, TEXT);
  await noticesInto(queue).put(about, FAILED);
  const files = await filesOf(path);
  await noticesInto(queue).put(about, FAILED);
  assert.deepEqual(await filesOf(path), files);
});

test("whatever step fails, a notice that is put again is there once", async (t) => {
  for (let step = 0; ; step++) {
    const { path, queue } = await queueSite(t);
    const about = await enqueued(queue, {}, TEXT);
    const before = await filesOf(path);
    const durable = new FailingDurable(failAtStep(step, "ENOSPC"));
    const failing = (await queueSite(t, { path, durable })).queue;
    await noticesInto(failing)
      .put(about, FAILED)
      .catch(() => {});
    const failed = durable.failures > 0;
    await noticesInto(queue).put(about, FAILED);
    assert.deepEqual((await queue.ids()).sort(), [about.queueId, FAILED.queueId].sort(), `step ${step}`);
    const more = (await filesOf(path)).filter((file) => !before.includes(file) && !file.startsWith("tmp/"));
    assert.equal(more.length, 2, `step ${step}: ${more.join(" ")}`);
    if (!failed) return assert.ok(step > 5);
  }
});

test("RET says what a failure returns, and of nothing else", async (t) => {
  const delayed = sampleNotice("delayed", [sampleReport("bob@example.net", { status: "4.4.1" })]);
  const header = ["text/rfc822-headers", HEADER];
  assert.deepEqual(await returned(t, { ret: "FULL" }, TEXT), ["message/rfc822", TEXT]);
  assert.deepEqual(await returned(t, { ret: "HDRS" }, TEXT), header);
  assert.deepEqual(await returned(t, {}, TEXT), header);
  assert.deepEqual(await returned(t, { ret: "FULL" }, TEXT, delayed), header);
});

test("what is returned has its limits", async (t) => {
  const line = `${"x".repeat(70)}\n`;
  const long = `${HEADER}\n${line.repeat(WHOLE_OCTETS_MAX / line.length)}`;
  const fits = long.slice(0, WHOLE_OCTETS_MAX - 1).concat("\n");
  assert.deepEqual(await returned(t, { ret: "FULL" }, fits), ["message/rfc822", fits]);
  assert.deepEqual(await returned(t, { ret: "FULL" }, long), ["text/rfc822-headers", HEADER]);

  const fields = "X: y\n".repeat(HEADER_OCTETS_MAX);
  const [, cut = ""] = (await returned(t, {}, fields)) ?? [];
  assert.ok(fields.startsWith(cut) && cut.endsWith("\n"));
  assert.ok(cut.length <= HEADER_OCTETS_MAX && cut.length > HEADER_OCTETS_MAX - 5);
  assert.deepEqual(await returned(t, {}, "\nno header\n"), ["text/rfc822-headers", ""]);
  assert.deepEqual(await returned(t, {}, "X: y\n"), ["text/rfc822-headers", "X: y\n"]);
});

test("of a message that is gone nothing is returned", async (t) => {
  const { path, queue } = await queueSite(t);
  const about = await enqueued(queue, { ret: "FULL" }, TEXT);
  await rm(`${path}/new/${about.message}`);
  await noticesInto(queue).put(about, FAILED);
  assert.equal(readMultipart((await inQueue(queue, FAILED.queueId)).octets).parts.length, 2);
});

test("a reverse-path beyond US-ASCII needs SMTPUTF8, a message beyond it 8BITMIME", async (t) => {
  const { queue } = await queueSite(t);
  const utf8 = await enqueued(queue, { reversePath: mailbox("älice@example.org") }, TEXT);
  await noticesInto(queue).put(utf8, FAILED);
  const first = (await inQueue(queue, FAILED.queueId)).envelope;
  assert.deepEqual([first.body, first.smtputf8], ["8BITMIME", true]);

  const notice = { ...FAILED, queueId: "01JDXK6M2X1ABD" };
  await noticesInto(queue).put(await enqueued(queue, { ret: "FULL" }, `${HEADER}\n\xe9\n`), notice);
  const second = (await inQueue(queue, notice.queueId)).envelope;
  assert.deepEqual([second.body, second.smtputf8], ["8BITMIME", false]);
});

test("nothing is told to a null reverse-path: a message that fails is dropped, its envelope in the log", async (t) => {
  const { queue, logged } = await queueSite(t);
  const about = await enqueued(queue, { reversePath: undefined, owed: [FAILED] }, TEXT);
  const events = [FAILED, sampleNotice("delayed", FAILED.reports), sampleNotice("relayed", FAILED.reports)];
  for (const event of events) await noticesInto(queue).put(about, event);
  assert.deepEqual(await queue.ids(), [about.queueId]);
  const [dropped, ...more] = logged;
  assert.deepEqual(more, []);
  assert.equal(dropped?.queueId, about.queueId);
  const { envelope = {} } = dropped;
  assert.ok(typeof envelope === "object" && envelope !== null);
  assert.match(JSON.stringify(envelope), /"reversePath":null.*bob@example\.net.*no such user/);
});

test("or goes to the postmaster, who is not told when that fails", async (t) => {
  const { queue } = await queueSite(t);
  const about = await enqueued(queue, { reversePath: undefined, body: "8BITMIME", smtputf8: true }, TEXT);
  await noticesInto(queue, { undeliverable: "postmaster" }).put(about, FAILED);
  const { envelope, octets } = await inQueue(queue, FAILED.queueId);
  assert.equal(octets.toString(), TEXT);
  assert.deepEqual([envelope.reversePath, envelope.body, envelope.smtputf8], [undefined, "8BITMIME", true]);
  const [postmaster, ...more] = envelope.recipients;
  assert.deepEqual(more, []);
  assert.deepEqual(postmaster?.forwardPath, mailbox("postmaster@example.org"));
  assert.ok(!owes(postmaster?.notify, "failed"));
});
