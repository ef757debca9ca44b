/**
 * One editor of a file at a time: `<file>.lock` exists while somebody edits it, and holds `pid:host`.
 *
 * The lock appears whole, by link(2), so nobody ever reads half of it. When its process is dead, and was one of this host, it
 * is removed by whoever waits for it; of several who want to, one at a time may look and remove, under a lock of the same
 * kind (`<file>.lock.lock`), else the second could remove the lock that the first has taken meanwhile. Of other hosts nothing
 * is known: their locks are waited for. Who waits too long gives up with an error that names the holder.
 */
import { link, readFile, rm, unlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { EXIT, ExitError, hasCode } from "../exit.js";

/** An edit takes some milliseconds; nobody is asked anything during it. */
const LOCK_WAIT_MS = 10_000;
const RETRY_MS = 20;

/** How many in this process want or have a lock. */
const claims = new Map<string, number>();
let counter = 0;

/**
 * Does `work` while holding the lock of `file`. Throws an ExitError (75) when others hold it for too long, and system errors
 * when the lock cannot be made.
 * @param waitMs how long others may hold it meanwhile
 */
export async function withLock<T>(
  file: string,
  work: () => Promise<T>,
  waitMs: number = LOCK_WAIT_MS,
): Promise<T> {
  const lock = `${file}.lock`;
  claims.set(lock, claimsOf(lock) + 1);
  try {
    await acquire(lock, waitMs);
    try {
      return await work();
    } finally {
      await rm(lock, { force: true });
    }
  } finally {
    claims.set(lock, claimsOf(lock) - 1);
  }
}

async function acquire(lock: string, waitMs: number): Promise<void> {
  const own = `${lock}.${process.pid}.${++counter}`;
  await writeFile(own, `${process.pid}:${hostname()}\n`);
  try {
    const deadline = performance.now() + waitMs;
    while (!(await linked(own, lock))) {
      const holder = await readHolder(lock);
      if (holder !== undefined && isDead(holder, lock)) await removeDeadLock(lock);
      else if (performance.now() < deadline) await sleep(RETRY_MS * (1 + Math.random()));
      else throw new ExitError(EXIT.temporary, `${lock}: ${describe(holder)}; try again later`);
    }
  } finally {
    await rm(own, { force: true });
  }
}

function claimsOf(lock: string): number {
  return claims.get(lock) ?? 0;
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
    throw error;
  }
}

async function removeDeadLock(lock: string): Promise<void> {
  await withLock(lock, async () => {
    const holder = await readHolder(lock);
    if (holder !== undefined && isDead(holder, lock)) await unlink(lock);
  });
}

interface Holder {
  readonly pid: number;
  readonly host: string;
}

/** Who holds a lock; undefined when it is gone by now, or when it is none of ours. */
async function readHolder(lock: string): Promise<Holder | undefined> {
  let text: string;
  try {
    text = await readFile(lock, "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
  const [, pid, host] = /^(\d{1,10}):(\S+)\n?$/.exec(text) ?? [];
  return pid === undefined || host === undefined ? undefined : { pid: Number(pid), host };
}

function isDead({ pid, host }: Holder, lock: string): boolean {
  if (host !== hostname()) return false;
  // Ours, while nobody else in this process wants it: left behind by a process that had the same pid.
  if (pid === process.pid) return claimsOf(lock) === 1;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return hasCode(error, "ESRCH");
  }
}

function describe(holder: Holder | undefined): string {
  return holder === undefined
    ? "it does not say who holds it"
    : `process ${holder.pid} on ${holder.host} holds it`;
}
