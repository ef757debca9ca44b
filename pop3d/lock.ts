/**
 * The exclusive-access lock on a maildrop (RFC 1939 §4): `dovecot-pop3-session.lock` in the Maildir, holding `pid:host`,
 * the very file of Dovecot's `pop3_lock_session`, so that its sessions and ours exclude each other. It keeps out POP3
 * sessions alone; delivery and other readers never look at it.
 *
 * | the file                                          | means                                                    |
 * |---------------------------------------------------|----------------------------------------------------------|
 * | absent                                            | free                                                     |
 * | ours, on this host, the process alive             | held                                                     |
 * | of this host, the process dead                    | left by a crash; overridden at once                      |
 * | of this very process, but none of its sessions    | left by an earlier process of the same id; likewise      |
 * | untouched for six minutes, whoever's              | its host is gone, or the process id used again; likewise |
 *
 * Created exclusively, touched once a minute. Dovecot touches its own every five minutes, which is why five would be
 * too short a time to call a lock abandoned.
 *
 * Overriding. Several sessions may find the same dead lock, and a slow one must not remove what a quick one has taken
 * since. So who wants to remove a dead lock first makes a file in tmp/ that is named after that very lock file, which
 * only one can do; looks whether it is still the one that lies there; and removes it then. Dovecot does not know of
 * this, and over NFS a look may show what was; therefore a holder looks once more before it removes any message
 * (`isHeld`), and removes none when it has been robbed.
 *
 * Full disk. The user must be able to make room by collecting mail. If the file can be made but not written, it serves
 * empty; if it cannot be made, the lock holds among the sessions of this process only.
 */
import { open, unlink } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { hasCode } from "../shared/exit.js";
import type { Maildir } from "../shared/maildir/maildir.js";
import { type Found, isSame, LockFile, lookAt, statusOf } from "./lock-file.js";

export const LOCK_NAME = "dovecot-pop3-session.lock";
/** Of files that lie in tmp/ for a moment. */
const MODE = 0o600;
const TOUCH_INTERVAL_MS = 60_000;
const ABANDONED_MS = 6 * 60_000;
/** How often a lock that was found dead, or has just gone, is tried for before it counts as taken. */
const ATTEMPTS_MAX = 5;
/** Removing a dead lock takes a moment; who has not done so by then has died, too. */
const CLAIM_MS_MAX = 60_000;
/** Between two looks of a session that waits. */
const POLL_MS = 100;

export interface SessionLock {
  /** False when somebody has taken the lock away from us. */
  isHeld(): Promise<boolean>;
  /** Frees the maildrop. May be called again. */
  release(): Promise<void>;
}

export interface LockOptions {
  /** This host, by the name that hostname(2) gives, since that is what Dovecot writes. */
  readonly host: string;
  /** Makes names that nobody else makes (shared/maildir/name.ts). */
  readonly uniqueName: () => string;
  /** A minute by default. */
  readonly touchIntervalMs?: number;
}

/** The locks of this process. */
export class SessionLocks {
  readonly #options: LockOptions;
  readonly #content: string;
  /** By the path of the lock file. */
  readonly #held = new Map<string, LockFile>();

  constructor(options: LockOptions) {
    this.#options = options;
    this.#content = `${process.pid}:${options.host}`;
  }

  /**
   * Takes the lock of a Maildir, waiting up to `waitMs` for who holds it.
   * @returns the lock, or "in use"; "no maildir" where there is none, and nothing is made. Rejects when it cannot be told
   */
  async acquire(maildir: Maildir, waitMs: number): Promise<SessionLock | "in use" | "no maildir"> {
    const deadline = performance.now() + waitMs;
    for (;;) {
      const outcome = await this.#try(maildir);
      const left = deadline - performance.now();
      if (outcome !== "in use" || left <= 0) return outcome;
      await sleep(Math.min(POLL_MS, left));
    }
  }

  async #try(maildir: Maildir): Promise<SessionLock | "in use" | "no maildir"> {
    const path = `${maildir.path}/${LOCK_NAME}`;
    if (this.#held.has(path)) return "in use";
    // Taken among our own before anything is awaited.
    const { touchIntervalMs = TOUCH_INTERVAL_MS } = this.#options;
    const file = new LockFile(path, this.#content, touchIntervalMs);
    this.#held.set(path, file);
    let outcome: "taken" | "in use" | "no maildir" = "in use";
    try {
      outcome = await this.#take(file, path, maildir);
    } finally {
      if (outcome !== "taken") this.#held.delete(path);
    }
    return outcome === "taken" ? this.#lockOf(path, file) : outcome;
  }

  #lockOf(path: string, file: LockFile): SessionLock {
    return {
      isHeld: () => file.isThere(),
      release: async () => {
        try {
          await file.remove();
        } finally {
          if (this.#held.get(path) === file) this.#held.delete(path);
        }
      },
    };
  }

  async #take(file: LockFile, path: string, maildir: Maildir): Promise<"taken" | "in use" | "no maildir"> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const outcome = await file.create();
      if (outcome !== "exists") return outcome;
      if (!(await this.#override(path, maildir))) break;
    }
    return "in use";
  }

  /** Removes a lock that nobody holds. Resolves to whether it is worth trying again. */
  async #override(path: string, maildir: Maildir): Promise<boolean> {
    const found = await lookAt(path);
    if (found === undefined) return true;
    if (!(await this.#isDead(found, maildir))) return false;
    const { ino, mtimeNs } = found.status;
    const claim = `${maildir.tmp}/${LOCK_NAME}.${ino}.${mtimeNs}`;
    if (!(await makeClaim(claim))) return false;
    try {
      const now = await lookAt(path);
      if (now !== undefined && isSame(now, found)) await unlink(path);
      return true;
    } finally {
      await unlink(claim).catch(() => {});
    }
  }

  async #isDead(found: Found, maildir: Maildir): Promise<boolean> {
    const [, pid, host] = /^([1-9]\d{0,9}):(.*)$/.exec(found.content) ?? [];
    if (pid !== undefined && host === this.#options.host) {
      const alive = Number(pid) === process.pid ? this.#isOurs(found) : isAlive(Number(pid));
      if (!alive) return true;
    }
    if (Date.now() - Number(found.status.mtimeMs) < ABANDONED_MS) return false;
    return (await this.#fileServerNow(maildir)) - Number(found.status.mtimeMs) >= ABANDONED_MS;
  }

  /** The same Maildir may have two paths, so the file decides, and not its name. */
  #isOurs({ status }: Found): boolean {
    return [...this.#held.values()].some((file) => file.isFile(status));
  }

  /** What time it is where the Maildir lies: clocks of NFS clients and servers differ, and ages are told by one. */
  async #fileServerNow(maildir: Maildir): Promise<number> {
    const probe = `${maildir.tmp}/${this.#options.uniqueName()}`;
    const handle = await open(probe, "wx", MODE);
    try {
      return (await handle.stat()).mtimeMs;
    } finally {
      await handle.close();
      await unlink(probe).catch(() => {});
    }
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

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !hasCode(error, "ESRCH");
  }
}
