/** SASLprep (RFC 4013). */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { prepareQuery, prepareStored } from "../../../shared/sasl/saslprep.js";

const ROWS: readonly [name: string, text: string, prepared: string | undefined][] = [
  ["RFC 4013 §3: a soft hyphen is mapped to nothing", "I\u00adX", "IX"],
  ["RFC 4013 §3: ASCII stays as it is", "user", "user"],
  ["RFC 4013 §3: and its case", "USER", "USER"],
  ["RFC 4013 §3: NFKC", "\u00aa", "a"],
  ["RFC 4013 §3: NFKC of a Roman numeral", "\u2168", "IX"],
  ["RFC 4013 §3: a control character is prohibited", "\u0007", undefined],
  ["RFC 4013 §3: digits beside a right-to-left letter", "\u0627\u0031", undefined],
  ["a right-to-left word", "\u05e9\u05dc\u05d5\u05dd", "\u05e9\u05dc\u05d5\u05dd"],
  ["spaces of every width are spaces, and are kept", " a\u00a0\u3000b ", " a  b "],
  ["a decomposed letter", "u\u0308", "ü"],
  ["nothing", "", undefined],
  ["nothing but what is mapped to nothing", "\u00ad\u2060", undefined],
  ["NUL", "a\0", undefined],
  ["a line separator", "a\u2028", undefined],
  ["private use", "\ue000", undefined],
  ["half of a pair", "a\ud800", undefined],
  ["the sign for what could not be decoded", "\ufffd", undefined],
  ["direction marks", "a\u200e", undefined],
];

for (const [name, text, prepared] of ROWS) {
  test(name, () => {
    assert.equal(prepareQuery(text), prepared);
    assert.equal(prepareStored(text), prepared);
  });
}

test("characters newer than Unicode 3.2 may be asked for, and not stored", () => {
  assert.equal(prepareQuery("\u{1f511}"), "\u{1f511}");
  assert.equal(prepareStored("\u{1f511}"), undefined);
});

test("what is prepared stays as it is when it is prepared again", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const once = prepareStored(text);
      if (once !== undefined) assert.equal(prepareStored(once), once);
    }),
  );
});
