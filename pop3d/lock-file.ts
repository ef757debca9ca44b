/**
 * The file of a session lock: made, kept fresh, looked at, removed. Who may hold the lock is decided in lock.ts.
 *
 * A full disk does not keep anybody from locking: a file that can be made but not written serves empty, and when not even
 * that can be made there is none, which the holder cannot tell from having one.
 */
import type { BigIntStats } from "node:fs";
import { constants, type FileHandle, lstat, open, unlink } from "node:fs/promises";
import { hasCode } from "../shared/exit.js";
import { readWhole } from "./read-whole.js";

const MODE = 0o600;
/** `pid:host` is shorter; of a file that somebody else put there, no more is read. */
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

  /** Makes the file, unless there is one, or nowhere to put it. */
  async create(): Promise<"taken" | "exists" | "no maildir"> {
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    let handle: FileHandle;
    try {
      handle = await open(this.#path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, MODE);
    } catch (error) {
      if (hasCode(error, "EEXIST")) return "exists";
      if (hasCode(error, "ENOENT")) return "no maildir";
      if (isFull(error)) return "taken";
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

export async function statusOf(path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true });
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** The time too, since the number of a file that was removed is soon given to another. */
export function isSame(a: Found, b: Found): boolean {
  return (
    a.status.dev === b.status.dev &&
    a.status.ino === b.status.ino &&
    a.status.mtimeNs === b.status.mtimeNs &&
    a.content === b.content
  );
}

function isFull(error: unknown): boolean {
  return hasCode(error, "ENOSPC", "EDQUOT");
}
