import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type CheckerEnd,
  checkerInput,
  readCheckerEnd,
} from "../../../../shared/accounts/checkpassword/interface.js";

test("the input is name, password and timestamp, a NUL after each", () => {
  assert.equal(checkerInput("alice", " pass wörd ", "1")?.toString(), "alice\0 pass wörd \x001\0");
  assert.equal(checkerInput("alice", "", "")?.toString(), "alice\0\0\0");
});

test("and 512 octets at most, with no NUL of another's", () => {
  assert.equal(checkerInput("a", "x".repeat(507), "1")?.length, 512);
  assert.equal(checkerInput("a", "x".repeat(508), "1"), undefined);
  assert.equal(checkerInput("a", "é".repeat(254), "1"), undefined);
  assert.equal(checkerInput("a\0b", "c", "1"), undefined);
  assert.equal(checkerInput("a", "b\0c", "1"), undefined);
});

const GOOD = "USER=alice\0HOME=/home/alice\0PILLARBOX_CHECKED=word\0";

function printed(home: string): Partial<CheckerEnd> {
  return { stdout: Buffer.from(`PILLARBOX_CHECKED=word\0${home}`, "latin1") };
}

const HOMELESS = { kind: "granted", home: undefined };

const rows: readonly (readonly [string, Partial<CheckerEnd>, object | string])[] = [
  ["0 with our word", {}, { kind: "granted", home: "/home/alice" }],
  ["0 with a home that ends in a slash", printed("HOME=/h//\0"), { kind: "granted", home: "/h" }],
  ["0 without a home", printed(""), HOMELESS],
  ["0 with a home that leads nowhere", printed("HOME=h\0"), HOMELESS],
  ["0 with the home of those who have none", printed("HOME=/\0"), HOMELESS],
  ["0 with that in other words", printed("HOME=//\0"), HOMELESS],
  ["0 with a home that is no text", printed("HOME=/\xff\0"), HOMELESS],
  ["0 with a home that was cut off", printed("HOME=/home/ali"), HOMELESS],
  ["0 without our word", { stdout: Buffer.from(GOOD.replace("word", "another")) }, "unavailable"],
  ["0 without a word", { stdout: Buffer.alloc(0) }, "unavailable"],
  ["1", { code: 1 }, { kind: "refused" }],
  ["2", { code: 2 }, "unavailable"],
  ["111", { code: 111 }, "unavailable"],
  ["another code", { code: 100 }, "unavailable"],
  ["a signal", { code: null, signal: "SIGSEGV" }, "unavailable"],
];

describe("an end by", () => {
  for (const [what, end, expected] of rows) {
    test(what, () => {
      const outcome = readCheckerEnd({ code: 0, signal: null, stdout: Buffer.from(GOOD), ...end }, "word");
      if (typeof expected === "string") assert.equal(outcome.kind, expected);
      else assert.deepEqual(outcome, expected);
    });
  }
});
