import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Line, LineReader } from "../../pop3d/line-reader.js";
import { cutInto } from "./arbitraries.js";

const LIMIT = 12;

/** What arrives, and what is read of it; latin1. "…" stands for a line that is too long. */
const ROWS: readonly [name: string, arrives: string, lines: readonly string[]][] = [
  ["lines end in CRLF", "STAT\r\nLIST 1\r\n", ["STAT", "LIST 1"]],
  ["or in LF alone", "STAT\nLIST 1\n", ["STAT", "LIST 1"]],
  ["a line that has not ended is not read", "STAT\r\nLI", ["STAT"]],
  ["a line may be empty", "\r\n\n", ["", ""]],
  ["a CR within a line is part of it", "a\rb\r\r\n", ["a\rb\r"]],
  ["any octet may be in a line", "\0\xff.\r\n", ["\0\xff."]],
  ["a line of the limit, its end included, is read", `${"x".repeat(LIMIT - 2)}\r\n`, ["x".repeat(LIMIT - 2)]],
  ["a line of one more is too long", `${"x".repeat(LIMIT - 1)}\r\n`, ["…"]],
  ["a line without end is too long", "x".repeat(1000), ["…"]],
];

for (const [name, arrives, lines] of ROWS) {
  test(name, () => assert.deepEqual(read([Buffer.from(arrives, "latin1")]), lines));
}

test("any octets in any cut are read as if they came at once", () => {
  const octet = fc.constantFrom("\r", "\n", "\r\n", "a", "b", " ", "\0");
  const octets = fc.array(octet, { maxLength: 60 }).map((parts) => Buffer.from(parts.join("")));
  fc.assert(
    fc.property(octets, fc.infiniteStream(fc.nat(7)), (arriving, cuts) => {
      assert.deepEqual(read(cutInto(arriving, cuts)), read([arriving]));
    }),
  );
});

test("a line may be longer than the one before", () => {
  const reader = new LineReader();
  reader.push(Buffer.from(`STAT\r\n${"x".repeat(2 * LIMIT)}`));
  assert.equal(shown(reader.next(LIMIT)), "STAT");
  assert.equal(reader.next(3 * LIMIT), undefined);
  reader.push(Buffer.from("\r\nNOOP\r\n"));
  assert.equal(shown(reader.next(3 * LIMIT)), "x".repeat(2 * LIMIT));
  assert.equal(shown(reader.next(LIMIT)), "NOOP");
});

test("what was cleared is forgotten, whole lines and the beginning of one", () => {
  const reader = new LineReader();
  reader.push(Buffer.from("STLS\r\nUSER x\r\nPAS"));
  assert.equal(shown(reader.next(LIMIT)), "STLS");
  reader.clear();
  reader.push(Buffer.from("S\r\n"));
  assert.equal(shown(reader.next(LIMIT)), "S");
});

/** Lines are read after each piece, up to the first that is too long. */
function read(pieces: readonly Buffer[]): string[] {
  const reader = new LineReader();
  const lines: string[] = [];
  for (const piece of pieces) {
    reader.push(piece);
    for (let line = reader.next(LIMIT); line !== undefined; line = reader.next(LIMIT)) {
      lines.push(shown(line));
      if (line.kind === "overlong") return lines;
    }
  }
  return lines;
}

function shown(line: Line | undefined): string {
  assert.ok(line);
  return line.kind === "line" ? line.octets.toString("latin1") : "…";
}
