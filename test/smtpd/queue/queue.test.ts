/** The queue on disk: each state of its table, what brings it from one to the next, and what others may do to it meanwhile. */
import assert from "node:assert/strict";
import { readFile, rename, stat, writeFile } from "node:fs/promises";
import { text as textOf } from "node:stream/consumers";
import { describe, test } from "node:test";
import { enqueue } from "../../../smtpd/queue/enqueue.js";
import { formatEnvelope } from "../../../smtpd/queue/envelope-file.js";
import type { Queue } from "../../../smtpd/queue/queue.js";
import { FailingDurable } from "../../fakes/failing-durable.js";
import { freshEnvelope, recipient } from "./envelopes.js";
import { enqueued, filesOf, queueSite, TEXT } from "./queue-site.js";

const TRIED = [recipient("bob@example.net", { attempts: 1, nextAttempt: 5 })];

async function octetsOf(queue: Queue, envelope: Parameters<Queue["open"]>[0]): Promise<string> {
  const message = await queue.open(envelope);
  assert.ok(message);
  return textOf(await message.open());
}

describe("a message", () => {
  test("that is committed lies in new/, its envelope in envelope/, and nothing else anywhere", async (t) => {
    const { path, queue } = await queueSite(t);
    const envelope = await enqueued(queue);
    const files = [`envelope/${envelope.queueId}.json`, `new/${envelope.message}`];
    assert.deepEqual(await filesOf(path), files);
    for (const file of files) assert.equal((await stat(`${path}/${file}`)).mode & 0o777, 0o600);
    assert.deepEqual(await queue.load(envelope.queueId), envelope);
    assert.deepEqual(queue.loadNow(envelope.queueId), envelope);
    assert.deepEqual(await queue.ids(), [envelope.queueId]);
    assert.ok(queue.has(envelope.queueId));
    assert.equal(await octetsOf(queue, envelope), TEXT);
  });

  test("tells its sizes, and can be read several times", async (t) => {
    const { queue } = await queueSite(t);
    for (const text of ["", TEXT, `${"x".repeat(70_000)}\n`.repeat(3)]) {
      const message = await queue.open(await enqueued(queue, {}, text));
      assert.ok(message);
      assert.equal(message.size, Buffer.byteLength(text));
      assert.equal(message.wireSize, Buffer.byteLength(text.replaceAll("\n", "\r\n")));
      for (let i = 0; i < 2; i++) assert.equal(await textOf(await message.open()), text);
    }
  });

  test("of another program, whose name does not tell its size, has it counted", async (t) => {
    const { queue } = await queueSite(t);
    const lie = "1763769600.M000001P1Q1.host,S=3,W=4";
    for (const name of ["1763769600.V801I2.host", "1.host,S=3,W=4", "1.caf\xe9", lie]) {
      const envelope = freshEnvelope({ message: name });
      await writeFile(Buffer.from(`${queue.maildir.new}/${name}`, "latin1"), TEXT);
      await queue.commit(envelope);
      const message = await queue.open(envelope);
      assert.equal(message?.size, 18);
      assert.equal(message?.wireSize, 21);
    }
  });

  test("that was tried lies in cur/, and its envelope is the new one", async (t) => {
    const { path, queue } = await queueSite(t);
    const envelope = { ...(await enqueued(queue)), recipients: TRIED };
    await queue.replace(envelope);
    assert.deepEqual(await filesOf(path), [
      `cur/${envelope.message}:2,`,
      `envelope/${envelope.queueId}.json`,
    ]);
    assert.deepEqual(await queue.load(envelope.queueId), envelope);
    assert.equal(await octetsOf(queue, envelope), TEXT);
    await queue.replace({ ...envelope, held: true });
    assert.equal((await queue.load(envelope.queueId))?.held, true);
    assert.equal((await filesOf(path)).length, 2);
  });

  test("that was only held or waits for a notice stays in new/", async (t) => {
    const { path, queue } = await queueSite(t);
    const envelope = await enqueued(queue);
    await queue.replace({ ...envelope, held: true });
    assert.ok((await filesOf(path)).includes(`new/${envelope.message}`));
  });

  test("that is removed is gone, tried or not, twice or once", async (t) => {
    const { path, queue } = await queueSite(t);
    const [fresh, tried] = [await enqueued(queue), { ...(await enqueued(queue)), recipients: TRIED }];
    await queue.replace(tried);
    for (const envelope of [fresh, tried, fresh, tried]) {
      await queue.remove(envelope);
      assert.equal(await queue.load(envelope.queueId), undefined);
      assert.equal(queue.has(envelope.queueId), false);
    }
    assert.deepEqual(await filesOf(path), []);
  });

  test("with the queue id of another takes nothing from it", async (t) => {
    const { path, queue } = await queueSite(t);
    const envelope = await enqueued(queue);
    const before = await filesOf(path);
    await assert.rejects(enqueued(queue, { queueId: envelope.queueId }));
    assert.deepEqual(await filesOf(path), before);
    const { queueId } = freshEnvelope();
    const both = await Promise.allSettled([enqueued(queue, { queueId }), enqueued(queue, { queueId })]);
    assert.deepEqual(both.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
    assert.equal((await filesOf(path)).length, 4);
  });

  test("whose envelope could not be read again is not committed", async (t) => {
    const { path, queue } = await queueSite(t);
    await assert.rejects(enqueued(queue, { envid: "a\r\nb" }));
    await assert.rejects(enqueued(queue, { arrivedAt: Number.NaN }));
    assert.deepEqual(await filesOf(path), []);
  });

  test("whose octets fail to come leaves nothing", async (t) => {
    const { path, queue } = await queueSite(t);
    async function* pieces() {
      yield Buffer.from("Subject: x\n");
      throw new Error("the pipe broke");
    }
    await assert.rejects(enqueue(queue, freshEnvelope(), pieces()));
    assert.deepEqual(await filesOf(path), []);
  });
});

test("everything is on the disk in the order of the table", async (t) => {
  const durable = new FailingDurable();
  const { queue } = await queueSite(t, { durable });
  const since = () => durable.history.splice(0).filter((step) => !step.endsWith("done"));
  since();
  const envelope = await enqueued(queue);
  const written = ["create tmp", "write", "sync", "close"];
  assert.deepEqual(since(), [
    ...written,
    ...["publish new", "syncDirectory new"],
    ...written,
    ...["publish envelope", "syncDirectory envelope"],
  ]);
  const tried = { ...envelope, recipients: TRIED };
  await queue.replace(tried);
  assert.deepEqual(since(), [...written, "publish envelope", "syncDirectory envelope", "publish cur"]);
  await queue.remove(tried);
  assert.deepEqual(since(), ["remove envelope", "syncDirectory envelope", "remove cur"]);
});

describe("when the disk fails", () => {
  test("at any step of a commit, nobody is told that there is a message, and none is there", async (t) => {
    for (let step = 0; ; step++) {
      let enabled = false;
      let index = 0;
      const durable = new FailingDurable(() => (enabled && index++ === step ? "EIO" : undefined));
      const { path, queue } = await queueSite(t, { durable });
      enabled = true;
      const outcome = await enqueued(queue).then(
        () => "committed",
        () => "failed",
      );
      assert.equal(outcome, durable.failures > 0 ? "failed" : "committed");
      if (outcome === "committed") {
        assert.equal(step, 12);
        return;
      }
      assert.deepEqual(await filesOf(path), [], `after step ${step}`);
    }
  });

  test("at any step of a replacement, one envelope or the other is there, whole", async (t) => {
    for (let step = 0; ; step++) {
      let enabled = false;
      let index = 0;
      const durable = new FailingDurable(() => (enabled && index++ === step ? "ENOSPC" : undefined));
      const { path, queue } = await queueSite(t, { durable });
      const before = await enqueued(queue);
      const after = { ...before, recipients: TRIED };
      enabled = true;
      const replaced = await queue.replace(after).then(
        () => true,
        () => false,
      );
      const found = await queue.load(before.queueId);
      assert.deepEqual(found, step < 5 ? before : after, `after step ${step}`);
      assert.equal(await octetsOf(queue, after), TEXT);
      assert.equal((await filesOf(path)).length, 2);
      if (replaced) return;
    }
  });

  test("at any step of a removal, the message is not gone before its envelope is", async (t) => {
    for (const failing of ["remove envelope", "syncDirectory envelope", "remove new"]) {
      const durable = new FailingDurable((step) => (enabled && step === failing ? "EIO" : undefined));
      let enabled = false;
      const { path, queue } = await queueSite(t, { durable });
      const envelope = await enqueued(queue);
      enabled = true;
      await assert.rejects(queue.remove(envelope));
      assert.ok((await filesOf(path)).includes(`new/${envelope.message}`));
    }
  });
});

describe("another program", () => {
  test("may have moved the message, with flags or fields of its own", async (t) => {
    const { path, queue } = await queueSite(t);
    for (const name of ["cur/NAME:2,", "cur/NAME:2,FS", "new/NAME:2,S", "cur/NAME,U=7:2,S", "new/NAME"]) {
      const envelope = await enqueued(queue);
      const message = await queue.open(envelope);
      await rename(`${path}/new/${envelope.message}`, `${path}/${name.replace("NAME", envelope.message)}`);
      assert.ok(message);
      assert.equal(await textOf(await message.open()), TEXT, name);
      for (const one of [envelope, { ...envelope, recipients: TRIED }])
        assert.equal(await octetsOf(queue, one), TEXT, name);
      await queue.replace({ ...envelope, recipients: TRIED });
      assert.equal(await octetsOf(queue, envelope), TEXT, name);
      await queue.remove(envelope);
      assert.deepEqual(await filesOf(path), [], name);
    }
  });

  test("may place mail: a file in new/, then an envelope by a rename", async (t) => {
    const { path, queue } = await queueSite(t);
    const envelope = freshEnvelope({ message: "1763769600.4711_1.other" });
    await writeFile(`${path}/new/${envelope.message}`, TEXT);
    await writeFile(`${path}/tmp/x`, formatEnvelope(envelope));
    await rename(`${path}/tmp/x`, `${path}/envelope/${envelope.queueId}.json`);
    assert.deepEqual(await queue.load(envelope.queueId), envelope);
    assert.equal(await octetsOf(queue, envelope), TEXT);
  });
});

test("the octets of a message that is gone by the time they are asked for are refused", async (t) => {
  const { queue } = await queueSite(t);
  const envelope = await enqueued(queue);
  const message = await queue.open(envelope);
  await queue.remove(envelope);
  await assert.rejects(async () => message?.open(), { code: "ENOENT" });
});

test("a queue is opened again as it was left", async (t) => {
  const { path, queue } = await queueSite(t);
  const envelope = await enqueued(queue);
  const again = (await queueSite(t, { path })).queue;
  assert.deepEqual(await again.load(envelope.queueId), envelope);
  assert.equal(await readFile(`${path}/new/${envelope.message}`, "utf8"), TEXT);
});
