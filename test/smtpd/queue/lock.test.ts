/** One sender per queue: who is kept out, who is told, and which locks of the dead are overridden. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, stat, unlink, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { EXIT, ExitError } from "../../../shared/exit.js";
import { LOCK_NAME, lockQueue } from "../../../smtpd/queue/lock.js";
import {
  formatHolder,
  type Holder,
  isDead,
  ourselves,
  parseHolder,
} from "../../../smtpd/queue/lock-holder.js";
import { inapplicable } from "../../peers.js";
import { type QueueSite, queueSite } from "./queue-site.js";

const MINUTE = 60_000;
const onLinux =
  process.platform === "linux" ? false : inapplicable("only Linux tells when a process started");

const ignore = () => {};

interface Contender {
  readonly process: ChildProcess;
  readonly said: string;
}

/** Starts another process that takes the lock; resolves to what it says about that. */
async function contender(t: TestContext, path: string): Promise<Contender> {
  const program = fileURLToPath(new URL("lock-contender.js", import.meta.url));
  const child = spawn(process.execPath, [program, path], { stdio: ["pipe", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  const [line] = await once(child.stdout, "data");
  return { process: child, said: String(line).trim() };
}

function refusal(holder: RegExp) {
  return (error: unknown) =>
    error instanceof ExitError && error.exitCode === EXIT.temporary && holder.test(error.message);
}

async function leave({ path }: QueueSite, text: string, minutesAgo = 0): Promise<void> {
  await writeFile(`${path}/${LOCK_NAME}`, text);
  const then = new Date(Date.now() - minutesAgo * MINUTE);
  await utimes(`${path}/${LOCK_NAME}`, then, then);
}

test("a second sender in this process is refused, until the first lets go", async (t) => {
  const { path, queue } = await queueSite(t);
  const lock = await lockQueue(queue, ignore);
  assert.equal((await stat(`${path}/${LOCK_NAME}`)).mode & 0o777, 0o600);
  await assert.rejects(lockQueue(queue, ignore), refusal(new RegExp(`\\b${process.pid}\\b.*${hostname()}`)));
  await lock.release();
  await lock.release();
  assert.ok(!(await readdir(path)).includes(LOCK_NAME));
  await (await lockQueue(queue, ignore)).release();
  assert.deepEqual(await readdir(`${path}/tmp`), []);
});

test("a second process ends with 75 and says who holds the queue; a killed one holds nothing", async (t) => {
  const { path, queue } = await queueSite(t);
  const lock = await lockQueue(queue, ignore);
  const second = await contender(t, path);
  assert.match(second.said, new RegExp(`\\b${process.pid}\\b`));
  if (second.process.exitCode === null) await once(second.process, "exit");
  assert.equal(second.process.exitCode, 75);
  await lock.release();

  const first = await contender(t, path);
  assert.equal(first.said, "held");
  await assert.rejects(lockQueue(queue, ignore), refusal(new RegExp(`\\b${first.process.pid}\\b`)));
  first.process.kill("SIGKILL");
  await once(first.process, "exit");
  await (await lockQueue(queue, ignore)).release();
});

test("of many who find a dead lock at the same time, one has it", async (t) => {
  const site = await queueSite(t);
  for (let round = 0; round < 20; round++) {
    await leave(site, formatHolder({ ...ourselves(), pid: 1, started: "0" }));
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => lockQueue(site.queue, ignore)));
    const held = outcomes.filter(({ status }) => status === "fulfilled");
    assert.equal(held.length, 1);
    for (const outcome of outcomes) if (outcome.status === "fulfilled") await outcome.value.release();
    await unlink(`${site.path}/${LOCK_NAME}`).catch(ignore);
  }
});

describe("a lock that was left by", { skip: onLinux }, () => {
  const we = ourselves();
  const left: readonly (readonly [string, Partial<Holder>, "at once" | "after three minutes"])[] = [
    ["a process that is no more", { pid: 4_000_000_000 }, "at once"],
    ["a process whose id another has by now", { started: "1" }, "at once"],
    ["this process", {}, "after three minutes"],
    ["another machine", { host: "other.test", boot: "x" }, "after three minutes"],
    ["another container with its own boot", { boot: "x", namespace: "4026532000" }, "after three minutes"],
    ["another container on this machine", { namespace: "4026532000" }, "after three minutes"],
  ];
  for (const [who, changes, when] of left) {
    test(`${who} is overridden ${when}`, async (t) => {
      const site = await queueSite(t);
      const text = formatHolder({ ...we, ...changes });
      await leave(site, text, when === "at once" ? 0 : 2);
      if (when === "after three minutes") {
        await assert.rejects(lockQueue(site.queue, ignore), refusal(/process/));
        assert.equal(await readFile(`${site.path}/${LOCK_NAME}`, "latin1"), text);
        // One that lives is never overridden, as it can be seen to live.
        if (who === "this process") return;
        await leave(site, text, 4);
      }
      await (await lockQueue(site.queue, ignore)).release();
    });
  }

  test("nobody is overridden after three minutes", async (t) => {
    const site = await queueSite(t);
    for (const text of ["", "x", "4711:host"]) {
      await leave(site, text, 2);
      await assert.rejects(lockQueue(site.queue, ignore), refusal(/somebody/));
      await leave(site, text, 4);
      await (await lockQueue(site.queue, ignore)).release();
    }
  });

  test("this machine before it was started anew counts as dead, by another of that name it does not", () => {
    const machine = { ...we, namespace: "4026531836", boot: "now" };
    assert.equal(isDead({ ...machine, boot: "then" }, machine), true);
    assert.equal(isDead({ ...machine, boot: "then", host: "other.test" }, machine), undefined);
    const container = { ...machine, namespace: "4026532000" };
    assert.equal(isDead({ ...container, boot: "then" }, container), undefined);
  });
});

test("where nothing is known of processes but their ids, those tell", () => {
  const we = { ...ourselves(), boot: undefined, namespace: undefined, started: undefined };
  assert.equal(isDead(we, we), false);
  assert.equal(isDead({ ...we, pid: 4_000_000 }, we), true);
  assert.equal(isDead({ ...we, host: "other.test" }, we), undefined);
});

test("a holder is read as it was written, and nothing else is one", () => {
  const we = ourselves();
  for (const holder of [we, { ...we, boot: undefined, namespace: undefined, started: undefined }])
    assert.deepEqual(parseHolder(formatHolder(holder)), holder);
  for (const text of ["", "1:host", "0 h - - -\n", "1 h - - -", "1 h - -\n", "1 h - - - -\n"])
    assert.equal(parseHolder(text), undefined, text);
});

test("a holder who was robbed is told, once", async (t) => {
  const site = await queueSite(t);
  let told = 0;
  const { promise, resolve } = withResolvers();
  const lock = await lockQueue(
    site.queue,
    () => {
      told++;
      resolve();
    },
    5,
  );
  await unlink(`${site.path}/${LOCK_NAME}`);
  const robber = await lockQueue(site.queue, ignore);
  // A lock keeps no process alive.
  const alive = setInterval(ignore, MINUTE);
  await promise;
  clearInterval(alive);
  await lock.release();
  assert.ok((await readdir(site.path)).includes(LOCK_NAME), "the robber still has it");
  await robber.release();
  assert.equal(told, 1);
});

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
