/**
 * What is to be tried when: the queue in memory, made anew from the envelopes at each start. Pure; times are passed in, in
 * milliseconds since 1970.
 *
 * An entry is a message and one destination of its recipients, and small. It waits in a heap until it is due, then in the lane
 * of its destination (lane.ts). The lanes take turns, so that a destination with fifty thousand messages and one with a single
 * message are alike; new mail goes before mail that was deferred, and always finds some room. While the circuit of a
 * destination is open (circuit.ts) its mail stays in the lane; what has been there for too long is handed out to be
 * put off without an attempt, so that its sender can be told.
 */
import { Circuit } from "./circuit.js";
import { Fifo } from "./fifo.js";
import { Heap } from "./heap.js";
import { Entry, type Kind, Lane, shareOfDeferred, type Waiting } from "./lane.js";

export interface ScheduleLimits {
  /** Attempts at once. */
  readonly atOnce: number;
  /** Attempts at once for one destination. */
  readonly perDestination: number;
  /** How long a destination that cannot be reached is let alone (circuit.ts). */
  readonly pauses: readonly number[];
}

/** Something to do now. It is under way until `done`. */
export interface Turn extends Waiting {
  readonly kind: "attempt" | "put off";
  /** True where recipients are to be tried whose time has not come. */
  readonly early: boolean;
  readonly entry: Entry;
}

/** What an attempt tells of its destination: nothing when it was not made. */
export type Reach = "reached" | "unreached" | "not tried";

/** A circuit that ends its pause. */
interface Probe {
  readonly at: number;
  readonly lane: Lane;
}

export class Schedule {
  readonly #limits: ScheduleLimits;
  readonly #lanes = new Map<string, Lane>();
  readonly #later = new Heap<Entry>(({ due }) => due);
  readonly #probes = new Heap<Probe>(({ at }) => at);
  readonly #overdue = new Fifo<Entry>();
  readonly #turns: Readonly<Record<Kind, Fifo<Lane>>> = { fresh: new Fifo(), deferred: new Fifo() };
  readonly #messages = new Map<string, Entry[]>();
  readonly #underWay: Record<Kind, number> = { fresh: 0, deferred: 0 };

  constructor(limits: ScheduleLimits) {
    this.#limits = limits;
  }

  /** The messages that it knows. */
  get queueIds(): IterableIterator<string> {
    return this.#messages.keys();
  }

  /** How many messages it knows. */
  get size(): number {
    return this.#messages.size;
  }

  /** How many turns are under way. */
  get underWay(): number {
    return this.#underWay.fresh + this.#underWay.deferred;
  }

  /** Whether it knows a message, also one of which nothing waits. */
  has(queueId: string): boolean {
    return this.#messages.has(queueId);
  }

  /** Lets exactly this wait for a message, beside what is under way for it. */
  set(queueId: string, waiting: readonly Waiting[], now: number): void {
    const taken = this.#entriesOf(queueId).filter(({ state }) => state === "taken");
    this.#dropAllBut(taken, queueId);
    if (taken.length > 0) this.#messages.set(queueId, taken);
    else this.#messages.delete(queueId);
    for (const one of waiting) {
      if (!taken.some(({ lane }) => lane.key === one.destination)) this.#add(one, now, false);
    }
    if (!this.#messages.has(queueId)) this.#messages.set(queueId, []);
  }

  /** Knows the message no more. */
  forget(queueId: string): void {
    this.#dropAllBut([], queueId);
    this.#messages.delete(queueId);
  }

  /**
   * Has a message tried at once for these destinations, before its time, and whatever is known of them. Says whether it waited
   * for one of them; what is under way is not begun anew.
   */
  hurry(queueId: string, destinations: ReadonlySet<string>, now: number): boolean {
    const waiting = this.#entriesOf(queueId).filter(
      ({ state, destination }) => (state === "later" || state === "ready") && destinations.has(destination),
    );
    for (const entry of waiting) {
      const lane = this.#add({ ...bare(entry), due: now }, now, true);
      this.#drop(entry);
      if (lane.circuit.openUntil === undefined) continue;
      lane.circuit.probeNow(now);
      this.#enlist(lane);
    }
    return waiting.length > 0;
  }

  /** Whatever may be done now, one thing at a time; undefined when nothing may. */
  next(now: number): Turn | undefined {
    this.#bringUp(now);
    if (this.underWay >= this.#limits.atOnce) return undefined;
    const entry = this.#firstOf("fresh", now);
    if (entry !== undefined) return this.#begin(entry, "attempt");
    if (this.#underWay.deferred >= shareOfDeferred(this.#limits.atOnce)) return undefined;
    for (let one = this.#overdue.shift(); one !== undefined; one = this.#overdue.shift())
      if (one.state === "put off") return this.#begin(one, "put off");
    const deferred = this.#firstOf("deferred", now);
    return deferred === undefined ? undefined : this.#begin(deferred, "attempt");
  }

  /** A turn has ended. `again` is what waits for that destination of the message now. */
  done(turn: Turn, reach: Reach, now: number, again?: Waiting): void {
    const { entry } = turn;
    const { lane } = entry;
    this.#underWay[kindOf(turn)]--;
    if (turn.kind === "attempt") lane.underWay[kindOf(turn)]--;
    if (reach === "reached") lane.reached();
    if (reach === "unreached" && lane.unreached(now)) this.#opened(lane, now);
    const known = entry.state === "taken";
    this.#drop(entry);
    if (known && again !== undefined) this.#add(again, now, false);
    // Last, so that what is known of a destination outlives the attempt.
    this.#leave(lane);
    this.#enlist(lane);
  }

  /** When `next` may have something that it does not have now, if nothing happens before. */
  wakeAt(): number | undefined {
    const times = [this.#later.peek()?.due, this.#probes.peek()?.at].filter((time) => time !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  #entriesOf(queueId: string): readonly Entry[] {
    return this.#messages.get(queueId) ?? [];
  }

  #add(waiting: Waiting, now: number, early: boolean): Lane {
    const lane = this.#laneOf(waiting.destination);
    const entry = new Entry(waiting, lane, early);
    lane.entries++;
    const siblings = this.#messages.get(entry.queueId);
    if (siblings === undefined) this.#messages.set(entry.queueId, [entry]);
    else siblings.push(entry);
    if (entry.due > now) this.#later.push(entry);
    else this.#makeReady(entry);
    return lane;
  }

  #laneOf(key: string): Lane {
    const known = this.#lanes.get(key);
    if (known !== undefined) return known;
    const lane = new Lane(key, this.#limits.perDestination, new Circuit(this.#limits.pauses));
    this.#lanes.set(key, lane);
    return lane;
  }

  #makeReady(entry: Entry): void {
    entry.state = "ready";
    entry.lane.ready[entry.fresh ? "fresh" : "deferred"].push(entry);
    this.#enlist(entry.lane);
  }

  /** Lets a lane take part in the turns, as long as it has something ready. */
  #enlist(lane: Lane): void {
    for (const kind of ["fresh", "deferred"] as const) {
      if (lane.inTurn[kind] || lane.first(kind) === undefined) continue;
      lane.inTurn[kind] = true;
      this.#turns[kind].push(lane);
    }
  }

  /** What has become due by `now`, and circuits whose pause has ended. */
  #bringUp(now: number): void {
    for (
      let entry = this.#later.peek();
      entry !== undefined && entry.due <= now;
      entry = this.#later.peek()
    ) {
      this.#later.pop();
      if (entry.state === "later") this.#makeReady(entry);
    }
    for (
      let probe = this.#probes.peek();
      probe !== undefined && probe.at <= now;
      probe = this.#probes.peek()
    ) {
      this.#probes.pop();
      this.#enlist(probe.lane);
    }
  }

  /** The first entry of the lane whose turn it is. A lane that may start nothing now leaves the turns until that changes. */
  #firstOf(kind: Kind, now: number): Entry | undefined {
    const turns = this.#turns[kind];
    for (let lane = turns.shift(); lane !== undefined; lane = turns.shift()) {
      lane.inTurn[kind] = false;
      const entry = lane.first(kind);
      if (entry === undefined || !lane.mayStart(kind, now)) continue;
      lane.ready[kind].shift();
      lane.underWay[kind]++;
      this.#enlist(lane);
      return entry;
    }
    return undefined;
  }

  #begin(entry: Entry, kind: Turn["kind"]): Turn {
    entry.state = "taken";
    const turn = { ...bare(entry), kind, early: entry.early, entry };
    this.#underWay[kindOf(turn)]++;
    return turn;
  }

  #opened(lane: Lane, now: number): void {
    const at = lane.circuit.openUntil;
    if (at !== undefined) this.#probes.push({ at, lane });
    for (const entry of lane.takeOverdue(now)) {
      entry.state = "put off";
      this.#overdue.push(entry);
    }
  }

  #dropAllBut(kept: readonly Entry[], queueId: string): void {
    for (const entry of this.#entriesOf(queueId).filter((one) => !kept.includes(one))) this.#drop(entry);
  }

  /** Takes an entry out. Heap and lane pass over it when they come to it; one that is taken leaves its lane when it is done. */
  #drop(entry: Entry): void {
    const { state, lane } = entry;
    if (state === "dropped") return;
    entry.state = "dropped";
    const siblings = this.#messages.get(entry.queueId);
    siblings?.splice(siblings.indexOf(entry), 1);
    if (state !== "taken") this.#leave(lane);
  }

  /** Forgets a lane with its last entry. */
  #leave(lane: Lane): void {
    if (--lane.entries === 0) this.#lanes.delete(lane.key);
  }
}

/** What is put off without an attempt counts as deferred mail. */
function kindOf({ kind, fresh }: Pick<Turn, "kind" | "fresh">): Kind {
  return kind === "attempt" && fresh ? "fresh" : "deferred";
}

function bare({ queueId, destination, due, decideAt, fresh }: Waiting): Waiting {
  return { queueId, destination, due, decideAt, fresh };
}
