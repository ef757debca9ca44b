/** base64 in its one form. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeBase64 } from "../../../shared/sasl/base64.js";

test("whatever was encoded is decoded", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (octets) => {
      const text = Buffer.from(octets).toString("base64");
      assert.deepEqual(decodeBase64(text), Buffer.from(octets));
    }),
  );
});

test("what is decoded is what encodes to it: there is no second way to write octets", () => {
  const base64ish = fc.string({ unit: fc.constantFrom(..."AQgwYz+/-_= \r*") });
  fc.assert(
    fc.property(base64ish, (text) => {
      const octets = decodeBase64(text);
      assert.ok(octets === undefined || octets.toString("base64") === text);
    }),
  );
});

for (const text of ["YQ", "YQ=", "YR==", "YQ==YQ==", "Y Q==", "YQ==\r", "-_-_", "=", "*", "é", "YQ==="]) {
  test(`not ${JSON.stringify(text)}`, () => assert.equal(decodeBase64(text), undefined));
}
