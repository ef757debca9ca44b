/** The aliases file: what is read from it, and what is refused with the line it stands on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatMailbox } from "../../../shared/address.js";
import { parseAliases } from "../../../smtpd/receive/aliases.js";

function read(text: string): Record<string, string[]> {
  const { aliases, errors } = parseAliases(text, "example.org");
  assert.deepEqual(errors, []);
  return Object.fromEntries([...aliases].map(([key, targets]) => [key, targets.map(formatMailbox)]));
}

test("reads keys of each form, targets with and without domain, comments, continued lines", () => {
  const text = [
    "# who gets what",
    "postmaster: alice",
    "",
    "Sales@Example.ORG: alice, bob@example.net,",
    "   carol,",
    "  # a comment between",
    "\tdave",
    "@example.net: alice@example.org",
    '"a: b, c": "odd, one"@example.org',
  ].join("\r\n");
  assert.deepEqual(read(text), {
    postmaster: ["alice@example.org"],
    "sales@example.org": ["alice@example.org", "bob@example.net", "carol@example.org", "dave@example.org"],
    "@example.net": ["alice@example.org"],
    "a: b, c": ['"odd, one"@example.org'],
  });
});

const bad: readonly (readonly [what: string, text: string, lines: number[]])[] = [
  ["a pipe", "x: |/bin/sh", [1]],
  ["a quoted pipe", 'x: "|/bin/sh -c true"', [1]],
  ["a file", "ok: alice\nx: /var/mail/x", [2]],
  ["an include", "x: :include:/etc/list", [1]],
  ["no colon", "alice", [1]],
  ["no target", "alice:", [1]],
  ["a bad address", "x: a@b@c", [1]],
  ["a bad key", "a b: alice", [1]],
  ["a key twice", "x: a\ny: b\nX: c", [3]],
  ["a loop of two", "a: b\nb: a", [1]],
  ["a loop of three behind a chain", "z: a\na: b@example.org\nb: c\nc: a", [2]],
  ["several at once", "a\nb: |x\nc: d", [1, 2]],
  [
    "more targets than a list should have",
    `x: ${Array.from({ length: 1001 }, (_, i) => `u${i}`).join(",")}`,
    [1],
  ],
];
for (const [what, text, lines] of bad) {
  test(`refuses ${what}, naming the line`, () => {
    const { errors } = parseAliases(text, "example.org");
    assert.deepEqual(
      errors.map((error) => error.line),
      lines,
    );
  });
}

test("an alias that keeps a copy for the account of its own name is no loop", () => {
  assert.deepEqual(read("alice: alice, bob"), { alice: ["alice@example.org", "bob@example.org"] });
});

test("two ways to the same alias are no loop", () => {
  assert.deepEqual(Object.keys(read("a: b, c\nb: d\nc: d\nd: e")), ["a", "b", "c", "d"]);
});

test("never throws, whatever the file holds", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", maxLength: 200 }),
      (text) => void parseAliases(text, "example.org"),
    ),
  );
});
