import assert from "node:assert/strict";
import { test } from "node:test";
import {
  messageAndLines,
  messageNumber,
  nothing,
  optionalMessageNumber,
  splitLine,
  wholeText,
  word,
} from "../../pop3d/command.js";

test("a verb ends at the first space and has no case", () => {
  assert.deepEqual(splitLine(Buffer.from("sTaT")), { verb: "STAT", argument: undefined });
  assert.deepEqual(splitLine(Buffer.from("pass  a b ")), { verb: "PASS", argument: " a b " });
  assert.deepEqual(splitLine(Buffer.from("STAT ")), { verb: "STAT", argument: "" });
  assert.deepEqual(splitLine(Buffer.from("")), { verb: "", argument: undefined });
});

test("an argument that is not UTF-8 is none that a command takes", () => {
  const { argument } = splitLine(Buffer.from("PASS caf\xe9", "latin1"));
  assert.equal(wholeText(argument), undefined);
  assert.equal(word(argument), undefined);
});

test("message-numbers are decimal digits; leading zeros do not matter", () => {
  for (const [text, number] of [
    ["1", 1],
    ["10", 10],
    ["01", 1],
    ["0", 0],
    ["4294967297", 4294967297],
  ] as const) {
    assert.equal(messageNumber(text), number);
  }
});

test("nothing else is a message-number", () => {
  const texts = [
    "",
    "-1",
    "+1",
    "1.5",
    "1e0",
    "0x1",
    "01x",
    " 1",
    "1 ",
    "1 2",
    "one",
    "١",
    "1\0",
    "Infinity",
    "NaN",
  ];
  for (const text of [undefined, ...texts]) {
    assert.equal(messageNumber(text), undefined, `${text}`);
    if (text !== undefined) assert.equal(optionalMessageNumber(text), undefined, text);
  }
});

test("a message-number of a thousand digits is one, of no message", () => {
  assert.equal(messageNumber("9".repeat(1000)), Number.POSITIVE_INFINITY);
});

test("TOP takes exactly two numbers", () => {
  assert.deepEqual(messageAndLines("1 0"), { number: 1, lines: 0 });
  for (const text of [undefined, "", "1", "1 ", " 1", "1  0", "1 0 ", "1 0 0", "1 -1", "1 x", "1 1.0"]) {
    assert.equal(messageAndLines(text), undefined, `${text}`);
  }
});

test("arguments are parted by one space, and are there or not", () => {
  assert.equal(nothing(undefined), true);
  assert.equal(nothing(""), undefined);
  assert.equal(nothing("x"), undefined);
  assert.equal(word("alice@example.org"), "alice@example.org");
  for (const text of [undefined, "", " ", "a ", " a", "a b", "a\0", "a\tb", "a\r"]) {
    assert.equal(word(text), undefined, `${text}`);
  }
});

test("a password is all of the line, spaces and all", () => {
  for (const text of ["a", " a", "a ", " ", "a  b"]) assert.equal(wholeText(text), text);
  for (const text of [undefined, "", "a\0", "a\rb", "\x7f"]) assert.equal(wholeText(text), undefined);
});
