/**
 * The commands in error of a session: a client that tries a few is served at once, one that goes on waits for each
 * reply, longer each time, and is sent away in the end. Pure.
 */

/** Mistakes that cost nothing: clients probe for commands that nobody has. */
const UNDELAYED_MAX = 5;
/** A session that waits may hold the lock of a maildrop whose user would like to have it. */
export const MISTAKE_DELAY_MS_MAX = 8_000;

export interface MistakeRules {
  /** With so many the session is closed. */
  readonly most: number;
  /** The first delay, milliseconds; each further one is twice as long. */
  readonly delayMs: number;
}

export class Mistakes {
  readonly #most: number;
  /** Of the next one that is delayed. */
  #delayMs: number;
  #count = 0;

  constructor({ most, delayMs }: MistakeRules) {
    this.#most = most;
    this.#delayMs = delayMs;
  }

  /** Counts one: how long its reply is to wait, milliseconds, and whether it is the last. */
  add(): { readonly delayMs: number; readonly last: boolean } {
    this.#count++;
    const last = this.#count >= this.#most;
    if (this.#count <= UNDELAYED_MAX) return { delayMs: 0, last };
    const delayMs = this.#delayMs;
    this.#delayMs = Math.min(2 * delayMs, MISTAKE_DELAY_MS_MAX);
    return { delayMs, last };
  }
}
