/**
 * The sessions that are open, by where they lead: kept for a short while after a transaction and used for the next
 * one, no more of them than a host or we can bear. Who finds no place waits for one, in the order of coming.
 *
 * A session leads to the same place when address, name, TLS policy and login are the same. It is ended by QUIT when
 * nobody has used it for a while, when it has carried many messages, or when it is old: hosts do not like those that
 * stay, and a host that has changed its mind about us should be asked anew.
 */
import type { Happening, Hop } from "./hop.js";
import type { Opened } from "./open-session.js";
import type { Session } from "./session.js";

export interface ConnectionCounts {
  readonly total: number;
  readonly perHost: number;
  readonly messages: number;
  readonly idleMs: number;
  readonly ageMs: number;
}

export interface ConnectionsOptions {
  readonly counts: ConnectionCounts;
  readonly open: (hop: Hop, signal: AbortSignal) => Promise<Opened>;
  /** Milliseconds. */
  readonly now: () => number;
}

/** A session in use by one transaction. */
export interface Connection {
  readonly kind: "open";
  readonly session: Session;
  /** True when it carried one before. */
  readonly reused: boolean;
  /** To be called once. */
  release(): void;
}

interface Kept {
  readonly key: string;
  readonly session: Session;
  readonly openedAt: number;
  messages: number;
  timer: NodeJS.Timeout | undefined;
}

interface Waiting {
  readonly key: string;
  /** Takes no session that was used. */
  readonly fresh: boolean;
  /** With a session, or with a place for one. */
  readonly proceed: (kept: Kept | "stopping" | undefined) => void;
}

const STOPPING: Happening = { kind: "failure", stage: "connect", failure: "stopping" };
/** How long sessions may take to end when smtpd does. */
const STOP_MS = 5_000;

export class Connections {
  readonly #options: ConnectionsOptions;
  /** Places taken: by sessions, and by those that are being opened. */
  readonly #places = new Map<string, number>();
  #total = 0;
  /** Least recently used first. */
  readonly #idle = new Set<Kept>();
  readonly #sessions = new Set<Session>();
  readonly #waiting = new Set<Waiting>();
  #stopping = false;
  /** To be aborted when sessions take too long to open. */
  readonly #opening = new Set<AbortController>();
  #changed: () => void = () => {};

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  /**
   * A session with this host, kept or new. Never rejects.
   * @param fresh one that nobody has used
   */
  async acquire(
    hop: Hop,
    signal: AbortSignal,
    fresh = false,
  ): Promise<Connection | { readonly kind: "failed"; readonly happening: Happening }> {
    const key = keyOf(hop);
    if (this.#stopping || signal.aborted) return { kind: "failed", happening: STOPPING };
    // Those that have waited as long as one that was found closed are no better.
    if (fresh) for (const kept of this.#idle) if (kept.key === key) this.#end(kept);
    const kept = this.#takeIdle(key) ?? (await this.#place(key, fresh, signal));
    if (kept === "stopping") return { kind: "failed", happening: STOPPING };
    if (kept !== undefined) return this.#connection(kept, true);
    const opened = await this.#open(hop, signal);
    if (opened.kind === "failed") {
      this.#leave(key);
      return opened;
    }
    const { session } = opened;
    this.#sessions.add(session);
    const over = () => {
      this.#sessions.delete(session);
      this.#leave(key);
    };
    if (session.over !== undefined) {
      over();
      return { kind: "failed", happening: session.over };
    }
    session.once("over", over);
    return this.#connection(
      { key, session, openedAt: this.#options.now(), messages: 0, timer: undefined },
      false,
    );
  }

  /** Ends all that nobody uses, and after a bounded time the rest. Nobody gets a session any more. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const kept of this.#idle) this.#end(kept);
    for (const waiting of this.#waiting) waiting.proceed("stopping");
    this.#waiting.clear();
    const timer = setTimeout(() => {
      for (const opening of this.#opening) opening.abort();
      for (const session of this.#sessions) session.abandon("stopping");
    }, STOP_MS);
    while (this.#total > 0) await new Promise<void>((resolve) => (this.#changed = resolve));
    clearTimeout(timer);
  }

  async #open(hop: Hop, signal: AbortSignal): Promise<Opened> {
    const opening = new AbortController();
    const abort = () => opening.abort();
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    this.#opening.add(opening);
    const opened = await this.#options.open(hop, opening.signal);
    this.#opening.delete(opening);
    signal.removeEventListener("abort", abort);
    return opened;
  }

  #connection(kept: Kept, reused: boolean): Connection {
    return { kind: "open", session: kept.session, reused, release: () => this.#release(kept) };
  }

  #release(kept: Kept): void {
    const { messages, ageMs, idleMs } = this.#options.counts;
    kept.messages++;
    if (kept.session.over !== undefined) return;
    const old = kept.messages >= messages || this.#options.now() - kept.openedAt >= ageMs;
    const next = [...this.#waiting].find(({ key }) => key === kept.key);
    if (old || this.#stopping || next?.fresh === true) {
      this.#end(kept);
    } else if (next !== undefined) {
      this.#waiting.delete(next);
      next.proceed(kept);
    } else {
      this.#idle.add(kept);
      kept.timer = setTimeout(() => this.#end(kept), idleMs);
      // Somebody may wait for a place of any host's.
      this.#serve();
    }
  }

  #takeIdle(key: string): Kept | undefined {
    let latest: Kept | undefined;
    for (const kept of this.#idle) {
      if (kept.session.over !== undefined) this.#forget(kept);
      else if (kept.key === key) latest = kept;
    }
    if (latest !== undefined) this.#forget(latest);
    return latest;
  }

  #forget(kept: Kept): void {
    clearTimeout(kept.timer);
    this.#idle.delete(kept);
  }

  #end(kept: Kept): void {
    this.#forget(kept);
    void kept.session.quit();
  }

  /** Resolves when there is a place for a new session, which is taken then, or to a session that came free. */
  #place(key: string, fresh: boolean, signal: AbortSignal): Promise<Kept | "stopping" | undefined> {
    return new Promise((resolve) => {
      if (this.#enter(key)) return resolve(undefined);
      const stop = () => {
        this.#waiting.delete(waiting);
        resolve("stopping");
      };
      const waiting: Waiting = {
        key,
        fresh,
        proceed: (kept) => {
          signal.removeEventListener("abort", stop);
          resolve(kept);
        },
      };
      signal.addEventListener("abort", stop, { once: true });
      this.#waiting.add(waiting);
    });
  }

  /** Takes a place; where only the total is full, one of a session that nobody uses will come free. */
  #enter(key: string): boolean {
    const { total, perHost } = this.#options.counts;
    const taken = this.#places.get(key) ?? 0;
    if (taken >= perHost) return false;
    if (this.#total >= total) {
      for (const kept of this.#idle) {
        this.#end(kept);
        break;
      }
      return false;
    }
    this.#places.set(key, taken + 1);
    this.#total++;
    return true;
  }

  #leave(key: string): void {
    const left = (this.#places.get(key) ?? 0) - 1;
    if (left > 0) this.#places.set(key, left);
    else this.#places.delete(key);
    this.#total--;
    this.#changed();
    this.#serve();
  }

  #serve(): void {
    for (const waiting of this.#waiting) {
      if (!this.#enter(waiting.key)) continue;
      this.#waiting.delete(waiting);
      waiting.proceed(undefined);
    }
  }
}

function keyOf({ address, port, name, protocol, tls, login }: Hop): string {
  return JSON.stringify([address, port, name, protocol, tls, login?.username]);
}
