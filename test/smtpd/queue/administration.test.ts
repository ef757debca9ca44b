/** What an administrator asks of a queue at work. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { QueueAction } from "../../../smtpd/queue/administer.js";
import type { Selection } from "../../../smtpd/queue/selection.js";
import { deferred, delivered, unreached } from "../../fakes/deliverer.js";
import { recipient } from "./envelopes.js";
import { enqueued, filesOf } from "./queue-site.js";
import { eventually, gate, type RunnerSite, runnerSite } from "./runner-site.js";

const ALL: Selection = { kind: "all" };
const NOTHING = { queueIds: [], recipients: [], domains: [], senders: [] };
const domain = (name: string): Selection => ({ kind: "matching", ...NOTHING, domains: [name] });

const ask = ({ runner }: RunnerSite, action: QueueAction, selection: Selection) =>
  runner.administer({ action, selection, until: Number.MAX_SAFE_INTEGER });

/** A message that was deferred for an hour, and how to let it through then. */
async function withDeferred(t: Parameters<typeof runnerSite>[0]) {
  let passing = false;
  const site = await runnerSite(t, (job, signal) => (passing ? delivered : deferred)(job, signal));
  const recipients = ["a@one.test", "b@one.test", "c@two.test"].map((address) => recipient(address));
  const { queueId } = await enqueued(site.queue, { arrivedAt: Date.now(), recipients });
  await site.runner.start();
  await eventually("all are deferred", async () => {
    const left = (await site.queue.load(queueId))?.recipients ?? [];
    return left.length === 3 && left.every(({ attempts }) => attempts === 1) && site.deliverer.underWay === 0;
  });
  const letPass = () => {
    passing = true;
  };
  return { site, queueId, letPass };
}

test("flush has the recipients of a domain tried now, and no others", async (t) => {
  const { site, queueId, letPass } = await withDeferred(t);
  letPass();
  await eventually(
    "c is not being tried",
    async () => (await ask(site, "flush", domain("two.test"))).busy === 0,
  );
  await eventually("c is delivered", async () => (await site.queue.load(queueId))?.recipients.length === 2);
  assert.equal(site.deliverer.tried.filter((one) => one === "a@one.test").length, 1);
  await eventually("none is being tried", async () => (await ask(site, "flush", ALL)).busy === 0);
  await eventually("all are", async () => (await filesOf(site.path)).length === 0);
});

test("flush probes a destination whose circuit is open", async (t) => {
  let dead = true;
  const site = await runnerSite(t, (job, signal) => (dead ? unreached : delivered)(job, signal));
  for (let i = 0; i < 20; i++) await enqueued(site.queue, { arrivedAt: Date.now() });
  await site.runner.start();
  await eventually("it is open", () => site.deliverer.jobs.length >= 5 && site.deliverer.underWay === 0);
  dead = false;
  await eventually("none is being tried", async () => (await ask(site, "flush", ALL)).busy === 0);
  await eventually("all are delivered", async () => (await filesOf(site.path)).length === 0);
});

test("what is held is not tried, not even flushed, until it is released", async (t) => {
  const { site, queueId, letPass } = await withDeferred(t);
  letPass();
  await ask(site, "hold", ALL);
  assert.equal((await site.queue.load(queueId))?.held, true);
  await ask(site, "flush", ALL);
  assert.equal(site.deliverer.tried.length, 3);
  await ask(site, "release", ALL);
  assert.deepEqual(await ask(site, "flush", ALL), {
    ...{ kind: "done", selected: 1, changed: 1, recipients: 3, busy: 0 },
  });
  await eventually("all are delivered", async () => (await filesOf(site.path)).length === 0);
});

test("what is removed while it is tried is gone, whatever comes of the attempt", async (t) => {
  const { passed, open } = gate();
  const site = await runnerSite(t, async (job, signal) => {
    await passed;
    return deferred(job, signal);
  });
  await enqueued(site.queue, { arrivedAt: Date.now() });
  await site.runner.start();
  await eventually("under way", () => site.deliverer.underWay === 1);
  assert.equal((await ask(site, "flush", ALL)).busy, 1);
  assert.equal((await ask(site, "remove", ALL)).changed, 1);
  assert.deepEqual(await filesOf(site.path), []);
  open();
  await eventually("the attempt ends", () => site.deliverer.underWay === 0);
  await site.runner.stop(1000);
  assert.deepEqual(await filesOf(site.path), []);
  assert.equal(site.runner.size, 0);
});

test("of a message that is tried for several, one recipient can be removed, and the others keep their outcomes", async (t) => {
  const { passed, open } = gate();
  const site = await runnerSite(t, async (job, signal) => {
    await passed;
    return deferred(job, signal);
  });
  const recipients = ["a@one.test", "b@one.test"].map((address) => recipient(address));
  const { queueId } = await enqueued(site.queue, { arrivedAt: Date.now(), recipients });
  await site.runner.start();
  await eventually("under way", () => site.deliverer.underWay === 1);
  await ask(site, "remove", { kind: "matching", ...NOTHING, recipients: ["a@one.test"] });
  open();
  await eventually("the outcome is kept", async () => {
    const left = (await site.queue.load(queueId))?.recipients ?? [];
    return left.length === 1 && left[0]?.forwardPath.localPart === "b" && left[0].attempts === 1;
  });
});

test("what is held while it is tried keeps the outcome, and is not tried again", async (t) => {
  const { passed, open } = gate();
  const policy = { intervals: [1], lifetime: 3_600_000, delayWarning: 0 };
  const site = await runnerSite(
    t,
    async (job, signal) => {
      await passed;
      return deferred(job, signal);
    },
    { policy },
  );
  const { queueId } = await enqueued(site.queue, { arrivedAt: Date.now() });
  await site.runner.start();
  await eventually("under way", () => site.deliverer.underWay === 1);
  await ask(site, "hold", ALL);
  open();
  await eventually(
    "the outcome is kept",
    async () => (await site.queue.load(queueId))?.recipients[0]?.attempts === 1,
  );
  await eventually("no longer under way", () => site.deliverer.underWay === 0);
  await ask(site, "flush", ALL);
  assert.equal(site.deliverer.jobs.length, 1);
});
