/**
 * smtpd killed with SIGKILL at each step that mail takes through its queue (strace delivers the signal as the system call
 * begins), and started again. The steps are those that a first, traced daemon took.
 *
 * What was acknowledged arrives, whole. It arrives twice only where the next host, or a mailbox, had it already and the
 * envelope still named the recipient: exactly those whom the envelopes on the disk name are tried again. There is one
 * notice for each event. The queue ends empty but for what belongs to no envelope and was there when the daemon was killed.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { concurrently } from "../../shared/concurrently.js";
import { DOMAIN, type Smtpd } from "../daemons/site.js";
import { without } from "../peers.js";
import { recipient } from "../smtpd/queue/envelopes.js";
import { emptied, garbage } from "./queue-on-disk.js";
import { Scene } from "./queue-scene.js";
import { type Step, stepsOf } from "./queue-steps.js";
import { killedAt, readTrace, strace } from "./trace.js";

interface Scenario {
  readonly title: string;
  /** TOML of [queue]. */
  readonly queueTable?: string;
  /** Puts a message into the queue before the daemon starts, which is as good as acknowledged. */
  readonly place?: (scene: Scene) => Promise<unknown>;
  /** Whom a client sends a message to once the daemon has started. */
  readonly submit?: readonly string[];
  /** What has to arrive. */
  readonly shares: readonly string[];
  /** The steps, each at least once. */
  readonly steps: readonly string[];
  /** Where a kill has something arrive twice. */
  readonly twiceAt: readonly string[];
}

const ENQUEUED = [
  "fsync tmp/M",
  "rename tmp/M new/M",
  "fsync new",
  "fsync tmp/E",
  "rename tmp/E envelope/E",
  "fsync envelope",
];
const REPLACED = ["fsync tmp/E", "rename tmp/E envelope/E", "fsync envelope"];
const REMOVED = ["unlink envelope/E", "fsync envelope"];
const delivered = (user: string) => [
  `fsync ${user}/tmp/M`,
  `rename ${user}/tmp/M ${user}/new/M`,
  `fsync ${user}/new`,
];

const SCENARIOS: readonly Scenario[] = [
  {
    title: "a message is accepted for a mailbox and for another host, and sent",
    submit: [`bob@${DOMAIN}`, "good@remote.test"],
    shares: [`bob@${DOMAIN}`, "good@remote.test"],
    steps: [...delivered("bob"), ...ENQUEUED, ...REMOVED, "unlink new/M"],
    twiceAt: ["unlink envelope/E"],
  },
  {
    title: "a message that was deferred is tried again, and its sender told of the delay",
    queueTable: 'delay_warning = "1s"\n',
    place: (scene) => scene.place([recipient("later@remote.test")], { arrivedAt: Date.now() - 60_000 }),
    shares: ["later@remote.test", "delayed notice"],
    steps: [...REPLACED, "rename new/M cur/M", ...ENQUEUED, ...REPLACED, ...delivered("alice"), ...REMOVED],
    twiceAt: ["fsync alice/new", "unlink envelope/E"],
  },
  {
    title: "a message is taken for one recipient, refused for another, and its sender told",
    place: (scene) => scene.place([recipient("good@remote.test"), recipient("bad@remote.test")]),
    shares: ["good@remote.test", "failed notice"],
    steps: [...REPLACED, ...ENQUEUED, ...REMOVED, "unlink new/M", ...delivered("alice")],
    twiceAt: ["fsync tmp/E", "rename tmp/E envelope/E", "fsync alice/new", "unlink envelope/E"],
  },
  {
    title: "a message waited for a mailbox",
    place: (scene) => {
      const bob = `bob@${DOMAIN}`;
      return scene.place([recipient(bob, { account: bob, attempts: 1 })]);
    },
    shares: [`bob@${DOMAIN}`],
    steps: [...delivered("bob"), ...REMOVED, "unlink new/M"],
    twiceAt: ["fsync bob/new", "unlink envelope/E"],
  },
];

const AT_ONCE = 2;
/** What is done side by side may be written together, so that a daemon takes fewer steps than the first. */
const FEWER_MAX = 3;

for (const scenario of SCENARIOS) {
  test(scenario.title, { skip: without("strace") }, async (t) => {
    const steps = await traced(t, scenario);
    for (const step of scenario.steps)
      assert.ok(
        steps.some(({ what }) => what === step),
        `${step} among ${steps.map(({ what }) => what)}`,
      );
    let kills = 0;
    const twiceAt: string[] = [];
    await concurrently(steps, AT_ONCE, async (step) => {
      const met = await meetKill(t, scenario, step);
      if (met.killed) kills++;
      twiceAt.push(...met.twice.map(() => step.what));
    });
    t.diagnostic(`killed ${kills} times, twice there: ${twiceAt.length} (${twiceAt.join(", ")})`);
    assert.ok(kills >= steps.length - FEWER_MAX, `killed ${kills} times at ${steps.length} steps`);
    for (const what of twiceAt) assert.ok(scenario.twiceAt.includes(what), `twice by a kill at ${what}`);
    assert.ok(twiceAt.length > 0, "the window in which a message is sent twice was met");
  });
}

/** The steps of a daemon that is not killed. */
async function traced(t: TestContext, scenario: Scenario): Promise<Step[]> {
  const scene = await Scene.make(t, scenario.queueTable);
  const trace = `${scene.site.directory}/trace`;
  await scenario.place?.(scene);
  const smtpd = await scene.smtpd({ wrapper: strace(trace), env: { UV_THREADPOOL_SIZE: "1" } });
  assert.equal(await workedOff(scene, smtpd, scenario.submit), true);
  assert.equal((await smtpd.daemon.stop()).code, 0);
  assert.deepEqual((await scene.arrived()).sort(), [...scenario.shares].sort());
  assert.deepEqual(await garbage(scene.queue), []);
  return stepsOf(await readTrace(trace, smtpd.daemon.pid), scene.site.directory);
}

/** A daemon killed at a step, and the next one. Resolves to whether it came to that step, and what was there twice. */
async function meetKill(
  t: TestContext,
  scenario: Scenario,
  { what, call, n }: Step,
): Promise<{ killed: boolean; twice: string[] }> {
  const scene = await Scene.make(t, scenario.queueTable);
  await scenario.place?.(scene);
  const smtpd = await scene.smtpd(killedAt(call, n));
  const acknowledged = await workedOff(scene, smtpd, scenario.submit);
  const { signal } = await smtpd.daemon.stop();
  const killed = signal === "SIGKILL";
  assert.ok(acknowledged || killed);
  await scene.sinkIsIdle();
  const [before, waiting, left] = [await scene.arrived(), await scene.waiting(), await garbage(scene.queue)];

  const next = await scene.smtpd();
  await workedOff(scene, next);
  assert.equal((await next.daemon.stop()).code, 0);
  const after = await scene.arrived();
  assert.deepEqual(await garbage(scene.queue), left, `${what}: what was not committed is left alone`);
  assert.deepEqual(await scene.waiting(), []);
  const twice = [];
  for (const share of new Set([...scenario.shares, ...after])) {
    const [had, has] = [timesOf(share, before), timesOf(share, after)];
    const again = timesOf(share, waiting);
    assert.ok(scenario.shares.includes(share), `${what}: ${share}`);
    assert.ok(had <= 1 && again <= 1, `${what}: ${share} had ${had}, again ${again}`);
    // A notice may not have been put by then.
    const owed = acknowledged && had + again === 0 ? 1 : 0;
    assert.equal(has, had + again + owed, `${what}: ${share} had ${had}, again ${again}, has ${has}`);
    if (!share.endsWith("notice")) assert.equal(owed, 0, `${what}: ${share} is not lost`);
    if (has > 1) twice.push(share);
  }
  const notices = (await scene.site.messages("alice")).map(
    ({ content }) => /^Message-ID: .*$/m.exec(content.toString())?.[0],
  );
  const events = scenario.shares.filter((share) => share.endsWith("notice")).length;
  assert.equal(new Set(notices).size, events, `${what}: one notice for each event`);
  return { killed, twice };
}

/** Resolves when the daemon has ended or the queue is empty: to whether what was submitted has been acknowledged. */
async function workedOff(
  scene: Scene,
  { daemon, mx }: Smtpd,
  submit: readonly string[] = [],
): Promise<boolean> {
  const acknowledged = submit.length === 0 || (await scene.submit(mx, submit));
  const ended = new AbortController();
  await Promise.race([
    daemon.ended.then(() => ended.abort()),
    emptied(scene.queue, ended.signal).catch(() => {}),
  ]);
  return acknowledged;
}

function timesOf(share: string, shares: readonly string[]): number {
  return shares.filter((one) => one === share).length;
}
