/** Which mailboxes a header field such as To names. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { formatMailbox } from "../../../shared/address.js";
import { parseAddressList } from "../../../smtpd/receive/address-list.js";

const LISTS: readonly (readonly [string, readonly string[]])[] = [
  ["bob@example.org", ["bob@example.org"]],
  [" Bob Jones <bob@example.org>", ["bob@example.org"]],
  ["Bob Q. Jones <bob@example.org>,carol@b.example", ["bob@example.org", "carol@b.example"]],
  ['"Jones, Bob (Sales) <x@y>" <bob@example.org>', ["bob@example.org"]],
  ["bob@example.org (Bob Jones, (\\) nested) of Sales)", ["bob@example.org"]],
  ["Bob\n <bob@example.org>,\n\tcarol@b.example", ["bob@example.org", "carol@b.example"]],
  ["Jörg Müller <joerg@example.org>", ["joerg@example.org"]],
  ["=?utf-8?Q?J=C3=B6rg?= <joerg@example.org>", ["joerg@example.org"]],
  ["jörg@münchen.example", ["jörg@xn--mnchen-3ya.example"]],
  ['"a b"@example.org', ['"a b"@example.org']],
  ["bob @ example . org", ["bob@example.org"]],
  ["u@[192.0.2.1], v@[IPv6:2001:db8::1]", ["u@[192.0.2.1]", "v@[IPv6:2001:db8::1]"]],
  ["<@a.example,@b.example:bob@example.org>", ["bob@example.org"]],
  ["undisclosed-recipients:;", []],
  [
    "A Group: bob@example.org, Carol <carol@b.example>; , dave@c.example",
    ["bob@example.org", "carol@b.example", "dave@c.example"],
  ],
  ["G: Bob <bob@example.org>;", ["bob@example.org"]],
  ["bob@example.org; carol@b.example;", ["bob@example.org", "carol@b.example"]],
  [", ,bob@example.org,,", ["bob@example.org"]],
  ["", []],
  ["root", ["root@default.example"]],
  ["Root <root>, mail.admin", ["root@default.example", "mail.admin@default.example"]],
];

describe("address lists", () => {
  for (const [text, expected] of LISTS)
    test(JSON.stringify(text), () =>
      assert.deepEqual(parseAddressList(text, "default.example")?.map(formatMailbox), expected),
    );
});

describe("no address lists", () => {
  for (const text of [
    "Bob Jones",
    "Bob bob@example.org",
    "bob@",
    "@example.org",
    "bob@@example.org",
    "<bob@example.org",
    "<bob@example.org> x",
    "bob@example.org>",
    "<>",
    "a:b:c@d.example;;",
    ":bob@example.org;",
    "A: bob@example.org",
    "(open bob@example.org",
    '"open bob@example.org',
    "bob@[192.0.2.1",
    "bob..jones@example.org",
    "bob@example..org",
    "\\bob@example.org",
    "bob)@example.org",
  ])
    test(JSON.stringify(text), () => assert.equal(parseAddressList(text, "default.example"), undefined));

  test("a bare local-part where no domain is given for it", () => {
    assert.equal(parseAddressList("root"), undefined);
    assert.equal(parseAddressList("Root <root>, bob@example.org"), undefined);
  });
});

test("any text is read without an error, and what is found is written so that it is found again", () => {
  const piece = fc.constantFrom(
    "<",
    ">",
    ":",
    ";",
    ",",
    ".",
    "@",
    "(",
    ")",
    '"',
    "\\",
    " ",
    "\n",
    "[",
    "]",
    "a",
    "b.c",
    "x@y.z",
    "é",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const found = parseAddressList(pieces.join(""));
      if (found !== undefined) assert.deepEqual(parseAddressList(found.map(formatMailbox).join(", ")), found);
    }),
    { numRuns: 2000 },
  );
});
