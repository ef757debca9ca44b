/** What the programs at work on the stressed Maildir have in common: the place, the ledger, when to stop, what was done. */
import type { Maildir } from "../../shared/maildir/maildir.js";
import type { Ledger } from "./ledger.js";
import type { Random } from "./random.js";

export interface Work {
  /** Belongs to the user who runs the programs; a home for them. */
  readonly directory: string;
  readonly maildir: Maildir;
  readonly ledger: Ledger;
  readonly random: Random;
  readonly tally: Tally;
  /** Whether there is more to do. */
  readonly goOn: () => boolean;
}

/** How much is kept in the Maildir: who delivers waits while there is more, who removes while there is less. */
export const MESSAGES_MAX = 220;
export const MESSAGES_MIN = 60;

/** Counts what each program does, and what went wrong in ways that are its right. */
export class Tally {
  readonly #rows = new Map<string, { operations: number; refused: number }>();

  did(program: string, operations = 1): void {
    this.#row(program).operations += operations;
  }

  refused(program: string): void {
    this.#row(program).refused++;
  }

  /** Of all programs but these. */
  operations(...except: readonly string[]): number {
    return [...this.#rows]
      .filter(([program]) => !except.includes(program))
      .reduce((sum, [, { operations }]) => sum + operations, 0);
  }

  /** A line for each program. */
  lines(): string[] {
    return [...this.#rows]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(
        ([program, { operations, refused }]) =>
          `${program.padEnd(22)}${String(operations).padStart(8)}${String(refused).padStart(8)}`,
      );
  }

  #row(program: string): { operations: number; refused: number } {
    const row = this.#rows.get(program) ?? { operations: 0, refused: 0 };
    this.#rows.set(program, row);
    return row;
  }
}
