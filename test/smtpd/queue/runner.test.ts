import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { describe, test } from "node:test";
import type { Job } from "../../../smtpd/send/delivery.js";
import { deferred, delivered, failed, unreached } from "../../fakes/deliverer.js";
import { FailingDurable } from "../../fakes/failing-durable.js";
import { mailbox, recipient } from "./envelopes.js";
import { enqueued, filesOf, TEXT } from "./queue-site.js";
import { eventually, gate, noticesInto, runnerSite } from "./runner-site.js";

const HOUR = 3_600_000;
const now = () => Date.now();

describe("a message", () => {
  test("is delivered with all that its envelope says, and is gone", async (t) => {
    let octets = "";
    const { queue, path, runner, deliverer, lines } = await runnerSite(t, async (job, signal) => {
      for await (const piece of await job.message.open()) octets += piece;
      return delivered(job, signal);
    });
    const { queueId } = await enqueued(queue, {
      envid: "e",
      ret: "HDRS",
      body: "8BITMIME",
      arrivedAt: now(),
    });
    await runner.start();
    await eventually("the queue is empty", async () => (await filesOf(path)).length === 0);
    assert.equal(octets, TEXT);
    const [job] = deliverer.jobs;
    assert.ok(job);
    assert.deepEqual(job.reversePath, mailbox("alice@example.org"));
    assert.deepEqual([job.queueId, job.envid, job.ret, job.body], [queueId, "e", "HDRS", "8BITMIME"]);
    const sent = lines.filter(({ msg }) => msg === "sent");
    assert.equal(sent.length, 1);
    assert.equal(sent[0]?.queueId, queueId);
    assert.equal(sent[0]?.to, "bob@example.net");
    assert.equal(runner.size, 0);
  });

  test("that was deferred waits with what was met, and is tried again in its time", async (t) => {
    let attempts = 0;
    const policy = { intervals: [20], lifetime: HOUR, delayWarning: 0 };
    const site = await runnerSite(t, (job, signal) => (++attempts < 3 ? deferred : delivered)(job, signal), {
      policy,
    });
    const { queue, path, runner, lines } = site;
    await enqueued(queue, { arrivedAt: now() });
    await runner.start();
    await eventually("it is sent", async () => (await filesOf(path)).length === 0);
    assert.deepEqual(
      lines.map(({ msg, attempts: tried }) => [msg, tried]),
      [
        ["deferred", 1],
        ["deferred", 2],
        ["sent", 3],
      ],
    );
  });

  test("that was deferred is what it was after a restart", async (t) => {
    const first = await runnerSite(t, deferred);
    const { queueId } = await enqueued(first.queue, { arrivedAt: now() });
    await first.runner.start();
    await eventually("it is in cur/", async () =>
      (await filesOf(first.path)).some((name) => name.startsWith("cur/")),
    );
    await first.runner.stop(0);
    const [bob] = (await first.queue.load(queueId))?.recipients ?? [];
    assert.equal(bob?.attempts, 1);
    assert.equal(bob.trouble?.host, "mx.test");
    assert.ok(bob.nextAttempt > now() + HOUR / 2);
    const second = await runnerSite(t, delivered, { path: first.path });
    await second.runner.start();
    assert.equal(second.runner.size, 1);
    assert.deepEqual(second.deliverer.jobs, []);
  });

  test("that comes while the runner is at work is found by a hint, and without one", async (t) => {
    const { queue, runner, deliverer } = await runnerSite(t, delivered, { scanEvery: 30 });
    await runner.start();
    await enqueued(queue, { arrivedAt: now() });
    await eventually("found by the scan", () => deliverer.jobs.length === 1);
    const { queueId } = await enqueued(queue, { arrivedAt: now() });
    for (let i = 0; i < 5; i++) runner.hint(queueId);
    await eventually("found", () => deliverer.jobs.length === 2);
    await eventually("gone", async () => (await queue.ids()).length === 0);
    assert.equal(deliverer.jobs.length, 2);
  });

  test("that is hinted at together with others is found with them", async (t) => {
    const { queue, runner, deliverer } = await runnerSite(t, delivered, { scanEvery: HOUR });
    await runner.start();
    for (let i = 0; i < 10; i++) await enqueued(queue, { arrivedAt: now() });
    for (const queueId of await queue.ids()) runner.hint(queueId);
    await eventually("all are found", () => deliverer.jobs.length === 10);
  });

  test("is not sent to whom the administrator has removed meanwhile", async (t) => {
    const { passed, open } = gate();
    const { queue, path, runner, deliverer } = await runnerSite(t, async (job, signal) => {
      await passed;
      return delivered(job, signal);
    });
    // Two jobs, one after the other.
    const recipients = [
      recipient("bob@example.net"),
      recipient("carol@example.net", { rewrittenReversePath: mailbox("other@example.org") }),
    ];
    await enqueued(queue, { arrivedAt: now(), recipients });
    await runner.start();
    await eventually("the first is under way", () => deliverer.underWay === 1);
    const nobody = { queueIds: [], domains: [], senders: [] };
    const selection = { kind: "matching", ...nobody, recipients: ["carol@example.net"] } as const;
    await runner.administer({ action: "remove", selection, until: now() + HOUR });
    open();
    await eventually("it is gone", async () => (await filesOf(path)).length === 0);
    assert.deepEqual(deliverer.tried, ["bob@example.net"]);
  });

  test("whose octets are gone is set aside", async (t) => {
    const { queue, path, runner, deliverer } = await runnerSite(t, delivered);
    const { message } = await enqueued(queue, { arrivedAt: now() });
    await rm(`${path}/new/${message}`);
    await runner.start();
    await eventually("set aside", async () =>
      (await filesOf(path)).some((name) => name.startsWith("broken/")),
    );
    await eventually("forgotten", () => runner.size === 0);
    assert.deepEqual(deliverer.jobs, []);
  });
});

describe("jobs", () => {
  test("are one for each destination and reverse-path, with a hundred recipients at most", async (t) => {
    const { queue, path, runner, deliverer } = await runnerSite(t, delivered);
    const srs = mailbox("srs0=x@example.org");
    await enqueued(queue, {
      arrivedAt: now(),
      recipients: [
        ...Array.from({ length: 250 }, (_, i) => recipient(`u${i}@a.test`)),
        recipient("one@b.test"),
        recipient("two@b.test", { rewrittenReversePath: srs }),
        recipient("three@b.test"),
      ],
    });
    await runner.start();
    await eventually("all done", async () => (await filesOf(path)).length === 0);
    const shape = ({ destination, recipients, reversePath }: Job) =>
      `${destination.kind === "domain" && destination.domain} ${recipients.length} ${reversePath?.localPart}`;
    assert.deepEqual(deliverer.jobs.map(shape).sort(), [
      "a.test 100 alice",
      "a.test 100 alice",
      "a.test 50 alice",
      "b.test 1 srs0=x",
      "b.test 2 alice",
    ]);
  });

  test("of one message at the same time come together in one envelope, whichever ends first", async (t) => {
    const gates = new Map(["a.test", "b.test", "c.test"].map((domain) => [domain, gate()]));
    const { queue, runner, deliverer } = await runnerSite(t, async (job, signal) => {
      const domain = job.destination.kind === "domain" ? job.destination.domain : "";
      await gates.get(domain)?.passed;
      return (domain === "b.test" ? delivered : deferred)(job, signal);
    });
    const recipients = ["x@a.test", "x@b.test", "x@c.test"].map((address) => recipient(address));
    const { queueId } = await enqueued(queue, { arrivedAt: now(), recipients });
    await runner.start();
    await eventually("three under way", () => deliverer.underWay === 3);
    gates.get("c.test")?.open();
    gates.get("b.test")?.open();
    await eventually("two are back", async () => {
      const left = (await queue.load(queueId))?.recipients ?? [];
      return left.length === 2 && left[1]?.attempts === 1 && left[0]?.attempts === 0;
    });
    gates.get("a.test")?.open();
    await eventually("all are", async () => {
      const left = (await queue.load(queueId))?.recipients ?? [];
      return left.length === 2 && left.every(({ attempts }) => attempts === 1);
    });
  });

  test("are not made one by one for a destination that is dead, and others go on", async (t) => {
    const { queue, runner, deliverer } = await runnerSite(t, (job, signal) =>
      (job.destination.kind === "domain" && job.destination.domain === "dead.test" ? unreached : delivered)(
        job,
        signal,
      ),
    );
    for (let i = 0; i < 40; i++)
      await enqueued(queue, { arrivedAt: now(), recipients: [recipient("x@dead.test")] });
    await enqueued(queue, { arrivedAt: now(), recipients: [recipient("x@alive.test")] });
    await runner.start();
    await eventually("the other is delivered", () => deliverer.tried.includes("x@alive.test"));
    await eventually("nothing is under way", () => deliverer.underWay === 0);
    assert.ok(deliverer.jobs.length <= 10, String(deliverer.jobs.length));
    assert.equal((await queue.ids()).length, 40);
  });

  test("for a dead destination that ran out of time fail without an attempt", async (t) => {
    const policy = { intervals: [HOUR], lifetime: 2 * HOUR, delayWarning: 0 };
    const { queue, runner, deliverer, lines } = await runnerSite(t, unreached, {
      policy,
      limits: { pauses: [20] },
    });
    for (let i = 0; i < 30; i++)
      await enqueued(queue, {
        arrivedAt: now() - 3 * HOUR,
        recipients: [recipient("x@dead.test", { attempts: 3 })],
      });
    await runner.start();
    await eventually("all have expired", () => lines.filter(({ msg }) => msg === "expired").length === 30);
    assert.ok(
      deliverer.jobs.filter(
        ({ destination }) => destination.kind === "domain" && destination.domain === "dead.test",
      ).length < 30,
    );
  });
});

describe("notices", () => {
  test("that are owed are put, and sent when their original owes them no more", async (t) => {
    const put = gate();
    const site = await runnerSite(
      t,
      (job, signal) => (job.reversePath === undefined ? delivered : failed)(job, signal),
      {
        scanEvery: 10,
      },
    );
    const { queue, deliverer } = site;
    const real = noticesInto(queue);
    const { runner } = await runnerSite(t, (job, signal) => deliverer.deliver(job, signal), {
      path: site.path,
      scanEvery: 10,
      notices: {
        put: async (envelope, notice) => {
          await real.put(envelope, notice);
          await put.passed;
        },
      },
    });
    const { queueId } = await enqueued(queue, { arrivedAt: now() });
    await runner.start();
    await eventually("the notice is in the queue", async () => (await queue.ids()).length === 2);
    const owed = (await queue.load(queueId))?.owed ?? [];
    assert.deepEqual(
      owed.map(({ action }) => action),
      ["failed"],
    );
    for (let i = 0; i < 5; i++) runner.hint(owed[0]?.queueId ?? "");
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(deliverer.jobs.length, 1);
    put.open();
    await eventually("both are gone", async () => (await queue.ids()).length === 0);
    assert.deepEqual(deliverer.tried, ["bob@example.net", "alice@example.org"]);
  });

  for (const [what, isThere] of [
    ["before it was put", false],
    ["after it was put", true],
  ] as const) {
    test(`a crash ${what} makes no second one`, async (t) => {
      const { queue, path, runner, deliverer } = await runnerSite(t, delivered);
      const notice = { queueId: "01JDXK6M2W9QF9", action: "failed" as const, reports: [] };
      const original = await enqueued(queue, { arrivedAt: now(), recipients: [], owed: [notice] });
      if (isThere) await noticesInto(queue).put(original, notice);
      await runner.start();
      await eventually("all is done", async () => (await filesOf(path)).length === 0);
      assert.deepEqual(
        deliverer.jobs.map(({ queueId }) => queueId),
        [notice.queueId],
      );
    });
  }

  test("whose turn comes while they are held back are sent afterwards", async (t) => {
    let broken = true;
    const durable = new FailingDurable((step) => (broken && step === "remove envelope" ? "EIO" : undefined));
    const { queue, path, runner, deliverer } = await runnerSite(t, delivered, { durable });
    await runner.start();
    const soon = now() + 300;
    const recipients = [recipient("alice@example.org", { nextAttempt: soon })];
    const { queueId } = await enqueued(queue, { arrivedAt: now(), reversePath: undefined, recipients });
    runner.hint(queueId);
    const notice = { queueId, action: "failed" as const, reports: [] };
    const original = await enqueued(queue, { arrivedAt: now(), recipients: [], owed: [notice] });
    runner.hint(original.queueId);
    await eventually("its turn has come", () => now() > soon && runner.size === 1);
    assert.deepEqual(deliverer.jobs, []);
    broken = false;
    await eventually("all is done", async () => (await filesOf(path)).length === 0);
    assert.deepEqual(deliverer.tried, ["alice@example.org"]);
  });

  test("of many recipients who failed one after the other are put together where the disk is slow", async (t) => {
    const { queue, path, runner, deliverer } = await runnerSite(t, (job, signal) =>
      (job.reversePath === undefined ? delivered : failed)(job, signal),
    );
    const recipients = Array.from({ length: 60 }, (_, i) => recipient(`x@d${i}.test`));
    await enqueued(queue, { arrivedAt: now(), recipients });
    await runner.start();
    await eventually("all is done", async () => (await filesOf(path)).length === 0);
    const notices = deliverer.jobs.filter(({ reversePath }) => reversePath === undefined);
    assert.ok(notices.length < 30, `${notices.length} notices`);
  });
});

describe("trouble", () => {
  test("with the disk is logged and met again, and nothing is sent twice", async (t) => {
    let broken = true;
    const durable = new FailingDurable((step) => (broken && step === "remove envelope" ? "EIO" : undefined));
    const { queue, path, runner, deliverer, lines } = await runnerSite(t, delivered, { durable });
    await enqueued(queue, { arrivedAt: now() });
    await runner.start();
    await eventually("it is logged", () =>
      lines.some(({ level, queueId }) => level === 50 && queueId !== undefined),
    );
    broken = false;
    await eventually("it is gone", async () => (await filesOf(path)).length === 0);
    assert.equal(deliverer.jobs.length, 1);
  });

  test("of a deliverer that rejects defers the message", async (t) => {
    const { queue, runner } = await runnerSite(t, () => Promise.reject(new Error("a bug")));
    const { queueId } = await enqueued(queue, { arrivedAt: now() });
    await runner.start();
    await eventually("deferred", async () => (await queue.load(queueId))?.recipients[0]?.attempts === 1);
  });
});

describe("the end", () => {
  test("lets what is under way end in its time, and begins nothing", async (t) => {
    const { passed, open } = gate();
    const { queue, path, runner, deliverer } = await runnerSite(
      t,
      async (job, signal) => {
        await passed;
        return delivered(job, signal);
      },
      { limits: { atOnce: 1 } },
    );
    for (const i of [1, 2]) await enqueued(queue, { arrivedAt: now() + i });
    await runner.start();
    await eventually("one under way", () => deliverer.underWay === 1);
    const stopped = runner.stop(60_000);
    open();
    await stopped;
    assert.equal(deliverer.jobs.length, 1);
    assert.equal((await filesOf(path)).length, 2);
  });

  test("comes soon where the queue has vanished", { timeout: 30_000 }, async (t) => {
    const { queue, path, runner, lines } = await runnerSite(t, async (job, signal) => {
      await rm(path, { recursive: true });
      return delivered(job, signal);
    });
    await enqueued(queue, { arrivedAt: now() });
    await runner.start();
    await eventually("it is logged", () => lines.some(({ level }) => level === 50));
    await runner.stop(HOUR);
  });

  test("has written what could not be written before", { timeout: 30_000 }, async (t) => {
    let broken = true;
    const durable = new FailingDurable((step) => (broken && step === "remove envelope" ? "EIO" : undefined));
    const { queue, path, runner, lines } = await runnerSite(t, delivered, { durable });
    await enqueued(queue, { arrivedAt: now() });
    await runner.start();
    // By now the next try is some seconds away.
    await eventually(
      "failed for the third time",
      () => lines.filter(({ level }) => level === 50).length === 3,
    );
    broken = false;
    await runner.stop(0);
    assert.deepEqual(await filesOf(path), []);
  });

  test("cuts short what takes longer, which counts as no attempt", async (t) => {
    const { queue, runner, deliverer } = await runnerSite(
      t,
      (job, signal) =>
        new Promise((resolve) => signal.addEventListener("abort", () => resolve(deferred(job, signal)))),
    );
    const { queueId } = await enqueued(queue, { arrivedAt: now() });
    await runner.start();
    await eventually("under way", () => deliverer.underWay === 1);
    await runner.stop(0);
    const [bob] = (await queue.load(queueId))?.recipients ?? [];
    assert.equal(bob?.attempts, 0);
  });
});

test("two thousand messages are all delivered once, within the limits", async (t) => {
  const { queue, path, runner, deliverer } = await runnerSite(
    t,
    async (job, signal) => {
      await new Promise((resolve) => setImmediate(resolve));
      return delivered(job, signal);
    },
    { limits: { atOnce: 15, perDestination: 7 } },
  );
  const work = Array.from({ length: 20 }, async (_, worker) => {
    for (let i = 0; i < 100; i++)
      await enqueued(queue, {
        arrivedAt: now(),
        recipients: [recipient(`u${worker * 100 + i}@d${i % 4}.test`)],
      });
  });
  await Promise.all(work);
  await runner.start();
  await eventually("the queue is empty", async () => (await filesOf(path)).length === 0);
  assert.equal(new Set(deliverer.tried).size, 2000);
  assert.equal(deliverer.tried.length, 2000);
  assert.ok(deliverer.mostUnderWay <= 15);
  assert.ok(deliverer.mostForOne <= 7);
});
