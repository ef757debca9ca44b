/**
 * Runs a target on mutants of its corpus until the time is up or something does not hold. The inputs follow from the
 * corpus and the seed alone; what is found is made as small as a few hundred tries can make it.
 */
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mutant } from "./mutate.js";
import { Random, seedOf } from "./random.js";
import type { Target } from "./target.js";

export interface Find {
  readonly octets: Buffer;
  readonly error: unknown;
}

export interface Search {
  readonly seed: number;
  readonly milliseconds: number;
}

const TRIES_TO_SHRINK_MAX = 500;
const SHOWN_OCTETS_MAX = 2000;

/** Whether an input breaks the target, and how. */
export function tryInput({ check }: Target, octets: Buffer): Find | undefined {
  try {
    check(octets, new Random(seedOf(octets)));
    return undefined;
  } catch (error) {
    return { octets, error };
  }
}

/** Looks for an input that breaks the target. */
export function search(
  target: Target,
  corpus: readonly Buffer[],
  { seed, milliseconds }: Search,
): { readonly runs: number; readonly found: Find | undefined } {
  const chance = new Random(seed);
  const tokens = target.tokens.map((token) => Buffer.from(token, "latin1"));
  const end = performance.now() + milliseconds;
  let runs = 0;
  do {
    const found = tryInput(target, mutant({ corpus, tokens }, chance));
    runs++;
    if (found !== undefined) return { runs, found: shrunk(target, found) };
  } while (performance.now() < end);
  return { runs, found: undefined };
}

/** Leaves out what need not be there, large parts first. */
function shrunk(target: Target, find: Find): Find {
  let smallest = find;
  let tries = 0;
  for (let size = Math.ceil(find.octets.length / 2); size > 0; size = Math.floor(size / 2)) {
    for (let start = 0; start < smallest.octets.length; ) {
      if (tries++ === TRIES_TO_SHRINK_MAX) return smallest;
      const { octets } = smallest;
      const less = Buffer.concat([octets.subarray(0, start), octets.subarray(start + size)]);
      const still = tryInput(target, less);
      if (still === undefined) start += size;
      else smallest = still;
    }
  }
  return smallest;
}

/** What to tell a person who is to mend it. The input is saved to a file. */
export function report({ name }: Target, { octets, error }: Find): string {
  const file = join(tmpdir(), `pillarbox-fuzz-${name}-${seedOf(octets).toString(16)}`);
  writeFileSync(file, octets);
  const shown = octets.subarray(0, SHOWN_OCTETS_MAX);
  return [
    `${name} breaks on ${octets.length} octets${shown.length < octets.length ? ", which begin" : ""}, in hex:`,
    shown.toString("hex"),
    `as text: ${JSON.stringify(shown.toString("latin1"))}`,
    `again: node dist/test/fuzz/main.js ${name} --input ${file}`,
    `for good: copy it to test/fuzz/corpus/${name}/ under a name that says what it shows`,
    error instanceof Error ? (error.stack ?? error.message) : String(error),
  ].join("\n");
}
