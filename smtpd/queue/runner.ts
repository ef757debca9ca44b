/**
 * The queue at work: it finds what is in the envelope/ folder, has it tried when its time has come, and keeps what comes of it.
 *
 * What is there is read at the start, looked for again every minute, and hinted at by the names that the system tells of; the
 * folder alone is the truth. Only the schedule is kept in memory, and a message while something is done about it.
 * Trouble with the disk is logged and met again later, never in a tight loop; nothing is sent while what came of the last
 * attempt cannot be written.
 */
import { concurrently } from "../../shared/concurrently.js";
import { type Administration, administerAll } from "./administration.js";
import { type ArrivalStore, Arrivals } from "./arrivals.js";
import { type AttemptTools, attempt } from "./attempt.js";
import type { ControlCounts, ControlRequest } from "./control-request.js";
import type { QueueEnvelope } from "./envelope.js";
import { InHand } from "./in-hand.js";
import type { Waiting } from "./lane.js";
import type { EnvelopeStore, NoticePutter } from "./message-in-hand.js";
import { Pauses } from "./pauses.js";
import { type Reach, Schedule, type ScheduleLimits, type Turn } from "./schedule.js";
import { waitingOf } from "./waiting.js";

export interface RunnerOptions extends Omit<AttemptTools, "removing"> {
  readonly store: EnvelopeStore & ArrivalStore;
  readonly notices: NoticePutter;
  readonly limits: ScheduleLimits;
  /** Between two looks through the folder, in milliseconds. */
  readonly scanEvery?: number;
}

/** Messages that are settled at once at the start. */
const SETTLED_AT_ONCE = 32;
/** Between two looks through the folder. */
const SCAN_EVERY_MS = 60_000;
/** When a message whose files cannot be read is met again. */
const AFTER_TROUBLE_MS = 60_000;
/** Notices that are owed at the start are put before anything is sent, unless the disk takes this long over it. */
const OWED_MS_MAX = 10_000;
/** For deliveries that were told to end. */
const ENDING_MS_MAX = 5000;
/** Messages that are being removed while their turns have ended. */
const REMOVALS_MAX = 200;
/** Ids of messages that have just gone: the system tells of their removal as well. */
const GONE_MAX = 1000;

export class Runner {
  readonly #options: RunnerOptions;
  readonly #schedule: Schedule;
  readonly #inHand: InHand;
  readonly #pauses = new Pauses();
  readonly #ending = new AbortController();
  readonly #attempts: AttemptTools;
  readonly #turns = new Set<Promise<void>>();
  readonly #removals = new Set<Promise<void>>();
  /** Notices that their originals still owe. */
  readonly #heldBack = new Set<string>();
  readonly #gone = new Set<string>();
  readonly #arrivals: Arrivals;
  /** Messages found at the start about which something has to be done before anything is sent. */
  readonly #unsettled: string[] = [];
  #sending = false;
  #stopped = false;
  #wakeAt = Number.POSITIVE_INFINITY;
  #wake: NodeJS.Timeout | undefined;
  #scanning: NodeJS.Timeout | undefined;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#attempts = { ...options, removing: (removal) => this.#removing(removal) };
    this.#schedule = new Schedule(options.limits);
    this.#inHand = new InHand({
      ...options,
      holdBack: (queueId) => this.#heldBack.add(queueId),
      letGo: (queueId) => {
        this.#heldBack.delete(queueId);
        this.hint(queueId);
      },
      pause: (milliseconds) => this.#pauses.wait(milliseconds),
    });
    this.#arrivals = new Arrivals({
      ...options,
      isKnown: (queueId) => this.#isKnown(queueId),
      meet: (envelope) => this.#meet(envelope),
      signal: this.#ending.signal,
    });
  }

  /** How many messages it knows. */
  get size(): number {
    return this.#schedule.size;
  }

  /**
   * Reads the whole queue, settles what is owed, and begins to send; tries again when the folder cannot be read. Never rejects.
   */
  async start(): Promise<void> {
    try {
      await this.#arrivals.readAll();
      const settled = concurrently(this.#unsettled.splice(0), SETTLED_AT_ONCE, (one) => this.#settle(one));
      await this.#pauses.within(settled, OWED_MS_MAX);
    } catch (err) {
      if (this.#stopped) return;
      this.#options.log.error({ err }, "queue cannot be read");
      this.#scanning = setTimeout(() => void this.start(), AFTER_TROUBLE_MS).unref();
      return;
    }
    if (this.#stopped) return;
    this.#sending = true;
    // Those that came meanwhile.
    for (const queueId of this.#unsettled.splice(0)) void this.#settle(queueId).catch(() => {});
    this.#scanLater();
    this.#pump();
  }

  /** There may be a new message of this id. */
  hint(queueId: string): void {
    if (!this.#stopped) this.#arrivals.hint(queueId);
  }

  /** Does what an administrator asks for; resolves when it is durable. */
  administer(request: ControlRequest): Promise<ControlCounts> {
    if (this.#stopped) return Promise.reject(new Error("the queue is not ours any more, or is being left"));
    const { keyOf, policy, now } = this.#options;
    const tools: Administration = {
      inHand: this.#inHand,
      queueIds: () => [...this.#schedule.queueIds],
      now,
      flush: (queueId, recipients) => {
        const waited = this.#schedule.hurry(queueId, new Set(recipients.map(keyOf)), now());
        this.#pump();
        return waited;
      },
      changed: ({ envelope, gone }) => {
        const { queueId } = envelope;
        if (gone || envelope.recipients.length === 0) return this.#forget(queueId);
        this.#schedule.set(queueId, waitingOf(envelope, keyOf, policy, now()), now());
        this.#pump();
      },
    };
    return administerAll(request, tools);
  }

  /**
   * Begins nothing more, and ends: deliveries under way may go on for this long, and are told to end then. Resolves when they
   * have, within some seconds in any case. What cannot be written is tried once more at once, and for a few seconds: a disk
   * that is gone must not use up all the time there is. What is not written then is as it was on disk, and is tried again.
   */
  async stop(graceMs: number): Promise<void> {
    this.#stopped = true;
    this.#sending = false;
    clearTimeout(this.#wake);
    clearTimeout(this.#scanning);
    const idle = () => Promise.allSettled([...this.#turns, ...this.#removals]);
    this.#pauses.cutShort();
    const hopeless = setTimeout(() => this.#pauses.end(), Math.min(graceMs, ENDING_MS_MAX));
    await this.#pauses.within(idle(), graceMs);
    this.#ending.abort();
    await this.#pauses.within(idle(), ENDING_MS_MAX);
    clearTimeout(hopeless);
    this.#pauses.end();
  }

  #isKnown(queueId: string): boolean {
    return (
      this.#schedule.has(queueId) ||
      this.#heldBack.has(queueId) ||
      this.#inHand.has(queueId) ||
      this.#gone.has(queueId)
    );
  }

  /** Lets a message wait for its turn. */
  #meet(envelope: QueueEnvelope): void {
    const { queueId, owed, recipients } = envelope;
    const { keyOf, policy, now } = this.#options;
    for (const notice of owed) this.#heldBack.add(notice.queueId);
    this.#schedule.set(queueId, waitingOf(envelope, keyOf, policy, now()), now());
    const isSettled = owed.length === 0 && recipients.length > 0;
    if (!this.#sending) {
      if (!isSettled) this.#unsettled.push(queueId);
    } else if (isSettled) {
      this.#inHand.remember(envelope);
      this.#pump();
    } else void this.#settle(queueId).catch(() => {});
  }

  async #scan(): Promise<void> {
    try {
      await this.#arrivals.scan();
    } catch (err) {
      this.#options.log.error({ err }, "queue cannot be read");
    }
    if (!this.#stopped) this.#scanLater();
  }

  #scanLater(): void {
    const { scanEvery = SCAN_EVERY_MS } = this.#options;
    this.#scanning = setTimeout(() => void this.#scan(), scanEvery).unref();
  }

  /** Begins whatever may be done now. */
  #pump(): void {
    if (!this.#sending) return;
    const now = this.#options.now();
    for (let turn = this.#schedule.next(now); turn !== undefined; turn = this.#schedule.next(now)) {
      const taken = this.#take(turn).finally(() => this.#turns.delete(taken));
      this.#turns.add(taken);
    }
    this.#wakeLater(now);
  }

  #wakeLater(now: number): void {
    const at = this.#schedule.wakeAt() ?? Number.POSITIVE_INFINITY;
    if (at === this.#wakeAt) return;
    this.#wakeAt = at;
    clearTimeout(this.#wake);
    // The clock may be set, and a timer can wait no longer than 24 days.
    const wait = Math.min(Math.max(at - now, 0), SCAN_EVERY_MS);
    this.#wake = setTimeout(() => {
      this.#wakeAt = Number.POSITIVE_INFINITY;
      this.#pump();
    }, wait).unref();
  }

  /** One turn, to its end. Never rejects. */
  async #take(turn: Turn): Promise<void> {
    const { queueId } = turn;
    const { now, log } = this.#options;
    if (this.#heldBack.has(queueId)) {
      this.#schedule.done(turn, "not tried", now());
      // It is met anew when it is let go, and so does not count as gone.
      this.#schedule.forget(queueId);
      return this.#pump();
    }
    let reach: Reach = "not tried";
    let waits = false;
    try {
      await this.#inHand.use(queueId, async (message) => {
        reach = await attempt(message, turn, this.#attempts, this.#ending.signal);
        if (message.isDone) return;
        // At once, before anyone else can change the message.
        waits = true;
        this.#schedule.done(turn, reach, now(), this.#waitingAgain(message.envelope, turn));
      });
      if (!waits) {
        this.#schedule.done(turn, reach, now());
        this.#forget(queueId);
      }
    } catch (err) {
      if (!this.#stopped) log.error({ err, queueId }, "message cannot be tried");
      this.#schedule.done(turn, reach, now(), { ...turn, due: now() + AFTER_TROUBLE_MS });
    }
    this.#pump();
  }

  /** When the disk is slow, or cannot be written, turns wait for it in the end. */
  async #removing(removal: Promise<void>): Promise<void> {
    if (this.#removals.size >= REMOVALS_MAX) return removal;
    const ended = removal.catch(() => {}).finally(() => this.#removals.delete(ended));
    this.#removals.add(ended);
  }

  /** What waits for the destination of a turn after it. */
  #waitingAgain(envelope: QueueEnvelope, { destination }: Turn): Waiting | undefined {
    const { keyOf, policy, now } = this.#options;
    return waitingOf(envelope, keyOf, policy, now()).find((one) => one.destination === destination);
  }

  /** Puts what a message owes, and removes it when nobody waits for it. Rejects only when smtpd ends before. */
  async #settle(queueId: string): Promise<void> {
    await this.#inHand.use(queueId, async (message) => {
      await message.settle();
      if (message.gone) this.#forget(queueId);
    });
  }

  #forget(queueId: string): void {
    this.#schedule.forget(queueId);
    this.#gone.add(queueId);
    if (this.#gone.size <= GONE_MAX) return;
    const [oldest] = this.#gone;
    if (oldest !== undefined) this.#gone.delete(oldest);
  }
}
