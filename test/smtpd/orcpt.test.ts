/** ORCPT: read, written, and what is none (RFC 3461 §4.2, RFC 6533 §3). */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { formatOrcpt, parseOrcpt } from "../../smtpd/orcpt.js";

const ASCII = { smtputf8: false };
const UTF8 = { smtputf8: true };

describe("ORCPT", () => {
  for (const [value, decoded] of [
    ["rfc822;bob@example.org", "rfc822;bob@example.org"],
    ["RFC822;Bob@Example.org", "RFC822;Bob@Example.org"],
    ["rfc822;bob+2Blists@example.org", "rfc822;bob+lists@example.org"],
    ["rfc822;+22a+20b+22@example.org", 'rfc822;"a b"@example.org'],
    ["x400;/C=us/", undefined],
    ["x400;/C+3Dus/", "x400;/C=us/"],
    ["rfc822;", "rfc822;"],
    ["rfc822;a;b", "rfc822;a;b"],
    ["rfc822;\\x{FC}", "rfc822;\\x{FC}"],
    ["bob@example.org", undefined],
    [";bob@example.org", undefined],
    ["rfc 822;bob", undefined],
    ["rfc@822;bob", undefined],
    ["rfc822;bob+", undefined],
    ["rfc822;bob+0D+0ABcc:+20eve", undefined],
    ["rfc822;bob+00", undefined],
    ["rfc822;+C3+BC@example.org", undefined],
    ["utf-8;bob@example.org", "utf-8;bob@example.org"],
    ["UTF-8;\\x{FC}@example.org", "UTF-8;ü@example.org"],
    ["utf-8;\\x{fc}\\x{2B}\\x{3D}\\x{20}\\x{5C}", "utf-8;ü+= \\"],
    ["utf-8;\\x{1F4EE}@\\x{10FFFD}", "utf-8;📮@\u{10fffd}"],
    ["utf-8;a+2Bb", "utf-8;a+b"],
    ["utf-8;", undefined],
    ["utf-8;a\\b", undefined],
    ["utf-8;\\x{}", undefined],
    ["utf-8;\\x{41}", undefined],
    ["utf-8;\\x{0FC}", undefined],
    ["utf-8;\\x{D800}", undefined],
    ["utf-8;\\x{110000}", undefined],
    ["utf-8;\\x{7F}", undefined],
    ["utf-8;\\x{85}", undefined],
    ["utf-8;\\x{2028}", undefined],
    ["utf-8;\\x{202E}", undefined],
    ["utf-8;\\x{FC", undefined],
    ["utf-8;a+0A", undefined],
    ["utf-8;a+C3", undefined],
    ["utf-8;a+2b", undefined],
    ["utf-8;a+", undefined],
    [`rfc822;${"x".repeat(493)}`, `rfc822;${"x".repeat(493)}`],
    [`rfc822;${"x".repeat(494)}`, undefined],
  ] as const) {
    test(`${JSON.stringify(value)} is ${JSON.stringify(decoded)}`, () => {
      assert.equal(parseOrcpt(value, ASCII), decoded);
      assert.equal(parseOrcpt(value, UTF8), decoded);
    });
  }

  test("what is not US-ASCII is for type utf-8, where SMTPUTF8 was said", () => {
    assert.equal(parseOrcpt("utf-8;ü@example.org", ASCII), undefined);
    assert.equal(parseOrcpt("utf-8;ü@example.org", UTF8), "utf-8;ü@example.org");
    assert.equal(parseOrcpt("rfc822;ü@example.org", UTF8), undefined);
    assert.equal(parseOrcpt("utf-8;a\u202eb", UTF8), undefined);
  });

  const printable = fc.string({ unit: fc.constantFrom(..."ab@.+=\\ ;{}x~!"), minLength: 1, maxLength: 60 });
  const international = fc.string({
    unit: fc.constantFrom(..."ab@.+=\\ ;{}üß郵📮"),
    minLength: 1,
    maxLength: 30,
  });
  for (const offer of [ASCII, UTF8]) {
    test(`is written so that it is read again, SMTPUTF8 ${offer.smtputf8}`, () => {
      fc.assert(
        fc.property(
          fc.oneof(
            printable.map((address) => `rfc822;${address}`),
            international.map((address) => `utf-8;${address}`),
          ),
          (orcpt) => {
            const value = formatOrcpt(orcpt, offer);
            assert.ok(value !== undefined);
            assert.match(value, offer.smtputf8 ? /^[^ =\x00-\x1f]+$/ : /^[!-<>-~]+$/);
            assert.equal(parseOrcpt(value, offer), orcpt);
          },
        ),
      );
    });
  }

  test("is left out where it would be too long once it is encoded", () => {
    const orcpt = `utf-8;${"ü".repeat(100)}`;
    assert.equal(formatOrcpt(orcpt, UTF8), orcpt);
    assert.equal(formatOrcpt(orcpt, ASCII), undefined);
  });
});
