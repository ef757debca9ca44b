/** Surrogates: what they are of fields of every kind, and what holds for those of any octets, cut anywhere. */
import assert from "node:assert/strict";
import { isAscii } from "node:buffer";
import { describe, test } from "node:test";
import fc from "fast-check";
import { sizesOf } from "../../pop3d/measure.js";
import { Surrogate } from "../../pop3d/surrogate.js";
import { WireSize, wireSizeOf } from "../../shared/maildir/wire-size.js";
import { WireForm } from "../../shared/wire-form.js";
import { cutInto, messageOctets } from "./arbitraries.js";

const INVALID = "<invalid@internationalized-address.invalid>";

/** A field as it is stored, in UTF-8 or (with \xHH beyond it) latin1, and in the surrogate; "" where it is left out. */
const FIELDS: readonly (readonly [what: string, stored: string, sent: string])[] = [
  ["a subject", "Subject: Grüße aus Köln", "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= aus =?utf-8?Q?K=C3=B6ln?="],
  ["a subject in Japanese", "Subject: 日本語", "Subject: =?utf-8?B?5pel5pys6Kqe?="],
  ["words that belong together", "Subject: né  üb", "Subject: =?utf-8?Q?n=C3=A9__=C3=BCb?="],
  ["no space after the colon", "Subject:é", "Subject: =?utf-8?Q?=C3=A9?="],
  ["a name of any case", "SUBJECT: é", "SUBJECT: =?utf-8?Q?=C3=A9?="],
  ["space before the colon", "Subject : é", "Subject: =?utf-8?Q?=C3=A9?="],
  [
    "the space between two words of which one is encoded already",
    "Subject: =?utf-8?Q?a?= é =?utf-8?Q?b?=",
    "Subject: =?utf-8?Q?a?= =?utf-8?Q?_=C3=A9_?= =?utf-8?Q?b?=",
  ],
  ["a word that ends in the octet 0xA0", "Subject: à", "Subject: =?utf-8?Q?=C3=A0?="],
  ["a field of anybody's", "X-Größe-nicht: é", ""],
  ["a field that nobody knows", "X-Thing: é", "X-Thing: =?utf-8?Q?=C3=A9?="],
  ["a folded field", "Subject: é\n plain\r\n\tü", "Subject: =?utf-8?Q?=C3=A9?= plain\t=?utf-8?Q?=C3=BC?="],
  ["a display name", "From: Jörg <joerg@x.test>", "From: =?utf-8?Q?J=C3=B6rg?= <joerg@x.test>"],
  [
    "a display name in quotes",
    'From: "Jörg \\"J\\" Müller, Dr." <j@x.test>',
    "From: =?utf-8?Q?J=C3=B6rg_=22J=22_M=C3=BCller=2C_Dr=2E?= <j@x.test>",
  ],
  [
    "addresses that are ASCII among others",
    "To: a@x.test,Jörg <j@x.test>, (c) b@x.test",
    "To: a@x.test, =?utf-8?Q?J=C3=B6rg?= <j@x.test>, (c) b@x.test",
  ],
  ["a domain", "To: info@bücher.example", "To: info@xn--bcher-kva.example"],
  [
    "a domain and a comment",
    "Cc: info@bücher.example (Büro)",
    "Cc: info@xn--bcher-kva.example (=?utf-8?Q?B=C3=BCro?=)",
  ],
  ["a local-part", "To: jörg@x.test", `To: =?utf-8?Q?j=C3=B6rg=40x=2Etest?= ${INVALID}`],
  [
    "a local-part with a name",
    "To: Fred <fréd@x.test>",
    `To: Fred =?utf-8?Q?=28fr=C3=A9d=40x=2Etest=29?= ${INVALID}`,
  ],
  ["a local-part in quotes", 'To: "j ö"@x.test', `To: =?utf-8?Q?=22j_=C3=B6=22=40x=2Etest?= ${INVALID}`],
  ["a domain that is none", "To: a@ü..test", `To: =?utf-8?Q?a=40=C3=BC=2E=2Etest?= ${INVALID}`],
  ["a name without an address", "To: Jörg", `To: =?utf-8?Q?J=C3=B6rg?= ${INVALID}`],
  [
    "a group",
    "To: Büro: a@x.test, Jörg <b@x.test>;",
    "To: =?utf-8?Q?B=C3=BCro?=: a@x.test, =?utf-8?Q?J=C3=B6rg?= <b@x.test>;",
  ],
  ["an empty group with a comment", "To: undisclosed:(é);", "To: undisclosed: (=?utf-8?Q?=C3=A9?=);"],
  [
    "an address literal",
    "To: a@[IPv6:2001:db8::1], é <b@x.test>",
    "To: a@[IPv6:2001:db8::1], =?utf-8?Q?=C3=A9?= <b@x.test>",
  ],
  ["a return path", "Return-Path: <jörg@x.test>", `Return-Path: ${INVALID}`],
  [
    "a return path with a domain",
    "Return-Path: <j@bücher.example>",
    "Return-Path: <j@xn--bcher-kva.example>",
  ],
  ["keywords", "Keywords: é, plain, ü", "Keywords: =?utf-8?Q?=C3=A9?=, plain, =?utf-8?Q?=C3=BC?="],
  [
    "the name of an attachment",
    'Content-Disposition: attachment; filename="Größe.pdf"; size=3',
    "Content-Disposition: attachment; filename*=utf-8''Gr%C3%B6%C3%9Fe.pdf; size=3",
  ],
  [
    "one without quotes",
    "Content-Disposition: attachment; filename=Größe (1).pdf",
    "Content-Disposition: attachment; filename*=utf-8''Gr%C3%B6%C3%9Fe%20%281%29.pdf",
  ],
  [
    "one in latin1",
    'Content-Type: text/plain; name="caf\\xe9"',
    "Content-Type: text/plain; name*=unknown-8bit''caf%E9",
  ],
  [
    "a parameter whose name is not ASCII",
    "Content-Type: text/plain; größe=3; charset=utf-8",
    "Content-Type: text/plain; charset=utf-8",
  ],
  ["a parameter that says it is encoded", "Content-Type: text/plain; name*=é", "Content-Type: text/plain"],
  ["a type that is none", "Content-Type: téxt/plain", ""],
  [
    "a comment in a type",
    "Content-Type: text/plain (é); charset=utf-8",
    "Content-Type: text/plain (=?utf-8?Q?=C3=A9?=); charset=utf-8",
  ],
  ["identifiers", "References: <a@x.test> <é@x.test> <b@x.test>", "References: <a@x.test> <b@x.test>"],
  ["an identifier", "Message-ID: <é@x.test>", ""],
  [
    "a date with a comment",
    "Date: Sun, 22 Nov 2026 08:00:00 +0000 (é)",
    "Date: Sun, 22 Nov 2026 08:00:00 +0000 (=?utf-8?Q?=C3=A9?=)",
  ],
  ["a signature", "DKIM-Signature: v=1; d=bücher.example", ""],
  [
    "a trace field",
    "Received: from a (ü) by b for <é@x.test>; date",
    "Received: from a (=?utf-8?Q?=C3=BC?=) by b; date",
  ],
  ["a trace field that has it elsewhere", "Received: from ü by b; date", ""],
  ["text in latin1", "Subject: caf\\xe9 noir", "Subject: =?unknown-8bit?Q?caf=E9?= noir"],
  [
    "text in Shift_JIS",
    "Subject: \\x83\\x65\\x83\\x58\\x83\\x67",
    "Subject: =?unknown-8bit?Q?=83e=83X=83g?=",
  ],
  [
    "control characters beside it",
    "Subject: plain\\x00 née \\x0dtext",
    "Subject: =?utf-8?Q?plain=00_n=C3=A9e_=0Dtext?=",
  ],
  ["a line that is no field", "From jörg Sun Nov 22", "From =?utf-8?Q?j=C3=B6rg?= Sun Nov 22"],
];

describe("in the surrogate is", () => {
  for (const [what, stored, sent] of FIELDS) {
    test(what, () => {
      const [field, expected] = [octetsOf(stored), sent === "" ? "" : `${sent}\n`];
      const before = Buffer.from("Subject: ASCII\n");
      const after = Buffer.from("X: y\n\nbody \xe9\n", "latin1");
      const message = Buffer.concat([before, field, Buffer.from("\n"), after]);
      const whole = Buffer.concat([before, Buffer.from(expected), after]);
      assert.equal(unfolded(surrogateOf([message]).octets), whole.toString("latin1"));
      assert.equal(unfolded(surrogateOf([field]).octets), sent, "a message that ends there");
    });
  }
});

/** Fields that people and programs write, badly. */
const fieldText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ...["é", "日本", "\xe9", "\x83\x65", " ", "\t", "\r\n ", "\n\t", ",", ";", ":", "=", '"', "\\", "\r"],
      ),
      fc.constantFrom(
        ...["<", ">", "(", ")", "@", "[", "]", "a", "word", "name=", "for", "=?utf-8?Q?x?=", "*", "x.test"],
      ),
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.map((part) => (/[^\x00-\xff]|é/.test(part) ? utf8(part) : part)).join(""));
const fieldName = fc.constantFrom(
  ...[
    "Subject",
    "From",
    "To",
    "Return-Path",
    "Received",
    "Content-Type",
    "Content-Disposition",
    "Message-ID",
  ],
  ...["References", "Date", "Keywords", "X-Y", "DKIM-Signature", "no field", utf8("Grüße"), ""],
);
const header = fc
  .array(fc.tuple(fieldName, fc.constantFrom(":", ": ", ""), fieldText, fc.constantFrom("\n", "\r\n")), {
    maxLength: 6,
  })
  .map((fields) => fields.map((parts) => parts.join("")).join(""));
const message = fc
  .tuple(header, fc.constantFrom("", "\n", "\r\n"), messageOctets)
  .map(([head, blank, body]) => Buffer.concat([Buffer.from(head + blank, "latin1"), body]));
const anyMessage = fc.oneof(
  message,
  messageOctets,
  fc.uint8Array({ maxLength: 200 }).map((octets) => Buffer.from(octets)),
);

test("a surrogate of any octets has an ASCII header, and the same body", () => {
  fc.assert(
    fc.property(anyMessage, (stored) => {
      const { octets } = surrogateOf([stored]);
      const [sentHeader, sentBody] = parted(octets);
      assert.ok(isAscii(sentHeader), JSON.stringify(sentHeader.toString("latin1")));
      assert.ok(sentBody.equals(parted(stored)[1]));
    }),
    { numRuns: 3000 },
  );
});

test("a message with an ASCII header is its own surrogate, and so is a surrogate", () => {
  fc.assert(
    fc.property(anyMessage, (stored) => {
      const { octets, surrogate } = surrogateOf([stored]);
      assert.equal(surrogate.same, isAscii(parted(stored)[0]));
      if (surrogate.same) assert.ok(octets.equals(stored));
      assert.ok(surrogateOf([octets]).octets.equals(octets));
    }),
  );
});

test("whatever the cuts, it is the same, and so are its sizes", () => {
  fc.assert(
    fc.property(anyMessage, fc.infiniteStream(fc.nat(9)), (stored, cuts) => {
      const whole = surrogateOf([stored]);
      const cut = surrogateOf(cutInto(stored, cuts));
      assert.equal(cut.octets.toString("latin1"), whole.octets.toString("latin1"));
      assert.deepEqual(
        [cut.surrogate.added, cut.surrogate.same],
        [whole.surrogate.added, whole.surrogate.same],
      );
    }),
    { numRuns: 1000 },
  );
});

test("the sizes counted are the octets sent, of the message and of its surrogate", () => {
  fc.assert(
    fc.property(anyMessage, fc.infiniteStream(fc.nat(9)), (stored, cuts) => {
      const size = new WireSize();
      const surrogate = new Surrogate();
      for (const piece of cutInto(stored, cuts)) {
        size.add(piece);
        surrogate.convert(piece);
      }
      surrogate.end();
      const { octets, surrogateOctets = octets } = sizesOf(surrogate, size.octets);
      assert.deepEqual(
        [octets, surrogateOctets],
        [sentOctets(stored), sentOctets(surrogateOf([stored]).octets)],
      );
    }),
    { numRuns: 1000 },
  );
});

test("lines with encoded-words have 76 characters at most, and encoded-words 75", () => {
  fc.assert(
    fc.property(message, (stored) => {
      const [before, after] = [
        parted(stored)[0].toString("latin1"),
        parted(surrogateOf([stored]).octets)[0].toString(),
      ];
      for (const line of after.split("\n").filter((line) => !before.includes(line))) {
        for (const [word] of line.matchAll(/=\?[\w-]+\?[QB]\?[^?]*\?=/g)) assert.ok(word.length <= 75, word);
        if (/=\?[\w-]+\?[QB]\?/.test(line)) assert.ok(line.length <= 76, line);
      }
    }),
    { numRuns: 1000 },
  );
});

test("so they have where several separators follow", () => {
  const { octets } = surrogateOf([Buffer.from("To:=\x83ea;:;:;:\n\n", "latin1")]);
  for (const line of octets.toString("latin1").split("\n")) assert.ok(line.length <= 76, line);
});

test("a long text becomes encoded-words that hold whole characters", () => {
  const text = "ごきげんよう、みなさま。".repeat(50);
  const sent = surrogateOf([Buffer.from(`Subject: ${text}\n\n`)]).octets.toString();
  const words = [...sent.matchAll(/=\?utf-8\?B\?([^?]*)\?=/g)].map(([, base64 = ""]) =>
    Buffer.from(base64, "base64"),
  );
  assert.ok(words.length > 10);
  for (const word of words) assert.ok(!word.toString().includes("\ufffd"));
  assert.equal(Buffer.concat(words).toString(), text);
});

test("a long parameter becomes pieces that go together", () => {
  const name = `${"Größe und Länge ".repeat(20)}.pdf`;
  const sent = surrogateOf([
    Buffer.from(`Content-Disposition: attachment; filename="${name}"\n\n`),
  ]).octets.toString();
  const pieces = [...sent.matchAll(/filename\*(\d+)\*=(?:utf-8'')?(\S*?)(?:;|\n|$)/g)];
  assert.deepEqual(
    pieces.map(([, number]) => Number(number)),
    [...pieces.keys()],
  );
  assert.equal(decodeURIComponent(pieces.map(([, , piece]) => piece).join("")), name);
});

test("a field longer than anybody's is not held, and what is not ASCII in it is questionable", () => {
  const long = Buffer.from(`To: ${"x, ".repeat(30_000)}é${" y".repeat(30_000)} é\nSubject: é\n\n`);
  const expected = long
    .toString("latin1")
    .replace(utf8("é y"), "?? y")
    .replace(utf8("y é"), "y ??")
    .replace(utf8("Subject: é"), "Subject: =?utf-8?Q?=C3=A9?=");
  for (const size of [1000, 65_536, long.length]) {
    assert.equal(surrogateOf(cutInto(long, forEver(size))).octets.toString("latin1"), expected);
  }
});

test("fields are written anew up to a bound for the message, and up to one for its header", () => {
  const subjects = utf8(`Subject: ${"é".repeat(5000)}\n`);
  const long = Buffer.from(`${subjects.repeat(4)}Short: \xc3\xa9\n\n`, "latin1");
  const deep = Buffer.from(`${"X-Field: plain\n".repeat(20_000)}Subject: \xc3\xa9\n\n`, "latin1");
  for (const size of [1000, 65_536, deep.length]) {
    const sent = surrogateOf(cutInto(long, forEver(size))).octets.toString("latin1");
    assert.equal(sent.match(/^Subject: =/gm)?.length, 3);
    assert.match(sent, /^Subject: \?{10000}\nShort: =\?utf-8\?Q\?=C3=A9\?=\n\n$/m);
    const { octets, surrogate } = surrogateOf(cutInto(deep, forEver(size)));
    assert.equal(octets.toString("latin1"), deep.toString("latin1").replace("\xc3\xa9", "??"));
    assert.deepEqual([surrogate.same, surrogate.added], [false, 0]);
  }
});

test("a header of ten megabytes takes no memory to speak of", () => {
  const surrogate = new Surrogate();
  const line = Buffer.from(`X-Line: é ${"x".repeat(100)}\n`);
  const piece = Buffer.concat(Array.from({ length: 500 }, () => line));
  const before = process.memoryUsage().rss;
  let octets = 0;
  for (let sent = 0; sent < 10_000_000; sent += piece.length) octets += surrogate.convert(piece).length;
  assert.ok(octets > 10_000_000 && !surrogate.headerEnded);
  assert.ok(process.memoryUsage().rss - before < 200_000_000);
});

function surrogateOf(pieces: readonly Buffer[]): { readonly octets: Buffer; readonly surrogate: Surrogate } {
  const surrogate = new Surrogate();
  // A piece may be overwritten once it has been converted.
  const sent = pieces.map((piece) => {
    const copy = Buffer.from(piece);
    const converted = Buffer.from(surrogate.convert(copy));
    copy.fill("!");
    return converted;
  });
  return { octets: Buffer.concat([...sent, surrogate.end()]), surrogate };
}

function unfolded(octets: Buffer): string {
  return octets.toString("latin1").replace(/\n(?=[ \t])/g, "");
}

/** Header section with its blank line, and body; by a plain look. */
function parted(octets: Buffer): readonly [header: Buffer, body: Buffer] {
  const text = octets.toString("latin1");
  const blank = /^\r?\n/.exec(text) ?? /\n\r?\n/.exec(text);
  const end = blank === null ? octets.length : blank.index + blank[0].length;
  return [octets.subarray(0, end), octets.subarray(end)];
}

/** Octets that WireForm sends, not counting stuffing and the end. */
function sentOctets(octets: Buffer): number {
  const form = new WireForm();
  form.convert(octets);
  assert.equal(form.octets, wireSizeOf(octets));
  return form.octets;
}

/** UTF-8 as latin1, with `\xHH` for octets. */
function octetsOf(text: string): Buffer {
  const latin1 = utf8(text).replace(/\\x([0-9a-f]{2})/g, (_, hex) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(latin1, "latin1");
}

function utf8(text: string): string {
  return Buffer.from(text).toString("latin1");
}

function* forEver(length: number): Generator<number> {
  for (;;) yield length;
}
