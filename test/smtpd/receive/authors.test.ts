/** Who a message is from: what is clear is read, and whatever programs could read differently is refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatMailbox } from "../../../shared/address.js";
import { authorsOf } from "../../../smtpd/receive/authors.js";
import { HeaderSection } from "../../../smtpd/receive/header-section.js";

/** The addresses, or the reply's code. */
function authors(message: string, encoding: BufferEncoding = "utf8"): string[] | number {
  const header = new HeaderSection();
  header.push(Buffer.from(message, encoding));
  header.end();
  const found = authorsOf(header);
  return "code" in found ? found.code : found.map(formatMailbox);
}

const clear: readonly (readonly [header: string, authors: string[]])[] = [
  ["From: alice@us.example\n\n", ["alice@us.example"]],
  ["FROM:<alice@us.example>\n\n", ["alice@us.example"]],
  ["From: Alice <alice@us.example>\n\n", ["alice@us.example"]],
  ["From: Alice Q. Public\n <alice@us.example>\n\n", ["alice@us.example"]],
  ['From: "ceo@corp.example <ceo@corp.example>" <alice@us.example>\n\n', ["alice@us.example"]],
  ["From: =?utf-8?q?ceo=40corp=2Eexample?= <alice@us.example>\n\n", ["alice@us.example"]],
  ["From: alice@us.example (Alice (of us))\n\n", ["alice@us.example"]],
  [
    "From: a@us.example, B <b@us.example>\nSender: c@us.example\n\n",
    ["a@us.example", "b@us.example", "c@us.example"],
  ],
  ["From: We: a@us.example, b@us.example;\n\n", ["a@us.example", "b@us.example"]],
  ['From: "a b"@us.example\n\n', ['"a b"@us.example']],
  ["From: Ærø <jørgen@dæmon.example>\n\n", ["jørgen@xn--dmon-voa.example"]],
  ["Subject: none\n\nFrom: body@them.example\n", []],
  ["", []],
  // No header at all: From is put above a blank line, and this is the body.
  ["Hello\nFrom: ceo@corp.example\n\n", []],
  ["To: x\nX-From: ceo@corp.example\n\n", []],
];
for (const [header, expected] of clear)
  test(`reads ${JSON.stringify(header)}`, () => assert.deepEqual(authors(header), expected));

const doubtful: readonly string[] = [
  "From: alice@us.example\nFrom: ceo@corp.example\n\n",
  "From: alice@us.example\nfrom : ceo@corp.example\n\n",
  "From: alice@us.example\nSender: alice@us.example\nSender: ceo@corp.example\n\n",
  // Lines that are no fields, behind which some programs go on reading.
  "From: alice@us.example\nnonsense\nFrom: ceo@corp.example\n\n",
  "To: x\nnonsense\nFrom: ceo@corp.example\n\n",
  "To: x\nFrom ceo@corp.example: x\nFrom: alice@us.example\n\n",
  ">From alice@us.example Sat Jan  3\nFrom: alice@us.example\n\n",
  "To: x\nFr\u00f6m: ceo@corp.example\nFrom: alice@us.example\n\n",
  // Not an address, or more than one way to read it.
  "From:\n\n",
  "From: Alice\n\n",
  "From: <>\n\n",
  "From: undisclosed:;\n\n",
  "From: alice\n\n",
  "From: ceo@corp.example <alice@us.example>\n\n",
  "From: ceo@corp.example alice@us.example\n\n",
  "From: <ceo@corp.example> <alice@us.example>\n\n",
  "From: <alice@us.example> ceo@corp.example\n\n",
  "From: alice@us.example; ceo@corp.example\n\n",
  "From: alice@us.example (<ceo@corp.example>)\n\n",
  "From: alice(ceo@corp.example)@us.example\n\n",
  "From: alice @us.example\n\n",
  "From: alice@ us.example\n\n",
  "From: alice@us.example\n .corp.example\n\n",
  "From: <@corp.example:alice@us.example>\n\n",
  "From: <alice@us.example\n\n",
  'From: "alice@us.example\n\n',
  "From: (alice@us.example\n\n",
  "From: a: b: alice@us.example;\n\n",
  "From: alice@us.example@corp.example\n\n",
  "From: alice@[corp.example]\n\n",
  `From: ${"a@us.example, ".repeat(101)}b@us.example\n\n`,
  `From: "${"x".repeat(17_000)}" <alice@us.example>\n\n`,
];
for (const header of doubtful)
  test(`refuses ${JSON.stringify(header.slice(0, 90))}`, () => assert.equal(authors(header), 550));

test("a name in another character set is let pass, an address is not", () => {
  assert.deepEqual(authors("From: Andr\u00e9 <andre@us.example>\n\n", "latin1"), ["andre@us.example"]);
  assert.notDeepEqual(authors("From: andr\u00e9@us.example\n\n", "latin1"), ["andr\u00e9@us.example"]);
});

test("never throws, and takes no longer the more there is", () => {
  const piece = fc.constantFrom(
    "From:",
    "a@b.c",
    "<",
    ">",
    "(",
    ")",
    '"',
    ",",
    ";",
    ":",
    "@",
    "\\",
    " ",
    "\n",
    "\n ",
    "x",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => void authors(`From: ${pieces.join("")}\n\n`)),
  );
  for (const heap of ["(", ")", '"', "<", ",", ":", "@", "a ", "a.", "\\", "(a)", "\n "])
    void authors(`From: ${heap.repeat(Math.floor(16_000 / heap.length))}\n\n`);
});
