/** xtext: written and read again, and what is none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatXtext, parseXtext } from "../../smtpd/xtext.js";

test("any text is written so that a parameter may hold it, and read again", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const xtext = formatXtext(text);
      assert.match(xtext, /^[!-~]*$/);
      assert.ok(!xtext.includes("="));
      assert.equal(parseXtext(xtext), text);
    }),
  );
});

test("whatever is read can be written, and reads the same", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(..."+=0123456789ABCDEFabc !~\xe9") }), (xtext) => {
      const text = parseXtext(xtext);
      if (text !== undefined) assert.equal(parseXtext(formatXtext(text)), text);
    }),
    { numRuns: 2000 },
  );
});

for (const [xtext, text] of [
  ["", ""],
  ["a+2Bb+3D+20c", "a+b= c"],
  ["+C3+BC", "ü"],
  ["+41", "A"],
  ["+", undefined],
  ["+4", undefined],
  ["+2b", undefined],
  ["a=b", undefined],
  ["a b", undefined],
  ["ü", undefined],
  ["+FC", undefined],
  ["+C3", undefined],
] as const) {
  test(`${JSON.stringify(xtext)} stands for ${JSON.stringify(text)}`, () =>
    assert.equal(parseXtext(xtext), text));
}
