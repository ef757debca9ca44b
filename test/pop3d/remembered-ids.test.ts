import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatRememberedIds, parseRememberedIds } from "../../pop3d/remembered-ids.js";

const octet = fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code));
const identity = fc.string({ unit: octet, maxLength: 60 });
const uniqueId = fc.string({ unit: fc.integer({ min: 0x21, max: 0x7e }).map((c) => String.fromCharCode(c)), minLength: 1, maxLength: 70 }); // biome-ignore format: a row

test("what is remembered is known again, whatever names the messages have", () => {
  const ids = fc.uniqueArray(fc.tuple(identity, uniqueId), { selector: ([name]) => name });
  fc.assert(
    fc.property(ids, (pairs) => {
      const different = [...new Map(pairs.map(([name, id]) => [id, name]))].map(
        ([id, name]): [string, string] => [name, id],
      );
      const text = formatRememberedIds(different);
      assert.match(text, /^[\n -~]*$/);
      assert.deepEqual(parseRememberedIds(text), new Map(different));
    }),
  );
});

const GOOD = formatRememberedIds([
  ["1.a", "one"],
  ["2 %\xe9\n", "two"],
]);

for (const [name, text] of [
  ["nothing", ""],
  ["NULs", "\0".repeat(GOOD.length)],
  ["a later version", GOOD.replace(" 1\n", " 2\n")],
  ["no last line end", GOOD.slice(0, -1)],
  ["half a line", GOOD.slice(0, -5)],
  ["a line without a name", `${GOOD}three\n`],
  ["a unique-id that cannot be sent", `${GOOD}${"x".repeat(71)} 3.c\n`],
  ["a name that is not written so", `${GOOD}three 3.\xe9\n`],
  ["one unique-id for two", `${GOOD}one 3.c\n`],
  ["one message twice", `${GOOD}three 1.a\n`],
] as const) {
  test(`not understood: ${name}`, () => assert.equal(parseRememberedIds(text), undefined));
}

test("what is understood", () => assert.equal(parseRememberedIds(GOOD)?.get("2 %\xe9\n"), "two"));
