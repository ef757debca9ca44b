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
 * Overriding (shared/lock-file.ts). Dovecot does not take part in the claiming, and over NFS a look may show what was;
 * therefore a holder looks once more before it removes any message (`isHeld`), and removes none when it has been robbed.
 *
 * Full disk. The user must be able to make room by collecting mail. If the file can be made but not written, it serves
 * empty; if it cannot be made, the lock holds among the sessions of this process only.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { hasCode } from "../shared/exit.js";
import { type Found, isFull, LockFile, lookAt, removeDead, untouchedFor } from "../shared/lock-file.js";
import type { Maildir } from "../shared/maildir/maildir.js";

export const LOCK_NAME = "dovecot-pop3-session.lock";
const TOUCH_INTERVAL_MS = 60_000;
const ABANDONED_MS = 6 * 60_000;
/** How often a lock that was found dead, or has just gone, is tried for before it counts as taken. */
const ATTEMPTS_MAX = 5;
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
      const outcome = await create(file);
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
    return removeDead(path, found, `${maildir.tmp}/${LOCK_NAME}`);
  }

  async #isDead(found: Found, maildir: Maildir): Promise<boolean> {
    const [, pid, host] = /^([1-9]\d{0,9}):(.*)$/.exec(found.content) ?? [];
    if (pid !== undefined && host === this.#options.host) {
      const alive = Number(pid) === process.pid ? this.#isOurs(found) : isAlive(Number(pid));
      if (!alive) return true;
    }
    const probe = `${maildir.tmp}/${this.#options.uniqueName()}`;
    return (await untouchedFor(found, probe, ABANDONED_MS)) >= ABANDONED_MS;
  }

  /** The same Maildir may have two paths, so the file decides, and not its name. */
  #isOurs({ status }: Found): boolean {
    return [...this.#held.values()].some((file) => file.isFile(status));
  }
}

async function create(file: LockFile): Promise<"taken" | "exists" | "no maildir"> {
  try {
    return await file.create();
  } catch (error) {
    if (hasCode(error, "ENOENT")) return "no maildir";
    if (isFull(error)) return "taken";
    throw error;
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
