/** What a program writes to standard input, and the message that it is. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { MessageInput } from "../../../smtpd/sendmail/input.js";

const LIMITS = { messageSize: 1000, lineLength: 100 };

interface Read {
  readonly text: string;
  readonly ended: boolean;
  readonly violation: string | undefined;
}

function read(pieces: readonly string[], dotIsText = false, limits = LIMITS): Read {
  const input = new MessageInput({ dotIsText, ...limits });
  const output: Buffer[] = [];
  for (const piece of pieces) output.push(input.decode(Buffer.from(piece, "latin1")));
  output.push(input.end());
  const { ended, violation } = input;
  return { text: Buffer.concat(output).toString("latin1"), ended, violation };
}

const CASES: readonly (readonly [string, string, string])[] = [
  ["lines with LF", "a\nb\n", "a\nb\n"],
  ["lines with CRLF", "a\r\nb\r\n\r\n", "a\nb\n\n"],
  ["both", "a\r\nb\n", "a\nb\n"],
  ["a last line without an end", "a\nb", "a\nb\n"],
  ["a last line that ends in CR", "a\nb\r", "a\nb\n"],
  ["a CR within a line", "10%\r20%\r\n", "10% 20%\n"],
  ["a CR too many", "a\r\r\nb\n", "a \nb\n"],
  ["a line of a CR alone", "a\n\rb\n", "a\n b\n"],
  ["8-bit octets", "\xe9\xff\n", "\xe9\xff\n"],
  ["dots at the beginning of lines", ".a\n..\n...\n", ".a\n..\n...\n"],
  ["a dot and a CR", ".\r\r\nx\n", ". \nx\n"],
  ["a dot, a CR and more", ".\rx\n", ". x\n"],
  ["nothing", "", ""],
];

describe("input", () => {
  for (const [name, given, expected] of CASES) {
    test(name, () => {
      for (const dotIsText of [false, true])
        assert.deepEqual(read([given], dotIsText), { text: expected, ended: false, violation: undefined });
    });
  }

  for (const [name, given, expected, ended] of [
    ["a line of a dot", "a\n.\nb\n", "a\n", true],
    ["with CRLF", "a\r\n.\r\nb\r\n", "a\n", true],
    ["at once", ".\nb\n", "", true],
    ["without its end", "a\n.", "a\n", false],
    ["with half its end", "a\n.\r", "a\n", false],
  ] as const) {
    test(`${name} ends it, unless it is a line like others`, () => {
      assert.deepEqual(read([given]), { text: expected, ended, violation: undefined });
      const text = given.replaceAll("\r", "").replace(/[^\n]$/, "$&\n");
      assert.deepEqual(read([given], true), { text, ended: false, violation: undefined });
    });
  }

  test("any cut of it is the same message, LF and no CR in it", () => {
    const piece = fc.stringMatching(/^[a.\r\n]{0,4}$/);
    fc.assert(
      fc.property(fc.array(piece), fc.boolean(), (pieces, dotIsText) => {
        const whole = read([pieces.join("")], dotIsText);
        assert.deepEqual(read(pieces, dotIsText), whole);
        assert.doesNotMatch(whole.text, /\r|[^\n]$/);
      }),
    );
  });

  for (const [name, given, violation] of [
    ["a NUL", "a\0b\n", "NUL"],
    ["a line of the length that is allowed", `${"x".repeat(98)}\n`, undefined],
    ["a line that is longer by one", `${"x".repeat(99)}\n`, "line too long"],
    ["one that has no end", "x".repeat(101), "line too long"],
    ["a message of the size that is allowed", "xxx\n".repeat(200), undefined],
    ["one that is larger by one", `${"xxx\n".repeat(199)}xxxx\n`, "message too big"],
    ["a last line that makes it so", `${"xxx\n".repeat(199)}xxxx`, "message too big"],
  ] as const) {
    test(name, () => assert.equal(read([given]).violation, violation));
  }
});
