/** The lines of a client: whatever the cut, those that are there, up to the first that is too long. */
import assert from "node:assert/strict";
import { LineReader } from "../../../pop3d/line-reader.js";
import type { Random } from "../random.js";
import { inPieces, type Target } from "../target.js";

const OCTETS_MAX = 64;

export const lineReader: Target = {
  name: "line-reader",
  tokens: ["\r\n", "\n", "\r", "\r\r\n", "\n\r", "x".repeat(OCTETS_MAX - 2), "x".repeat(OCTETS_MAX)],
  check: (octets, chance) => {
    const expected = linesOf(octets.toString("latin1"));
    assert.deepEqual(linesRead([octets]), expected);
    assert.deepEqual(linesRead(inPieces(octets, chance)), expected);
    assert.deepEqual(linesRead(inPieces(octets, chance), chance), expected, "asked for now and then");
  },
};

const OVERLONG = "more than the limit";

/** In the simplest words. */
function linesOf(text: string): string[] {
  const lines: string[] = [];
  const ended = text.split("\n");
  const rest = ended.pop() ?? "";
  for (const line of ended) {
    if (line.length + 1 > OCTETS_MAX) return [...lines, OVERLONG];
    lines.push(line.replace(/\r$/, ""));
  }
  return rest.length > OCTETS_MAX ? [...lines, OVERLONG] : lines;
}

/** @param lazily by chance, whether to ask after a piece; else always, and for all that there is */
function linesRead(pieces: readonly Buffer[], lazily?: Random): string[] {
  const reader = new LineReader();
  const lines: string[] = [];
  for (const [i, piece] of pieces.entries()) {
    reader.push(piece);
    if (lazily !== undefined && i < pieces.length - 1 && lazily.below(3) > 0) continue;
    for (let line = reader.next(OCTETS_MAX); line !== undefined; line = reader.next(OCTETS_MAX)) {
      if (line.kind === "overlong") return [...lines, OVERLONG];
      lines.push(line.octets.toString("latin1"));
    }
  }
  return lines;
}
