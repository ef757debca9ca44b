/**
 * Whether a destination is worth an attempt. After a few attempts on end that could speak to no host of it, the circuit opens:
 * whatever waits for the destination waits on, without an attempt each. Then one probe decides. Pure.
 */

/** So many attempts on end: a single one may have met a restart. */
const FAILURES_TO_OPEN = 3;

export class Circuit {
  readonly #pauses: readonly number[];
  #failures = 0;
  #openings = 0;
  #openUntil: number | undefined;

  /** @param pauses how long it stays open, in milliseconds: the first time, the second …; the last one repeats */
  constructor(pauses: readonly number[]) {
    this.#pauses = pauses;
  }

  /** Until when nothing is attempted; undefined while it is closed. Past that time one probe may be made. */
  get openUntil(): number | undefined {
    return this.#openUntil;
  }

  /** A host could be spoken to. */
  reached(): void {
    this.#failures = 0;
    this.#openings = 0;
    this.#openUntil = undefined;
  }

  /** No host could be spoken to. Says whether the circuit has opened by that, or once more after a probe. */
  unreached(now: number): boolean {
    this.#failures++;
    // The probe decides, not an attempt that began before the circuit opened.
    if (this.#openUntil === undefined ? this.#failures < FAILURES_TO_OPEN : now < this.#openUntil)
      return false;
    const pause = this.#pauses[Math.min(this.#openings, this.#pauses.length - 1)] ?? 0;
    this.#openings++;
    this.#openUntil = now + pause;
    return true;
  }

  /** Lets the probe be made now. */
  probeNow(now: number): void {
    if (this.#openUntil !== undefined) this.#openUntil = Math.min(this.#openUntil, now);
  }
}
