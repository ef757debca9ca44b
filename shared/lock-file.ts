/**
 * The file of a lock: made, kept fresh, looked at, removed, and by others removed when its holder is dead. Who may hold the
 * lock, and when a holder counts as dead, is decided by whoever uses it (pop3d/lock.ts, smtpd/queue/lock.ts).
 *
 * A file that can be made but, on a full disk, not written serves empty. Nothing here is synced: a lock is worth nothing after
 * a crash.
 *
 * Overriding. Several may find the same dead lock, and a slow one must not remove what a quick one has taken since. So who
 * wants to remove a dead lock first makes a file, the claim, that is named after that very lock file, which only one can do;
 * looks whether it is still the one that lies there; and removes it then.
 */
import type { BigIntStats } from "node:fs";
import { constants, type FileHandle, lstat, open, unlink } from "node:fs/promises";
import { hasCode } from "./exit.js";
import { readWhole } from "./read-whole.js";

const MODE = 0o600;
/** Removing a dead lock takes a moment; who has not done so by then has died, too. */
const CLAIM_MS_MAX = 60_000;
/** What our locks hold is shorter; of a file that somebody else put there, no more is read. */
const CONTENT_OCTETS_MAX = 1024;

/** The number of a file that was removed is soon given to another, which was born later; 0 where that is not kept. */
type FileIdentity = Pick<BigIntStats, "dev" | "ino" | "birthtimeNs">;

/** A lock file that we make, keep fresh and remove. */
export class LockFile {
  readonly #path: string;
  readonly #content: string;
  readonly #touchIntervalMs: number;
  #file: FileIdentity | undefined;
  #touching: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(path: string, content: string, touchIntervalMs: number) {
    this.#path = path;
    this.#content = content;
    this.#touchIntervalMs = touchIntervalMs;
  }

  /** Whether this is the file that we made. */
  isFile({ dev, ino, birthtimeNs }: FileIdentity): boolean {
    return this.#file?.dev === dev && this.#file.ino === ino && this.#file.birthtimeNs === birthtimeNs;
  }

  /** Makes the file, unless there is one. Rejects with the system's error; then this counts as there until it is removed. */
  async create(): Promise<"taken" | "exists"> {
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    let handle: FileHandle;
    try {
      handle = await open(this.#path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, MODE);
    } catch (error) {
      if (hasCode(error, "EEXIST")) return "exists";
      throw error;
    }
    try {
      this.#file = await handle.stat({ bigint: true });
      await handle.write(this.#content, 0).catch((error: unknown) => {
        if (!isFull(error)) throw error;
      });
    } catch (error) {
      await unlink(this.#path).catch(() => {});
      throw error;
    } finally {
      await handle.close();
    }
    this.#touching = setInterval(() => void this.#touch().catch(() => {}), this.#touchIntervalMs).unref();
    return "taken";
  }

  /** False once it is removed, or when another file lies in its place. */
  async isThere(): Promise<boolean> {
    if (this.#ended) return false;
    if (this.#file === undefined) return true;
    const status = await statusOf(this.#path);
    return status !== undefined && this.isFile(status);
  }

  /** Removes the file, if it is still ours. May be called again. */
  async remove(): Promise<void> {
    const toBeRemoved = this.#file !== undefined && (await this.isThere());
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#touching);
    try {
      if (toBeRemoved) await unlink(this.#path);
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
    }
  }

  /** Writes what is there once more, so that the file server and not our clock says when. */
  async #touch(): Promise<void> {
    const { O_WRONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
    // Somebody may have put a FIFO in its place, which must not be waited for.
    const handle = await open(this.#path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      if (!this.isFile(await handle.stat({ bigint: true }))) return;
      await handle.write(this.#content, 0).catch(() => handle.utimes(new Date(), new Date()));
    } finally {
      await handle.close();
    }
  }
}

/** A lock file as it was at one moment. */
export interface Found {
  readonly status: BigIntStats;
  readonly content: string;
}

export async function lookAt(path: string): Promise<Found | undefined> {
  const status = await statusOf(path);
  if (status === undefined) return undefined;
  // A file of another user, or no file at all: its age alone tells whether it is dead.
  const octets = await readWhole(path, CONTENT_OCTETS_MAX).catch(() => undefined);
  return { status, content: Buffer.isBuffer(octets) ? octets.toString("latin1") : "" };
}

async function statusOf(path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true });
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/**
 * Removes a dead lock, unless it is another by now. Resolves to whether it is worth trying for the lock.
 * @param claimPrefix the beginning of a path of its own, on the same file system
 */
export async function removeDead(path: string, found: Found, claimPrefix: string): Promise<boolean> {
  const claim = `${claimPrefix}.${found.status.ino}.${found.status.mtimeNs}`;
  if (!(await makeClaim(claim))) return false;
  try {
    const now = await lookAt(path);
    if (now !== undefined && isSame(now, found)) await unlink(path);
    return true;
  } finally {
    await unlink(claim).catch(() => {});
  }
}

/** Only one can make it. One that was left by a crash is removed when it is found, for the next to come. */
async function makeClaim(claim: string): Promise<boolean> {
  try {
    const handle = await open(claim, "wx", MODE);
    await handle.close();
    return true;
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
    const status = await statusOf(claim);
    if (status !== undefined && Date.now() - Number(status.mtimeMs) > CLAIM_MS_MAX) await unlink(claim);
    return false;
  }
}

/**
 * How long ago a lock was touched, in milliseconds, told by one clock: that of the file server, since those of NFS clients
 * differ. It is asked only where ours says that it was long ago.
 * @param probe the path of a file that is not there, on the same file system
 * @param enough what counts as long
 */
export async function untouchedFor({ status }: Found, probe: string, enough: number): Promise<number> {
  const byOurClock = Date.now() - Number(status.mtimeMs);
  if (byOurClock < enough) return byOurClock;
  const handle = await open(probe, "wx", MODE);
  try {
    return Number((await handle.stat()).mtimeMs) - Number(status.mtimeMs);
  } finally {
    await handle.close();
    await unlink(probe).catch(() => {});
  }
}

/** The time too, since the number of a file that was removed is soon given to another. */
function isSame(a: Found, b: Found): boolean {
  return (
    a.status.dev === b.status.dev &&
    a.status.ino === b.status.ino &&
    a.status.mtimeNs === b.status.mtimeNs &&
    a.content === b.content
  );
}

export function isFull(error: unknown): boolean {
  return hasCode(error, "ENOSPC", "EDQUOT");
}
