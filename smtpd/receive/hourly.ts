/**
 * How many recipients somebody may send to in an hour: what a stolen password is worth to a sender of spam. Pure; the caller
 * brings the clock.
 *
 * The hour is a window that slides by five minutes. Whoever is at the limit has to wait until what they sent an hour ago
 * leaves it. All of it is in memory, bounded, the oldest forgotten first; a restart forgets everything.
 */
import { Recent } from "../../shared/recent.js";

const HOUR_MS = 3_600_000;
const SLOT_MS = 300_000;
const SLOTS = HOUR_MS / SLOT_MS;
const SENDERS_MAX = 10_000;

/** Counts of the last hour, by when they began. */
interface Counts {
  readonly slots: readonly { readonly slot: number; readonly count: number }[];
}

export class HourlyLimit {
  readonly #most: number;
  readonly #counts = new Recent<Counts>({ entries: SENDERS_MAX, lifetimeMs: HOUR_MS + SLOT_MS });

  /** @param most recipients in an hour; Infinity for no limit */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Counts one more recipient, if that is within the limit.
   * @param now milliseconds, of any clock that only goes forward
   */
  take(sender: string, now: number): "taken" | "last" | "too many" {
    if (this.#most === Number.POSITIVE_INFINITY) return "taken";
    const slot = Math.floor(now / SLOT_MS);
    const slots = (this.#counts.get(sender, now)?.slots ?? []).filter((one) => one.slot > slot - SLOTS);
    const used = slots.reduce((sum, { count }) => sum + count, 0);
    if (used >= this.#most) return "too many";
    const current = slots.find((one) => one.slot === slot)?.count ?? 0;
    const rest = slots.filter((one) => one.slot !== slot);
    this.#counts.set(sender, { slots: [...rest, { slot, count: current + 1 }] }, now);
    return used + 1 >= this.#most ? "last" : "taken";
  }
}
