/**
 * What the fuzzer runs: something that reads octets of strangers, and what must hold whatever they are.
 *
 * `check` is the whole truth about an input: it throws when something does not hold, and does the same with the same
 * octets every time. What it cuts or orders by chance, it takes from `chance`, which is seeded by the octets.
 */
import assert from "node:assert/strict";
import { cutInto } from "../pop3d/arbitraries.js";
import type { Random } from "./random.js";

export interface Target {
  /** Also of its directory in the corpus. */
  readonly name: string;
  /** Words of the format, for mutation to insert; each character is an octet. */
  readonly tokens: readonly string[];
  readonly check: (octets: Buffer, chance: Random) => void;
}

const SHORT_OCTETS = 1000;

/** The octets in pieces of small and large sizes, some of them empty. */
export function inPieces(octets: Buffer, chance: Random): Buffer[] {
  // Small cuts of a long input take long and find nothing that small cuts of a short one do not.
  const longest = chance.pick(octets.length > SHORT_OCTETS ? [64, 4096] : [1, 2, 7, 64]);
  return cutInto(octets, lengths());

  function* lengths(): Generator<number> {
    for (;;) yield chance.below(longest + 1);
  }
}

/** The octets as lines of text, one character per octet, for targets whose input is several things. */
export function linesIn(octets: Buffer): string[] {
  return octets.toString("latin1").split("\n");
}

/** True for text that may stand in a line that is sent. */
export function assertOneLine(text: string, octetsMax: number): void {
  assert.ok(!/[\r\n\0]/.test(text), `more than a line: ${JSON.stringify(text)}`);
  const octets = Buffer.byteLength(text) + "\r\n".length;
  assert.ok(octets <= octetsMax, `a line of ${octets} octets`);
}
