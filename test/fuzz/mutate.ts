/**
 * Makes new inputs of old ones: bits flipped, octets changed, parts removed, repeated, moved, taken from another input,
 * words of the format put in. Knows nothing of what the input does. Pure.
 */
import type { Random } from "./random.js";

/** What any parser of octets may stumble over. */
const ODD = ["\0", "\r", "\n", "\r\n", "\x7f", "\x80", "\xff", "\xc3\xa4", "\xed\xa0\x80", " ", "  ", "\t"]
  .concat(["0", "-1", "1e9", "0x10", "4294967296", "9007199254740993", "%s", ".", "..", "=", "*", ","])
  .map((text) => Buffer.from(text, "latin1"));

export const INPUT_OCTETS_MAX = 80 * 1024;
const MUTATIONS_MAX = 6;

type Mutation = (octets: Buffer, chance: Random, others: Others) => Buffer;

interface Others {
  readonly corpus: readonly Buffer[];
  readonly tokens: readonly Buffer[];
}

/** One of the corpus, changed a few times. */
export function mutant(others: Others, chance: Random): Buffer {
  let octets = chance.pick(others.corpus);
  for (let left = 1 + chance.below(MUTATIONS_MAX); left > 0; left--) {
    octets = chance.pick(MUTATIONS)(octets, chance, others).subarray(0, INPUT_OCTETS_MAX);
  }
  return octets;
}

const MUTATIONS: readonly Mutation[] = [
  flipBit,
  changeOctet,
  truncate,
  remove,
  repeat,
  move,
  splice,
  insertOdd,
  insertToken,
  insertToken,
  replaceByToken,
  repeatLine,
];

function flipBit(octets: Buffer, chance: Random): Buffer {
  const changed = Buffer.from(octets);
  const at = chance.below(changed.length);
  if (changed.length > 0) changed[at] = (changed[at] ?? 0) ^ (1 << chance.below(8));
  return changed;
}

function changeOctet(octets: Buffer, chance: Random): Buffer {
  const changed = Buffer.from(octets);
  if (changed.length > 0) changed[chance.below(changed.length)] = chance.below(256);
  return changed;
}

function truncate(octets: Buffer, chance: Random): Buffer {
  return octets.subarray(0, chance.below(octets.length + 1));
}

function remove(octets: Buffer, chance: Random): Buffer {
  const [start, end] = range(octets, chance);
  return Buffer.concat([octets.subarray(0, start), octets.subarray(end)]);
}

function repeat(octets: Buffer, chance: Random): Buffer {
  const [start, end] = range(octets, chance);
  const part = octets.subarray(start, end);
  const times = chance.pick([1, 1, 1, 2, 2, 10, 10, 300]);
  const fitting = Math.min(times, Math.ceil(INPUT_OCTETS_MAX / (part.length + 1)));
  return insert(octets, end, ...Array.from({ length: fitting }, () => part));
}

function move(octets: Buffer, chance: Random): Buffer {
  const [start, end] = range(octets, chance);
  const rest = Buffer.concat([octets.subarray(0, start), octets.subarray(end)]);
  return insert(rest, chance.below(rest.length + 1), octets.subarray(start, end));
}

function splice(octets: Buffer, chance: Random, { corpus }: Others): Buffer {
  const other = chance.pick(corpus);
  return Buffer.concat([truncate(octets, chance), other.subarray(chance.below(other.length + 1))]);
}

function insertOdd(octets: Buffer, chance: Random): Buffer {
  return insert(octets, chance.below(octets.length + 1), chance.pick(ODD));
}

function insertToken(octets: Buffer, chance: Random, { tokens }: Others): Buffer {
  return insert(octets, chance.below(octets.length + 1), chance.pick(tokens));
}

function replaceByToken(octets: Buffer, chance: Random, { tokens }: Others): Buffer {
  const [start, end] = range(octets, chance);
  return Buffer.concat([octets.subarray(0, start), chance.pick(tokens), octets.subarray(end)]);
}

function repeatLine(octets: Buffer, chance: Random): Buffer {
  const start = octets.lastIndexOf("\n", chance.below(octets.length + 1)) + 1;
  const end = octets.indexOf("\n", start) + 1 || octets.length;
  return insert(octets, start, octets.subarray(start, end));
}

function insert(octets: Buffer, at: number, ...parts: readonly Buffer[]): Buffer {
  return Buffer.concat([octets.subarray(0, at), ...parts, octets.subarray(at)]);
}

function range(octets: Buffer, chance: Random): [number, number] {
  const start = chance.below(octets.length + 1);
  return [start, start + chance.below(Math.min(octets.length - start, 64) + 1)];
}
