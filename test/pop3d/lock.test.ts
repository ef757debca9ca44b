import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { lstat, mkdtemp, readdir, readFile, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { LOCK_NAME, type SessionLock, SessionLocks } from "../../pop3d/lock.js";
import { FsyncDurable } from "../../shared/durable.js";
import { createMaildir } from "../../shared/maildir/create.js";
import { type Maildir, maildirAt } from "../../shared/maildir/maildir.js";
import { uniqueNames } from "../../shared/maildir/name.js";
import { giveToNobody } from "../nobody.js";
import { without } from "../peers.js";
import { Contender } from "./contender.js";
import { DOVECOT_POP3, DovecotPop3 } from "./dovecot-pop3.js";

const MINUTE = 60_000;
const uniqueName = uniqueNames("test", process.pid, Date.now);

let directory: string;
let maildir: Maildir;
let path: string;
let locks: SessionLocks;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "pillarbox-lock-"));
  maildir = maildirAt(join(directory, "Maildir"));
  await createMaildir(maildir, new FsyncDurable());
  path = join(maildir.path, LOCK_NAME);
  locks = new SessionLocks({ host: hostname(), uniqueName });
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test("the lock holds pid:host, is nobody else's to read, and goes when it is released", async () => {
  const lock = await take();
  assert.equal(await readFile(path, "latin1"), `${process.pid}:${hostname()}`);
  assert.equal((await lstat(path)).mode & 0o777, 0o600);
  assert.equal(await lock.isHeld(), true);
  await lock.release();
  assert.deepEqual(await readdir(maildir.path), ["cur", "new", "tmp"]);
  assert.equal(await lock.isHeld(), false);
  await lock.release();
});

test("a second session of this process finds it in use, waits, and has it when it is released", async () => {
  const lock = await take();
  assert.equal(await locks.acquire(maildir, 0), "in use");
  const waiting = locks.acquire(maildir, MINUTE);
  await lock.release();
  const second = await waiting;
  assert.ok(typeof second !== "string");
  assert.equal(await locks.acquire(maildir, 150), "in use");
  await second.release();
});

test("two paths to one Maildir have one lock", async () => {
  const lock = await take();
  await symlink(maildir.path, join(directory, "alias"));
  assert.equal(await locks.acquire(maildirAt(join(directory, "alias")), 0), "in use");
  assert.equal(await lock.isHeld(), true);
  await lock.release();
});

test("where there is no Maildir there is no lock, and nothing is made", async () => {
  assert.equal(await locks.acquire(maildirAt(join(directory, "nobody", "Maildir")), 0), "no maildir");
  assert.deepEqual(await readdir(directory), ["Maildir"]);
});

test("another process that lives keeps us out, and one that was killed does not", async (t) => {
  const other = Contender.start(t);
  assert.equal(await other.try(maildir.path), "held");
  assert.equal(await locks.acquire(maildir, 0), "in use");
  await other.kill();
  const lock = await take();
  assert.equal(await readFile(path, "latin1"), `${process.pid}:${hostname()}`);
  await lock.release();
});

test("we keep another process out until we let go", async (t) => {
  const other = Contender.start(t);
  const lock = await take();
  assert.equal(await other.try(maildir.path), "in use");
  await lock.release();
  assert.equal(await other.try(maildir.path), "held");
});

const LIVING = "a process that lives, but is no session";
/** A lock file that somebody left, how long nobody has touched it, and whether it still counts. */
const LEFTOVERS: readonly [content: string, minutes: number, outcome: "in use" | "taken"][] = [
  [`${process.pid}:${hostname()}`, 0, "taken"],
  [`${process.ppid}:${hostname()}`, 0, "in use"],
  [`${process.ppid}:${hostname()}`, 5.5, "in use"],
  [`${process.ppid}:${hostname()}`, 7, "taken"],
  ["1:elsewhere.example.org", 0, "in use"],
  ["1:elsewhere.example.org", 5.5, "in use"],
  ["1:elsewhere.example.org", 7, "taken"],
  [`${process.pid}:elsewhere.example.org`, 0, "in use"],
  ["", 0, "in use"],
  ["", 7, "taken"],
  ["0:x", 0, "in use"],
  [`-1:${hostname()}`, 0, "in use"],
  [`99999999999:${hostname()}`, 0, "in use"],
  [`99999999999:${hostname()}`, 7, "taken"],
  ["x".repeat(100_000), 0, "in use"],
  ["x".repeat(100_000), 7, "taken"],
];

for (const [content, minutes, outcome] of LEFTOVERS) {
  const whose = content.replace(`${process.ppid}:`, `${LIVING}:`).replace(`${process.pid}:`, "our own id:");
  test(`${JSON.stringify(whose.slice(0, 70))}, untouched for ${minutes} minutes: ${outcome}`, async () => {
    await writeFile(path, content);
    await age(minutes);
    const result = await locks.acquire(maildir, 0);
    assert.equal(typeof result === "string" ? result : "taken", outcome);
    if (typeof result !== "string") await result.release();
    const left = outcome === "taken" ? ["cur", "new", "tmp"] : ["cur", LOCK_NAME, "new", "tmp"];
    assert.deepEqual(await readdir(maildir.path), left, "nothing is left about");
  });
}

test("a symbolic link in its place is never followed", async () => {
  const target = join(directory, "target");
  await writeFile(target, "precious");
  await symlink(target, path);
  assert.equal(await locks.acquire(maildir, 0), "in use");
  assert.equal(await readFile(target, "latin1"), "precious");
});

test("a FIFO in its place is never waited for", { timeout: 30_000 }, async () => {
  execFileSync("mkfifo", [path]);
  assert.equal(await locks.acquire(maildir, 0), "in use");
  await rm(path);
  locks = new SessionLocks({ host: hostname(), uniqueName, touchIntervalMs: 1 });
  const lock = await take();
  await rm(path);
  execFileSync("mkfifo", [path]);
  // Each touch that waited would take one of the four threads that there are for files.
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(await lock.isHeld(), false);
  await lock.release();
});

test("who holds the lock touches it, so that nobody takes it for abandoned", {
  timeout: 30_000,
}, async () => {
  locks = new SessionLocks({ host: hostname(), uniqueName, touchIntervalMs: 10 });
  const lock = await take();
  await age(10);
  const old = (await lstat(path)).mtimeMs;
  while ((await lstat(path)).mtimeMs === old);
  assert.ok(Date.now() - (await lstat(path)).mtimeMs < MINUTE);
  assert.equal(await readFile(path, "latin1"), `${process.pid}:${hostname()}`);
  await lock.release();
});

test("a lock of somebody else in the place of ours is not touched", async () => {
  locks = new SessionLocks({ host: hostname(), uniqueName, touchIntervalMs: 1 });
  const lock = await take();
  await writeFile(join(directory, "theirs"), "1:elsewhere.example.org");
  await rename(join(directory, "theirs"), path);
  const { mtimeNs } = await lstat(path, { bigint: true });
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal((await lstat(path, { bigint: true })).mtimeNs, mtimeNs);
  await lock.release();
});

test("a lock that was taken away is known to be lost, and the new holder's file is left alone", async () => {
  const lock = await take();
  await writeFile(join(directory, "theirs"), "1:elsewhere.example.org");
  await rename(join(directory, "theirs"), path);
  assert.equal(await lock.isHeld(), false);
  await lock.release();
  assert.equal(await readFile(path, "latin1"), "1:elsewhere.example.org");
});

test("a lock that somebody has removed can be released, and taken again", async () => {
  const lock = await take();
  await rm(path);
  assert.equal(await lock.isHeld(), false);
  await lock.release();
  await (await take()).release();
});

test("of many that find a dead lock at once, one gets it", async (t) => {
  const contenders = Array.from({ length: 5 }, () => Contender.start(t));
  const dead = Contender.start(t);
  const deadPid = dead.pid;
  await dead.kill();
  for (let round = 0; round < 40; round++) {
    await writeFile(path, `${deadPid}:${hostname()}`);
    const outcomes = await Promise.all(contenders.map((contender) => contender.try(maildir.path)));
    assert.equal(outcomes.filter((outcome) => outcome === "held").length, 1, `round ${round}: ${outcomes}`);
    await Promise.all(contenders.map((contender) => contender.release()));
  }
  assert.deepEqual(await readdir(maildir.path), ["cur", "new", "tmp"]);
});

test("Dovecot's POP3 sessions and ours keep each other out", { skip: without(DOVECOT_POP3) }, async (t) => {
  await giveToNobody(directory);
  const start = async () => {
    const session = await DovecotPop3.start(t, directory, maildir);
    return { session, answer: await session.answer };
  };
  const theirs = await start();
  assert.equal(theirs.answer.slice(0, 3), "+OK");
  assert.equal(await locks.acquire(maildir, 0), "in use");
  await theirs.session.quit();

  const lock = await take();
  assert.equal((await start()).answer.slice(0, 4), "-ERR");
  await lock.release();

  const killed = await start();
  assert.equal(killed.answer.slice(0, 3), "+OK");
  await killed.session.kill();
  await (await take()).release();
});

async function take(): Promise<SessionLock> {
  const lock = await locks.acquire(maildir, 0);
  assert.ok(typeof lock !== "string", `the lock is ${lock}`);
  return lock;
}

async function age(minutes: number): Promise<void> {
  const then = new Date(Date.now() - minutes * MINUTE);
  await utimes(path, then, then);
}
