/** Sizes and times with units. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatDuration, formatSize, parseDuration, parseSize } from "../../shared/units.js";

const sizes: readonly (readonly [string, number | undefined])[] = [
  ["0B", 0],
  ["512B", 512],
  ["1kB", 1000],
  ["1KiB", 1024],
  ["50MiB", 50 * 1024 ** 2],
  ["50 MiB", 50 * 1024 ** 2],
  ["2MB", 2_000_000],
  ["1GiB", 1024 ** 3],
  ["3GB", 3e9],
  ["1TiB", 1024 ** 4],
  ["1TB", 1e12],
  ["007B", 7],
  ["8192TiB", undefined],
  ["8191TiB", 8191 * 1024 ** 4],
];

const times: readonly (readonly [string, number | undefined])[] = [
  ["0s", 0],
  ["500ms", 500],
  ["30s", 30_000],
  ["10m", 600_000],
  ["4h", 14_400_000],
  ["5d", 432_000_000],
  ["2w", 1_209_600_000],
  ["5 d", 432_000_000],
  ["5M", undefined],
];

const neither = [
  "",
  "5",
  "B",
  "s",
  "-5s",
  "+5s",
  "1.5s",
  "1e3s",
  "0x1s",
  " 5s",
  "5s ",
  "5  s",
  "5\ts",
  "5s\n",
  "5ss",
  "5mib",
  "5KB",
  "5constructor",
  "5toString",
  "5hasOwnProperty",
  "٥s",
  "1000000000000000s",
];

for (const [text, octets] of sizes) {
  test(`${text} is ${octets} octets`, () => assert.equal(parseSize(text), octets));
}
for (const [text, milliseconds] of times) {
  test(`${text} is ${milliseconds} milliseconds`, () => assert.equal(parseDuration(text), milliseconds));
}
for (const text of neither) {
  test(`${JSON.stringify(text)} is neither a size nor a time`, () => {
    assert.equal(parseSize(text), undefined);
    assert.equal(parseDuration(text), undefined);
  });
}

test("what is formatted is read as the same", () => {
  const value = fc.oneof(
    fc.nat({ max: 1e15 - 1 }),
    fc.nat({ max: 4000 }).map((n) => n * 1024 ** 3),
    fc.nat({ max: 400 }).map((n) => n * 604_800_000),
  );
  fc.assert(
    fc.property(value, (n) => {
      assert.equal(parseSize(formatSize(n)), n);
      assert.equal(parseDuration(formatDuration(n)), n);
    }),
  );
});

test("the largest unit that divides is taken", () => {
  assert.deepEqual([1024, 1025, 52_428_800].map(formatSize), ["1KiB", "1025B", "50MiB"]);
  assert.deepEqual([500, 90_000, 86_400_000].map(formatDuration), ["500ms", "90s", "1d"]);
});
