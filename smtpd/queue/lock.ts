/**
 * One sender per queue: whoever sends from it, or changes an envelope, holds `sender.lock` in its directory. Receivers and
 * `smtpd sendmail` need no lock.
 *
 * | the lock                                                    | means                                                |
 * |-------------------------------------------------------------|------------------------------------------------------|
 * | absent                                                      | free                                                 |
 * | of a process of this machine that lives                     | held; a second start ends with the holder's name     |
 * | of one that is dead, or whose process id another has by now | left by a crash; overridden at once                  |
 * | of this machine before it was started anew                  | likewise                                             |
 * | of another machine, or of another container on this one     | held, until it was not touched for three minutes     |
 * | empty, or of nobody's make                                  | likewise                                             |
 *
 * The holder touches it twice a minute, and looks then whether it still is its own: one that was stopped for minutes (a
 * paused machine) may have been robbed, and is told so to stop sending. Made, claimed and removed in shared/lock-file.ts.
 */
import { EXIT, ExitError } from "../../shared/exit.js";
import { type Found, LockFile, lookAt, removeDead, untouchedFor } from "../../shared/lock-file.js";
import { describeHolder, formatHolder, isDead, ourselves, parseHolder } from "./lock-holder.js";
import type { Queue } from "./queue.js";

export const LOCK_NAME = "sender.lock";
const TOUCH_INTERVAL_MS = 30_000;
const ABANDONED_MS = 3 * 60_000;
/** How often a lock that was found dead, or has just gone, is tried for before it counts as taken. */
const ATTEMPTS_MAX = 5;

export interface QueueLock {
  /** Frees the queue. May be called again. */
  release(): Promise<void>;
}

/**
 * Takes the lock of a queue. Rejects with an ExitError (75) that names the holder when somebody has it, and with the
 * system's error when the lock cannot be made.
 * @param lost called once when somebody else has taken it away
 * @param touchIntervalMs half a minute by default
 */
export async function lockQueue(
  { maildir, tools }: Queue,
  lost: () => void,
  touchIntervalMs: number = TOUCH_INTERVAL_MS,
): Promise<QueueLock> {
  const path = `${maildir.path}/${LOCK_NAME}`;
  let found: Found | undefined;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const file = new LockFile(path, formatHolder(ourselves()), touchIntervalMs);
    if ((await file.create()) === "taken") return watched(file, lost, touchIntervalMs);
    found = await lookAt(path);
    if (found === undefined) continue;
    if (!(await isFree(found, `${maildir.tmp}/${tools.uniqueName()}`))) break;
    if (!(await removeDead(path, found, `${maildir.tmp}/${LOCK_NAME}`))) break;
  }
  const holder = describeHolder(found && parseHolder(found.content));
  throw new ExitError(EXIT.temporary, `${path}: ${holder} sends from this queue`);
}

/** What the lock says of whoever holds it, the same as long as he does; undefined when nobody does. Errors are the system's. */
export async function holderOfLock({ maildir, tools }: Queue): Promise<string | undefined> {
  const found = await lookAt(`${maildir.path}/${LOCK_NAME}`);
  if (found === undefined || (await isFree(found, `${maildir.tmp}/${tools.uniqueName()}`))) return undefined;
  return found.content;
}

async function isFree(found: Found, probe: string): Promise<boolean> {
  const holder = parseHolder(found.content);
  if (holder !== undefined) {
    const dead = isDead(holder, ourselves());
    if (dead !== undefined) return dead;
  }
  return (await untouchedFor(found, probe, ABANDONED_MS)) >= ABANDONED_MS;
}

function watched(file: LockFile, lost: () => void, intervalMs: number): QueueLock {
  const timer = setInterval(() => {
    file.isThere().then(
      (isThere) => {
        if (isThere) return;
        clearInterval(timer);
        lost();
      },
      // Trouble with the disk says nothing about the lock.
      () => {},
    );
  }, intervalMs).unref();
  return {
    release: async () => {
      clearInterval(timer);
      await file.remove();
    },
  };
}
