/** What stands in maildirsize: definitions, lines, what is damaged, and what has to be counted anew. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  type Amount,
  formatDefinition,
  isSameQuota,
  parseDefinition,
  type Quota,
} from "../../../shared/maildir/quota.js";
import {
  formatChange,
  formatLines,
  isDoubtful,
  MAILDIRSIZE_OCTETS_MAX,
  type Manner,
  parseLines,
  quotaInForce,
} from "../../../shared/maildir/quota-lines.js";

const MINUTE = 60_000;
const LIMIT = { octets: 1000, messages: 10 };

const limit = fc.option(fc.integer({ min: 1, max: 2 ** 48 }), { nil: undefined });
const anyQuota: fc.Arbitrary<Quota> = fc.record(
  { octets: limit, messages: limit },
  { noNullPrototype: true },
);
const anyManner = fc.constantFrom<Manner>("all", "kept");
const anyUsage: fc.Arbitrary<Amount> = fc.record({ octets: fc.nat(2 ** 30), messages: fc.nat(100_000) });

function read(text: string) {
  return parseLines(Buffer.from(text, "latin1"));
}

describe("a definition", () => {
  test("is read as it was written", () => {
    fc.assert(
      fc.property(anyQuota, (quota) => assert.deepEqual(parseDefinition(formatDefinition(quota)), quota)),
    );
  });

  for (const [text, quota] of [
    ["10000000S,1000C", { octets: 10_000_000, messages: 1000 }],
    ["1000C,10000000S", { octets: 10_000_000, messages: 1000 }],
    ["5C", { octets: undefined, messages: 5 }],
    ["0S", { octets: undefined, messages: undefined }],
    ["0S,0C", { octets: undefined, messages: undefined }],
    // Courier's programs write a quota without limits so.
    ["", { octets: undefined, messages: undefined }],
    ["18446744073709551615S", { octets: Number.MAX_SAFE_INTEGER, messages: undefined }],
  ] as const) {
    test(JSON.stringify(text), () => assert.deepEqual(parseDefinition(text), quota));
  }

  for (const text of [
    "1000",
    "S",
    "1000X",
    "-5S",
    "10S,",
    ",10S",
    "10 S",
    "1e9S",
    "0x10S",
    `${"9".repeat(21)}S`,
  ]) {
    test(`${JSON.stringify(text)} is none`, () => assert.equal(parseDefinition(text), undefined));
  }
});

describe("the lines", () => {
  test("are read as they were written, and changes add up", () => {
    const changes = fc.array(anyUsage, { maxLength: 20 });
    fc.assert(
      fc.property(anyQuota, anyUsage, anyManner, changes, (quota, usage, manner, added) => {
        const text = formatLines(quota, usage, manner) + added.map(formatChange).join("");
        const octets = added.reduce((total, change) => total + change.octets, usage.octets);
        const messages = added.reduce((total, change) => total + change.messages, usage.messages);
        const lines = added.length + 1;
        assert.deepEqual(read(text), { quota, manner, usage: { octets, messages }, lines });
      }),
    );
  });

  test("may be padded, and a removal is less than zero", () => {
    const text = "1000S\n          90            5\n -18   -1\n\t20\t1 \n";
    const usage = { octets: 92, messages: 5 };
    assert.deepEqual(read(text), {
      quota: { octets: 1000, messages: undefined },
      manner: "kept",
      usage,
      lines: 3,
    });
  });

  for (const [what, text, defined] of [
    ["nothing at all", "", false],
    ["no line end", "1000S", false],
    ["a definition that was cut off", "100", false],
    ["a definition alone", "1000S\n", true],
    ["a line that was cut off", "1000S\n5 1\n-2", true],
    ["a line without a count", "1000S\n5\n", true],
    ["a blank line", "1000S\n5 1\n\n", true],
    ["words", "1000S\nfive 1\n", true],
    ["a fraction", "1000S\n5.5 1\n", true],
    ["NULs, as a crash leaves them", "1000S\n5 1\n\0\0\0\0\n", true],
    ["less than nothing", "1000S\n5 1\n-6 -1\n", true],
    ["fewer than none", "1000S\n5 1\n-5 -2\n", true],
    ["absurd octets", "1000S\n999999999999999 1\n999999999999999 1\n", true],
    ["more digits than any size", `1000S\n${"9".repeat(16)} 1\n`, true],
    ["absurd counts", "1000S\n5 9999999999\n", true],
    ["a file that has grown too large", `1000S\n${"5 1\n".repeat(MAILDIRSIZE_OCTETS_MAX)}`, true],
  ] as const) {
    test(`${what}: no sum`, () => {
      const { quota, usage } = parseLines(Buffer.from(text).subarray(0, MAILDIRSIZE_OCTETS_MAX));
      assert.equal(usage, undefined);
      assert.equal(quota !== undefined, defined);
    });
  }

  test("nothing makes them throw, and no sum is less than nothing", () => {
    const text = fc.string({ unit: fc.constantFrom("1", "9", "-", " ", "\n", "S", "C", ",", "\0", "x") });
    fc.assert(
      fc.property(text, (any) => {
        const { usage } = read(any);
        assert.ok(usage === undefined || (usage.octets >= 0 && usage.messages >= 0));
      }),
    );
  });

  test("in doubt, they keep the definition, and anybody counts anew", () => {
    for (const manner of ["all", "kept"] as const) {
      const text = formatLines(LIMIT, { octets: 1, messages: 1 }, manner, true);
      const octets = Buffer.from(text).subarray(0, MAILDIRSIZE_OCTETS_MAX);
      assert.equal(octets.length, MAILDIRSIZE_OCTETS_MAX);
      assert.deepEqual(parseLines(octets), { quota: LIMIT, manner, usage: undefined, lines: 0 });
    }
  });
});

describe("a sum is counted anew", () => {
  const one = { octets: 1, messages: 1 };
  const over = "1000S,10C\n1000 5\n";
  for (const [what, text, quota, adding, age, doubtful] of [
    ["never, when all is well", "1000S,10C\n5 1\n6 1\n", LIMIT, one, 60 * MINUTE, false],
    ["when it is damaged", "1000S,10C\n5 1\n6", LIMIT, one, 0, true],
    ["when the definition is another", "900S,10C\n5 1\n", LIMIT, one, 0, true],
    ["when the definition has a limit less", "1000S\n5 1\n", LIMIT, one, 0, true],
    ["not for the order of the definition", "10C,1000S\n5 1\n", LIMIT, one, 0, false],
    ["not when it is over the quota, young, and a summary", over, LIMIT, one, 15 * MINUTE, false],
    ["when it is over the quota for a quarter of an hour", over, LIMIT, one, 15 * MINUTE + 1, true],
    ["when it is over the quota with changes", "1000S,10C\n990 5\n10 1\n", LIMIT, one, 0, true],
    ["when there are too many messages with changes", "1000S,10C\n5 9\n5 1\n", LIMIT, one, 0, true],
    [
      "not when what is added is larger than the quota",
      over,
      LIMIT,
      { octets: 1001, messages: 1 },
      60 * MINUTE,
      false,
    ],
    [
      "not where there is no limit",
      "0S\n5 1\n6 1\n",
      { octets: undefined, messages: undefined },
      one,
      60 * MINUTE,
      false,
    ],
  ] as const) {
    test(what, () => assert.equal(isDoubtful(read(text), quota, adding, age), doubtful));
  }
});

test("a binding rule goes before the file, another behind it", () => {
  const file = read("7S\n1 1\n");
  const inFile = { octets: 7, messages: undefined };
  assert.equal(quotaInForce(undefined, undefined), undefined);
  assert.deepEqual(quotaInForce(undefined, file), inFile);
  assert.ok(isSameQuota(quotaInForce({ ...LIMIT, binding: true }, file) ?? inFile, LIMIT));
  assert.deepEqual(quotaInForce({ ...LIMIT, binding: false }, file), inFile);
  assert.ok(isSameQuota(quotaInForce({ ...LIMIT, binding: false }, undefined) ?? inFile, LIMIT));
  assert.equal(quotaInForce(undefined, read("rubbish\n1 1\n")), undefined);
});
