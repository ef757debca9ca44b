import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TopCut } from "../../pop3d/top-cut.js";
import { WireSize } from "../../shared/maildir/wire-size.js";
import { WireForm } from "../../shared/wire-form.js";
import { cutInto, messageOctets } from "./arbitraries.js";

/** What is stored, what is sent; latin1. */
const ROWS: readonly [name: string, stored: string, sent: string][] = [
  ["LF becomes CRLF", "a\nb\n", "a\r\nb\r\n.\r\n"],
  ["CRLF stays CRLF", "a\r\nb\n", "a\r\nb\r\n.\r\n"],
  ["a dot in the first octet is stuffed", ".a\n", "..a\r\n.\r\n"],
  ["a dot at the start of a line is stuffed", "a\n.b\n..c\n.\n", "a\r\n..b\r\n...c\r\n..\r\n.\r\n"],
  ["a dot elsewhere is not", "a.b.\n", "a.b.\r\n.\r\n"],
  ["a message without a final line end gets one", "a\nb", "a\r\nb\r\n.\r\n"],
  ["the empty message is no line", "", ".\r\n"],
  ["one LF is one empty line", "\n", "\r\n.\r\n"],
  ["a bare CR is sent as it is, and begins no line", "a\r.b\rc\n", "a\r.b\rc\r\n.\r\n"],
  ["a CR in the last octet is no line end", "a\r", "a\r\r\n.\r\n"],
  ["CR CR LF keeps both", "a\r\r\n", "a\r\r\n.\r\n"],
  ["NUL and 8-bit octets are sent as they are", "\0\xff\x80\n\0", "\0\xff\x80\r\n\0\r\n.\r\n"],
  ["CR LF . CR LF within a message does not end it", "a\r\n.\r\nb\n", "a\r\n..\r\nb\r\n.\r\n"],
];

for (const [name, stored, sent] of ROWS) {
  test(name, () => assert.equal(wireForm([latin1(stored)]).toString("latin1"), sent));
}

test("any message in any cut becomes what a naive conversion makes of it", () => {
  fc.assert(
    fc.property(messageOctets, fc.infiniteStream(fc.nat(9)), (stored, cuts) => {
      const sent = wireForm(cutInto(stored, cuts)).toString("latin1");
      assert.equal(sent, naiveWireForm(stored.toString("latin1")));
    }),
  );
});

test("undoing what a client undoes gives the message back", () => {
  fc.assert(
    fc.property(messageOctets, (stored) => {
      const sent = wireForm([stored]).toString("latin1");
      assert.ok(sent.endsWith(".\r\n"));
      const received = sent.slice(0, -3).replace(/(^|\r\n)\.\./g, "$1.");
      const expected = stored.toString("latin1").replace(/(?<!\r)\n/g, "\r\n");
      const ending = expected === "" || expected.endsWith("\r\n") ? "" : "\r\n";
      assert.equal(received, expected + ending);
    }),
  );
});

test("no message ends before its end: CRLF.CRLF is there once, at the end", () => {
  fc.assert(
    fc.property(messageOctets, (stored) => {
      const sent = `\r\n${wireForm([stored]).toString("latin1")}`;
      assert.equal(sent.indexOf("\r\n.\r\n"), sent.length - 5);
    }),
  );
});

test("the octets counted while sending are the octets that LIST counts", () => {
  fc.assert(
    fc.property(messageOctets, fc.infiniteStream(fc.nat(9)), (stored, cuts) => {
      const form = new WireForm();
      const size = new WireSize();
      for (const piece of cutInto(stored, cuts)) {
        form.convert(piece);
        size.add(piece);
      }
      const withCrlf = stored.toString("latin1").replace(/(?<!\r)\n/g, "\r\n").length;
      assert.deepEqual([form.octets, size.octets], [withCrlf, withCrlf]);
    }),
  );
});

/** What is stored, the lines asked for, what is left to be sent; latin1. */
const TOP_ROWS: readonly [name: string, stored: string, lines: number, taken: string][] = [
  ["0 lines: header and blank line", "a: b\nc: d\n\nx\ny\n", 0, "a: b\nc: d\n\n"],
  ["1 line", "a: b\n\nx\ny\n", 1, "a: b\n\nx\n"],
  ["as many as there are", "a: b\n\nx\ny\n", 2, "a: b\n\nx\ny\n"],
  ["more than there are", "a: b\n\nx\ny\n", 99, "a: b\n\nx\ny\n"],
  ["a last line without its end", "a: b\n\nx\ny", 2, "a: b\n\nx\ny"],
  ["empty lines count in the body", "a: b\n\n\n\nx\n", 2, "a: b\n\n\n\n"],
  ["a message without a blank line is all header", "a: b\nc: d\n", 0, "a: b\nc: d\n"],
  ["a message that begins with the blank line", "\nx\ny\n", 1, "\nx\n"],
  ["a blank line may be CRLF", "a: b\r\n\r\nx\r\ny\r\n", 1, "a: b\r\n\r\nx\r\n"],
  ["a line of CR CR is not blank", "a: b\n\r\r\n\nx\n", 0, "a: b\n\r\r\n\n"],
  ["a line of a space is not blank", "a: b\n \n\nx\n", 0, "a: b\n \n\n"],
  ["the empty message", "", 0, ""],
];

for (const [name, stored, lines, taken] of TOP_ROWS) {
  test(`TOP, ${name}`, () => assert.equal(top([latin1(stored)], lines).toString("latin1"), taken));
}

test("TOP of any message in any cut is what a naive cut makes of it", () => {
  fc.assert(
    fc.property(messageOctets, fc.nat(5), fc.infiniteStream(fc.nat(5)), (stored, lines, cuts) => {
      const taken = top(cutInto(stored, cuts), lines).toString("latin1");
      assert.equal(taken, naiveTop(stored.toString("latin1"), lines));
    }),
  );
});

function wireForm(pieces: readonly Buffer[]): Buffer {
  const form = new WireForm();
  const sent = pieces.map((piece) => form.convert(piece));
  return Buffer.concat([...sent, form.end()]);
}

function top(pieces: readonly Buffer[], lines: number): Buffer {
  const cut = new TopCut(lines);
  const taken: Uint8Array[] = [];
  for (const piece of pieces) if (!cut.done) taken.push(Uint8Array.from(cut.take(piece)));
  return Buffer.concat(taken);
}

function naiveWireForm(stored: string): string {
  const lines = stored.replace(/(?<!\r)\n/g, "\r\n").split("\r\n");
  const stuffed = lines.map((line) => (line.startsWith(".") ? `.${line}` : line)).join("\r\n");
  return stuffed === "" || stuffed.endsWith("\r\n") ? `${stuffed}.\r\n` : `${stuffed}\r\n.\r\n`;
}

function naiveTop(stored: string, count: number): string {
  const lines = stored.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  const blank = lines.findIndex((line) => line === "\n" || line === "\r\n");
  return blank < 0 ? stored : lines.slice(0, blank + 1 + count).join("");
}

function latin1(text: string): Buffer {
  return Buffer.from(text, "latin1");
}
