/** What a crash leaves in the queue is met at the next start, each state of it; nothing is removed before 36 hours. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { mkdir, readFile, rename, symlink, unlink, writeFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { commitAll, Delivery } from "../../../shared/maildir/deliver.js";
import type { QueueEnvelope } from "../../../smtpd/queue/envelope.js";
import { formatEnvelope } from "../../../smtpd/queue/envelope-file.js";
import { Recovery, recover } from "../../../smtpd/queue/recover.js";
import { FailingDurable } from "../../fakes/failing-durable.js";
import { freshEnvelope, recipient } from "./envelopes.js";
import { enqueued, filesOf, type QueueSite, queueSite, TEXT } from "./queue-site.js";

const HOUR = 3_600_000;

/** Recovers; resolves to the envelopes that are there then, in the order of arrival. */
async function found({ queue }: QueueSite): Promise<QueueEnvelope[]> {
  await recover(queue);
  const ids = (await queue.ids()).sort();
  const envelopes = await Promise.all(ids.map((id) => queue.load(id)));
  return envelopes.filter((envelope) => envelope !== undefined);
}

describe("at the start", () => {
  test("what is whole is left as it is", async (t) => {
    const site = await queueSite(t);
    const envelopes: QueueEnvelope[] = [];
    for (let i = 0; i < 30; i++) envelopes.push(await enqueued(site.queue));
    for (const one of envelopes.slice(0, 10)) {
      const tried = { ...one, recipients: [recipient("bob@example.net", { attempts: 1 })] };
      envelopes[envelopes.indexOf(one)] = tried;
      await site.queue.replace(tried);
    }
    const before = await filesOf(site.path);
    assert.deepEqual(await found(site), envelopes);
    assert.deepEqual(await filesOf(site.path), before);
    assert.deepEqual(site.logged, []);
  });

  test("an empty queue stays empty", async (t) => {
    assert.deepEqual(await found(await queueSite(t)), []);
  });

  test("a message that another program moved, or gave flags, is there", async (t) => {
    const site = await queueSite(t);
    const names = ["cur/NAME:2,S", "new/NAME:2,", "cur/NAME,U=3:2,"];
    for (const name of names) {
      const { message } = await enqueued(site.queue);
      await rename(`${site.path}/new/${message}`, `${site.path}/${name.replace("NAME", message)}`);
    }
    assert.equal((await found(site)).length, names.length);
    assert.deepEqual(site.logged, []);
  });

  test("an envelope without its message is set aside, and no other", async (t) => {
    const site = await queueSite(t);
    const [lost, whole] = [await enqueued(site.queue), await enqueued(site.queue)];
    await unlink(`${site.path}/new/${lost.message}`);
    assert.deepEqual(await found(site), [whole]);
    assert.ok((await filesOf(site.path)).includes(`broken/${lost.queueId}.json`));
    assert.equal(site.logged.length, 1);
  });

  test("damaged envelopes and things that are no files hinder nobody", async (t) => {
    const site = await queueSite(t);
    const whole = await enqueued(site.queue);
    const damaged = await enqueued(site.queue);
    await writeFile(`${site.path}/envelope/${damaged.queueId}.json`, "{");
    await mkdir(`${site.path}/envelope/${freshEnvelope().queueId}.json`);
    await symlink("/etc/passwd", `${site.path}/envelope/${freshEnvelope().queueId}.json`);
    for (const name of ["README", ".nfs0001", "caf\xe9.json", "x.json"])
      await writeFile(Buffer.from(`${site.path}/envelope/${name}`, "latin1"), "x");
    await mkdir(`${site.path}/new/directory`);
    assert.deepEqual(await found(site), [whole]);
    assert.equal(site.logged.length, 3);
    assert.equal((await filesOf(site.path)).filter((name) => name.startsWith("broken/")).length, 3);
  });

  test("two envelopes of one message are both left: whose it is, is for an administrator to say", async (t) => {
    const site = await queueSite(t);
    const one = await enqueued(site.queue);
    const other = freshEnvelope({ message: one.message });
    await site.queue.commit(other);
    assert.deepEqual(await found(site), [one, other]);
  });

  test("some thousand envelopes, and other work has its turn meanwhile", async (t) => {
    const site = await queueSite(t);
    const count = 2000;
    for (let i = 0; i < count; i++) {
      const envelope = freshEnvelope({ message: `${i}.host,S=18,W=21` });
      writeFileSync(`${site.path}/new/${envelope.message}`, TEXT);
      writeFileSync(`${site.path}/envelope/${envelope.queueId}.json`, formatEnvelope(envelope));
    }
    let turns = 0;
    const beat = setInterval(() => turns++, 1);
    await recover(site.queue);
    clearInterval(beat);
    assert.ok(turns > 1);
    assert.equal((await site.queue.ids()).length, count);
    const reason = new Error("ended");
    await assert.rejects(recover(site.queue, AbortSignal.abort(reason)), reason);
  });
});

describe("a crash", () => {
  /** Before each step of a commit the process ends: no step after it is made, and nothing is cleaned up. */
  test("before any step of a commit leaves a message that is sent or one that is removed after 36 hours", async (t) => {
    for (let step = 0; ; step++) {
      let index = 0;
      let enabled = false;
      const durable = new FailingDurable(() => (enabled && index++ >= step ? "ENOLINK" : undefined));
      const site = await queueSite(t, { durable });
      enabled = true;
      const committed = await enqueued(site.queue).then(
        () => true,
        () => false,
      );
      const afterwards = await queueSite(t, { path: site.path });
      const envelopes = await found(afterwards);
      // The last two steps are the commit and its sync: from then on it is sent, though nobody may have been told.
      assert.equal(envelopes.length, step >= 11 ? 1 : 0, `before step ${step}`);
      for (const envelope of envelopes) assert.ok(await afterwards.queue.open(envelope));

      const later = await queueSite(t, { path: site.path, now: () => Date.now() + 37 * HOUR });
      assert.equal((await found(later)).length, envelopes.length);
      assert.equal((await filesOf(site.path)).length, 2 * envelopes.length, `before step ${step}`);
      if (committed) return;
    }
  });

  test("before any step of a removal leaves a message that is sent again, or none", async (t) => {
    const steps = ["remove envelope", "syncDirectory envelope", "remove new", "none"];
    for (const [made, failing] of steps.entries()) {
      let enabled = false;
      const durable = new FailingDurable((step) => (enabled && step === failing ? "ENOLINK" : undefined));
      const site = await queueSite(t, { durable });
      const envelope = await enqueued(site.queue);
      enabled = true;
      await site.queue.remove(envelope).catch(() => {});
      const later = await queueSite(t, { path: site.path, now: () => Date.now() + 37 * HOUR });
      assert.deepEqual(await found(later), made === 0 ? [envelope] : []);
      assert.equal((await filesOf(site.path)).length, made === 0 ? 2 : 0);
      assert.deepEqual(later.logged, []);
    }
  });

  test("between message and envelope of what is set aside: the envelope follows", async (t) => {
    const site = await queueSite(t);
    const { queueId, message } = await enqueued(site.queue);
    await rename(`${site.path}/new/${message}`, `${site.path}/broken/${message}`);
    assert.deepEqual(await found(site), []);
    assert.deepEqual(await filesOf(site.path), [`broken/${queueId}.json`, `broken/${message}`].sort());
  });
});

describe("what is left lying is removed", () => {
  /** A message in new/ without envelope. */
  async function uncommitted({ queue }: QueueSite): Promise<string> {
    const { durable, uniqueName } = queue.tools;
    const delivery = await Delivery.begin(queue.maildir, uniqueName(), durable);
    await delivery.write(Buffer.from(TEXT));
    await delivery.stage();
    await commitAll([delivery], durable);
    return delivery.name;
  }

  test("after 36 hours and not before, in every folder", async (t) => {
    let now = Date.now();
    const site = await queueSite(t, { now: () => now });
    const kept = await enqueued(site.queue);
    const [inNew, inCur] = [await uncommitted(site), await uncommitted(site)];
    await rename(`${site.path}/new/${inCur}`, `${site.path}/cur/${inCur}:2,S`);
    await writeFile(`${site.path}/tmp/1.old`, "x");
    await writeFile(`${site.path}/control/x.request`, "x");
    const all = await filesOf(site.path);
    now += 36 * HOUR - 60_000;
    assert.deepEqual(await found(site), [kept]);
    assert.deepEqual(await filesOf(site.path), all);
    now += 120_000;
    assert.deepEqual(await found(site), [kept]);
    assert.ok(inNew !== "" && inCur !== "");
    assert.deepEqual(await filesOf(site.path), [`envelope/${kept.queueId}.json`, `new/${kept.message}`]);
  });

  test("but goes to broken/ while an envelope lies there that may be its", async (t) => {
    let now = Date.now();
    const site = await queueSite(t, { now: () => now });
    const { queueId, message } = await enqueued(site.queue);
    await writeFile(`${site.path}/envelope/${queueId}.json`, "");
    assert.deepEqual(await found(site), []);
    now += 37 * HOUR;
    assert.deepEqual(await found(site), []);
    assert.deepEqual(await filesOf(site.path), [`broken/${queueId}.json`, `broken/${message}`].sort());
    assert.equal(await readFile(`${site.path}/broken/${message}`, "utf8"), TEXT);
    now += 1000 * HOUR;
    await found(site);
    assert.equal((await filesOf(site.path)).length, 2);
  });

  test("but a strange file in envelope/ goes to broken/", async (t) => {
    let now = Date.now();
    const site = await queueSite(t, { now: () => now });
    for (const name of ["README", ".nfs0001", "caf\xe9"])
      await writeFile(Buffer.from(`${site.path}/envelope/${name}`, "latin1"), "x");
    await found(site);
    assert.equal((await filesOf(site.path)).length, 3);
    assert.deepEqual(site.logged, []);
    now += 37 * HOUR;
    await found(site);
    assert.deepEqual(await filesOf(site.path), ["broken/README", "broken/caf\xe9", "envelope/.nfs0001"]);
    assert.equal(site.logged.length, 2);
  });
});

describe("Recovery", () => {
  test("looks through the queue at once, and touches nothing after its end", async (t) => {
    const site = await queueSite(t, { now: () => Date.now() + 37 * HOUR });
    await writeFile(`${site.path}/tmp/1.old`, "x");
    const recovery = new Recovery(site.queue);
    while ((await filesOf(site.path)).length > 0) await setImmediate();
    await recovery.stop();
    // What is wrong by the time it ends stays so.
    const { queue } = await queueSite(t, { path: site.path });
    const { message } = await enqueued(queue);
    await unlink(`${site.path}/new/${message}`);
    await new Recovery(queue).stop();
    assert.equal((await queue.ids()).length, 1);
    assert.deepEqual(site.logged, []);
  });

  test("says what hinders it, and lives", async (t) => {
    const site = await queueSite(t);
    await rename(`${site.path}/envelope`, `${site.path}/elsewhere`);
    const recovery = new Recovery(site.queue);
    while (site.logged.length === 0) await setImmediate();
    await recovery.stop();
    assert.equal(site.logged[0]?.msg, "queue not cleaned up");
  });
});
