import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HeaderScan } from "../../../shared/maildir/header.js";
import { cutInto, messageOctets } from "../../pop3d/arbitraries.js";

/** What is stored (latin1), how many octets of it are header section, and whether they are ASCII. */
const ROWS: readonly (readonly [stored: string, octets: number, ended: boolean, ascii: boolean])[] = [
  ["", 0, false, true],
  ["\n", 1, true, true],
  ["\r\nb\xe9", 2, true, true],
  ["a: b\n\nc\xe9", 6, true, true],
  ["a: \xe9\n\nc", 6, true, false],
  ["a: b\r\n\r\nc", 8, true, true],
  ["a: b\n\r\r\n\n", 9, true, true],
  ["a: b\n \n\n", 8, true, true],
  ["a: b", 4, false, true],
  ["a\x7f\x80", 3, false, false],
];

for (const [stored, octets, ended, ascii] of ROWS) {
  test(`the header section of ${JSON.stringify(stored)}`, () => {
    for (const size of [1, 2, 3, 100]) {
      const scan = new HeaderScan();
      let taken = 0;
      for (const piece of cutInto(Buffer.from(stored, "latin1"), forEver(size))) taken += scan.take(piece);
      assert.deepEqual([taken, scan.ended, scan.ascii], [octets, ended, ascii]);
    }
  });
}

test("the header section of any octets in any cut ends with the first blank line", () => {
  fc.assert(
    fc.property(messageOctets, fc.infiniteStream(fc.nat(5)), (stored, cuts) => {
      const text = stored.toString("latin1");
      const blank = /^\r?\n/.exec(text) ?? /\n\r?\n/.exec(text);
      const end = blank === null ? text.length : blank.index + blank[0].length;
      const scan = new HeaderScan();
      let taken = 0;
      for (const piece of cutInto(stored, cuts)) taken += scan.take(piece);
      assert.deepEqual([taken, scan.ascii], [end, /^[\x00-\x7f]*$/.test(text.slice(0, end))]);
    }),
  );
});

function* forEver(length: number): Generator<number> {
  for (;;) yield length;
}
