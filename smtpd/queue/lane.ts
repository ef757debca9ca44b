/**
 * What waits for one destination and is due, and how much of it may be under way at once: few at first, one more with each
 * attempt that reaches a host, few again when one does not; none while the circuit is open. Pure.
 */
import type { Circuit } from "./circuit.js";
import { Fifo } from "./fifo.js";

/** What is put into the schedule: a message for those of its recipients who have this destination. */
export interface Waiting {
  readonly queueId: string;
  /** The key of the destination. */
  readonly destination: string;
  /** When it is to be tried, in milliseconds since 1970. */
  readonly due: number;
  /** When something is to be said of it even if its destination cannot be reached. */
  readonly decideAt: number;
  /** True before the first attempt. */
  readonly fresh: boolean;
}

/** Something that waits, where it is. A class, and flat, since there may be very many. */
export class Entry implements Waiting {
  readonly queueId: string;
  readonly due: number;
  readonly decideAt: number;
  readonly fresh: boolean;
  readonly lane: Lane;
  /** True where somebody wants it tried before its time. */
  readonly early: boolean;
  /** `dropped`: what still holds it passes over it. */
  state: "later" | "ready" | "put off" | "taken" | "dropped" = "later";

  constructor({ queueId, due, decideAt, fresh }: Waiting, lane: Lane, early: boolean) {
    this.queueId = queueId;
    this.due = due;
    this.decideAt = decideAt;
    this.fresh = fresh;
    this.lane = lane;
    this.early = early;
  }

  get destination(): string {
    return this.lane.key;
  }
}

/** Two queues that share the lane, and the schedule's turns. */
export type Kind = "fresh" | "deferred";

/** Enough to find out how fast a destination is, and not too much for a small one. */
const AT_ONCE_AT_FIRST = 5;

export class Lane {
  readonly key: string;
  readonly circuit: Circuit;
  readonly ready: Readonly<Record<Kind, Fifo<Entry>>> = { fresh: new Fifo(), deferred: new Fifo() };
  /** Whether the schedule has it among those that it asks in turn. */
  readonly inTurn: Record<Kind, boolean> = { fresh: false, deferred: false };
  readonly underWay: Record<Kind, number> = { fresh: 0, deferred: 0 };
  /** Of any state but dropped. */
  entries = 0;
  readonly #most: number;
  #atOnce: number;

  constructor(key: string, most: number, circuit: Circuit) {
    this.key = key;
    this.circuit = circuit;
    this.#most = most;
    this.#atOnce = Math.min(most, AT_ONCE_AT_FIRST);
  }

  mayStart(kind: Kind, now: number): boolean {
    const allowed = this.#allowed(now);
    const all = this.underWay.fresh + this.underWay.deferred;
    return all < allowed && (kind === "fresh" || this.underWay.deferred < shareOfDeferred(allowed));
  }

  /** The first that is due, left where it is. */
  first(kind: Kind): Entry | undefined {
    const queue = this.ready[kind];
    while (queue.peek()?.state === "dropped") queue.shift();
    return queue.peek();
  }

  /** An attempt has spoken to a host. */
  reached(): void {
    this.circuit.reached();
    this.#atOnce = Math.min(this.#most, this.#atOnce + 1);
  }

  /** An attempt has spoken to no host. Says whether the circuit has opened. */
  unreached(now: number): boolean {
    this.#atOnce = Math.min(this.#most, AT_ONCE_AT_FIRST);
    return this.circuit.unreached(now);
  }

  /** Takes what is ready and cannot wait for the destination any longer. */
  takeOverdue(now: number): Entry[] {
    const overdue = (entry: Entry) => entry.state === "ready" && entry.decideAt <= now;
    return [...this.ready.fresh.take(overdue), ...this.ready.deferred.take(overdue)];
  }

  #allowed(now: number): number {
    const { openUntil } = this.circuit;
    if (openUntil === undefined) return this.#atOnce;
    return now < openUntil ? 0 : 1;
  }
}

/** Deferred mail leaves some room to new mail, which it must never delay; a slow host can take minutes over a reply. */
export function shareOfDeferred(atOnce: number): number {
  return Math.max(1, Math.floor(atOnce * 0.75));
}
