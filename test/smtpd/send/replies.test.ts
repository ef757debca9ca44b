/** Reading replies: in any cut, bounded, and made safe. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { extensionsOf } from "../../../smtpd/send/extensions.js";
import { type HostReply, ReplyReader, remoteReply } from "../../../smtpd/send/replies.js";

function read(...pieces: readonly (string | Buffer)[]): (HostReply | "malformed")[] {
  const reader = new ReplyReader();
  return pieces.flatMap((piece) => [...reader.push(Buffer.from(piece))]);
}

const ROWS: readonly [name: string, octets: string, replies: (HostReply | "malformed")[]][] = [
  ["one line", "250 ok\r\n", [{ code: 250, lines: ["ok"] }]],
  ["several lines", "250-a\r\n250-b\r\n250 c\r\n", [{ code: 250, lines: ["a", "b", "c"] }]],
  ["a code alone", "250\r\n", [{ code: 250, lines: [""] }]],
  ["a code alone after others", "250-a\r\n250\r\n", [{ code: 250, lines: ["a", ""] }]],
  [
    "several replies",
    "250 a\r\n550 b\r\n",
    [
      { code: 250, lines: ["a"] },
      { code: 550, lines: ["b"] },
    ],
  ],
  ["LF alone", "250-a\n250 b\n", [{ code: 250, lines: ["a", "b"] }]],
  ["a reply that is not whole", "250-a\r\n250 b", []],
  ["controls", "250 a\tb\u0000c\u001bd\r\n", [{ code: 250, lines: ["a?b?c?d"] }]],
  ["a CR in a line is no line end", "250 a\r250 b\r\n", [{ code: 250, lines: ["a?250 b"] }]],
  ["what would turn the direction of text", "250 a\u202eb\u2028c\r\n", [{ code: 250, lines: ["a?b?c"] }]],
  ["UTF-8", "250 gr\u00fc\u00dfe\r\n", [{ code: 250, lines: ["gr\u00fc\u00dfe"] }]],
  ["different codes", "250-a\r\n251 b\r\n", ["malformed"]],
  ["no code", "ok\r\n", ["malformed"]],
  ["a code of class 1", "150 a\r\n", ["malformed"]],
  ["a code of class 6", "650 a\r\n", ["malformed"]],
  ["four digits", "2500 a\r\n", ["malformed"]],
  ["no space", "250ok\r\n", ["malformed"]],
  ["digits that are no ASCII", "\u0662\u0665\u0660 ok\r\n", ["malformed"]],
  ["nothing after what is no reply", "x\r\n250 ok\r\n", ["malformed"]],
];

for (const [name, octets, replies] of ROWS) {
  test(`a reply: ${name}`, () => assert.deepEqual(read(octets), replies));
}

test("any cut gives the same replies", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...ROWS),
      fc.infiniteStream(fc.integer({ min: 1, max: 5 })),
      ([, text, replies], sizes) => {
        const octets = Buffer.from(text);
        const pieces: Buffer[] = [];
        for (let at = 0; at < octets.length; ) {
          const size = sizes.next().value ?? 1;
          pieces.push(octets.subarray(at, at + size));
          at += size;
        }
        const reader = new ReplyReader();
        const got: (HostReply | "malformed")[] = [];
        for (const piece of pieces) {
          got.push(...reader.push(piece));
          // Nobody reads on after that.
          if (got.at(-1) === "malformed") break;
        }
        assert.deepEqual(got, replies);
      },
    ),
  );
});

test("a line and a reply have an end", () => {
  assert.deepEqual(read(`250 ${"x".repeat(4000)}\r\n`).length, 1);
  assert.deepEqual(read(`250 ${"x".repeat(4100)}\r\n`), ["malformed"]);
  assert.deepEqual(read("2".repeat(5000)), ["malformed"]);
  assert.deepEqual(read("250-x\r\n".repeat(199), "250 x\r\n").length, 1);
  assert.deepEqual(read("250-x\r\n".repeat(201)), ["malformed"]);
});

test("octets that are no text are shown as such", () => {
  const [reply] = read(Buffer.from("550 gr\xfc\xdfe\r\n", "latin1"));
  assert.deepEqual(reply, { code: 550, lines: ["gr\ufffd\ufffde"] });
});

test("who takes a reply may drop what came behind it", () => {
  const reader = new ReplyReader();
  const got: (HostReply | "malformed")[] = [];
  for (const reply of reader.push(Buffer.from("220 go on\r\n250 injected\r\n250-and"))) {
    got.push(reply);
    reader.clear();
  }
  got.push(...reader.push(Buffer.from("250 after\r\n")));
  assert.deepEqual(got, [
    { code: 220, lines: ["go on"] },
    { code: 250, lines: ["after"] },
  ]);
});

test("what is kept of a reply is bounded, its enhanced status code apart", () => {
  const kept = remoteReply({ code: 550, lines: ["5.1.1 no such", "5.1.1 mailbox", "5.1.12 x", "5.1.1"] });
  assert.deepEqual(kept, { code: 550, status: "5.1.1", lines: ["no such", "mailbox", "x", ""] });
  assert.equal(remoteReply({ code: 550, lines: ["4.1.1 no"] }).status, undefined);
  assert.equal(remoteReply({ code: 550, lines: ["5.1.1no"] }).status, undefined);
  assert.equal(remoteReply({ code: 550, lines: ["5.1234.1 no"] }).status, undefined);
  const long = remoteReply({ code: 550, lines: Array.from({ length: 200 }, () => "\u{1f600}".repeat(1000)) });
  assert.equal(long.lines.length, 20);
  assert.equal([...(long.lines[0] ?? "")].length, 500);
});

test("extensions are keywords at the start of a line, and nothing else", () => {
  const all = extensionsOf({
    code: 250,
    lines: [
      "x",
      "pipelining",
      "SIZE 1000",
      "8BITMIME",
      "DSN",
      "SMTPUTF8",
      "AUTH PLAIN login",
      "AUTH=CRAM-MD5",
    ],
  });
  assert.deepEqual(all, {
    pipelining: true,
    eightBitMime: true,
    dsn: true,
    smtputf8: true,
    size: 1000,
    auth: ["PLAIN", "LOGIN", "CRAM-MD5"],
  });
  const none = extensionsOf({
    code: 250,
    lines: ["mx DSN PIPELINING", "XDSN", "X PIPELINING", "HELP AUTH PLAIN"],
  });
  assert.deepEqual(none, extensionsOf({ code: 250, lines: [] }));
  assert.equal(extensionsOf({ code: 250, lines: ["x", "SIZE"] }).size, 0);
  assert.equal(extensionsOf({ code: 250, lines: ["x", "SIZE many"] }).size, 0);
});
