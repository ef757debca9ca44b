/**
 * How many errors a session may make, and how long each is kept waiting for its reply: guessing passwords or recipients
 * and being a broken robot must cost more and more, and end. Pure; the waiting is done by the connection.
 *
 * The first half of the errors is free, so that an ordinary client that meets a few unknown recipients notices nothing.
 * Commands that bring no message nearer (NOOP, RSET, VRFY …) are free up to a
 * hundred between two messages; each further one counts as an error.
 */
export const DELAY_MS_MAX = 10_000;
export const IDLE_COMMANDS_MAX = 100;

export interface ErrorAllowance {
  /** Errors of a session; the last of them ends it. */
  readonly errors: number;
  /** By how much each wait is longer than the one before. */
  readonly delayMs: number;
}

/** What an error costs. */
export interface Price {
  readonly delayMs: number;
  /** True when the session ends here. */
  readonly spent: boolean;
}

export class ErrorBudget {
  readonly #allowance: ErrorAllowance;
  #errors = 0;
  #idleCommands = 0;

  constructor(allowance: ErrorAllowance) {
    this.#allowance = allowance;
  }

  get errors(): number {
    return this.#errors;
  }

  error(): Price {
    this.#errors++;
    return this.#price(this.#errors - Math.floor(this.#allowance.errors / 2));
  }

  /** A command that brings no message nearer; undefined while it is free. */
  idleCommand(): Price | undefined {
    this.#idleCommands++;
    return this.#idleCommands > IDLE_COMMANDS_MAX ? this.error() : undefined;
  }

  /** A message was taken. */
  progress(): void {
    this.#idleCommands = 0;
  }

  #price(steps: number): Price {
    const delayMs = Math.min(Math.max(steps, 0) * this.#allowance.delayMs, DELAY_MS_MAX);
    return { delayMs, spent: this.#errors >= this.#allowance.errors };
  }
}
