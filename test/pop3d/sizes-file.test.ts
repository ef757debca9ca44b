import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatSizes, parseSizes } from "../../pop3d/sizes-file.js";

const identity = fc.string({
  unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)),
  minLength: 1,
});
const sizes = fc
  .tuple(fc.nat({ max: 2 ** 48 }), fc.option(fc.nat({ max: 2 ** 48 }), { nil: undefined }))
  .map(([octets, surrogateOctets]) => ({ octets, surrogateOctets }));

test("the file of sizes is read as it was written, whatever the names", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(identity, sizes)), (entries) => {
      assert.deepEqual(parseSizes(formatSizes(entries)), new Map(entries));
    }),
  );
});

test("a file that has lost its end, or has zeros for it, is not believed", () => {
  const whole = formatSizes([
    ["1.a", { octets: 3, surrogateOctets: undefined }],
    ["2.b,S=5", { octets: 6, surrogateOctets: 60 }],
  ]);
  assert.equal(whole, "pillarbox-sizes 1\n3 - 1.a\n6 60 2.b,S=5\n");
  for (let length = 0; length < whole.length; length++) {
    const cut = whole.slice(0, length);
    if (!cut.endsWith("\n")) assert.equal(parseSizes(cut), undefined, `${length} octets`);
    assert.equal(parseSizes(cut.padEnd(whole.length, "\0")), undefined, `${length}`);
  }
});

for (const text of [
  "pillarbox-sizes 2\n",
  "pillarbox-sizes 1\n\n",
  "pillarbox-sizes 1\n3 - 1.a\r\n4 x 2.b\n",
  "pillarbox-sizes 1\n-3 - 1.a\n",
  "pillarbox-sizes 1\n3 -\n",
  "pillarbox-sizes 1\n3  1.a\n",
  "pillarbox-sizes 1\n1234567890123456 - 1.a\n",
  "/2 1 1\n1.a 3 UIDL1-1 0:0\n",
  "\0",
]) {
  test(`is not believed: ${JSON.stringify(text)}`, () => assert.equal(parseSizes(text), undefined));
}

test("any text is read without failing", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      parseSizes(`pillarbox-sizes 1\n${text}`);
      parseSizes(text);
    }),
  );
});
