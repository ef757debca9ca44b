/** Addresses: what is one and what is none, and that each has one form. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  addressOfLiteral,
  formatMailbox,
  isAscii,
  type Mailbox,
  mailboxKey,
  parseDomain,
  parseLocalPart,
  parseMailbox,
  withoutDetail,
} from "../../shared/address.js";

const longest = `${"l".repeat(255)}@${"d".repeat(63)}.example`;

/** As written, and what it stands for: RFC 5321 §4.1.2, §4.1.3; RFC 5322 §3.2.3; RFC 6531 §3.3. */
const good: readonly (readonly [string, string, string])[] = [
  ["alice@example.org", "alice", "example.org"],
  ["a@localhost", "a", "localhost"],
  ["a.b.c@example.org", "a.b.c", "example.org"],
  ["!#$%&'*+-/=?^_`{|}~@example.org", "!#$%&'*+-/=?^_`{|}~", "example.org"],
  ["user%ext@us.example", "user%ext", "us.example"],
  ["ext!user@us.example", "ext!user", "us.example"],
  ["Alice@EXAMPLE.Org", "Alice", "example.org"],
  ['"alice"@example.org', "alice", "example.org"],
  ['"a b"@example.org', "a b", "example.org"],
  ['" "@example.org', " ", "example.org"],
  ['"a..b"@example.org', "a..b", "example.org"],
  ['".a."@example.org', ".a.", "example.org"],
  ['"a@b"@example.org', "a@b", "example.org"],
  ['"a\\"b\\\\c"@example.org', 'a"b\\c', "example.org"],
  ['"\\a\\b"@example.org', "ab", "example.org"],
  ['"<>()[],;:"@example.org', "<>()[],;:", "example.org"],
  [longest, "l".repeat(255), `${"d".repeat(63)}.example`],
  ["a@x.1", "a", "x.1"],
  ["a@1and1.example", "a", "1and1.example"],
  ["a@_dmarc.example", "a", "_dmarc.example"],
  ["a@[192.0.2.1]", "a", "[192.0.2.1]"],
  ["a@[IPv6:2001:DB8::1]", "a", "[IPv6:2001:db8::1]"],
  ["a@[ipv6:::1]", "a", "[IPv6:::1]"],
  ["a@[IPv6:::ffff:192.0.2.1]", "a", "[IPv6:::ffff:192.0.2.1]"],
  ["grün@example.org", "grün", "example.org"],
  ["gru\u0308n@example.org", "grün", "example.org"],
  ["用户@例子.广告", "用户", "xn--fsqu00a.xn--4rr70v"],
  ["a@bücher.example", "a", "xn--bcher-kva.example"],
  ["a@BU\u0308CHER.example", "a", "xn--bcher-kva.example"],
  ["a@XN--BCHER-KVA.example", "a", "xn--bcher-kva.example"],
  ["a@faß.example", "a", "xn--fa-hia.example"],
  ["نامه\u200cای@example.org", "نامه\u200cای", "example.org"],
  // NFC makes ASCII of some characters: the Greek question mark is a semicolon, which wants quotes.
  ["a\u037eb@example.org", "a;b", "example.org"],
];

for (const [text, localPart, domain] of good) {
  test(`${JSON.stringify(text)} is a mailbox`, () => {
    assert.deepEqual(parseMailbox(text), { localPart, domain });
    assert.deepEqual(parseMailbox(formatMailbox({ localPart, domain })), { localPart, domain });
  });
}

const bad: readonly string[] = [
  "",
  "alice",
  "@",
  "@example.org",
  "alice@",
  "alice@@example.org",
  "a@b@example.org",
  "@us.example:u@them.example",
  ".a@example.org",
  "a.@example.org",
  "a..b@example.org",
  "a b@example.org",
  " a@example.org",
  "a@example.org ",
  "a@ example.org",
  "a,b@example.org",
  "a;b@example.org",
  "a:b@example.org",
  "(comment)a@example.org",
  "<a@example.org>",
  "a\\@b@example.org",
  '""@example.org',
  '"a@example.org',
  'a"@example.org',
  '"a"b@example.org',
  '"a"."b"@example.org',
  '"a"b"@example.org',
  '"a\\"@example.org',
  '"a"',
  '"a"example.org',
  `${"l".repeat(256)}@example.org`,
  `${"ü".repeat(128)}@example.org`,
  `"${"l".repeat(256)}"@example.org`,
  `a@${"d".repeat(64)}.example`,
  `a@${"d.".repeat(128)}example`,
  "a@-x.example",
  "a@x-.example",
  "a@x..example",
  "a@.example",
  "a@example.org.",
  "a@exa mple.org",
  "a@exa/mple.org",
  "a@example.org:25",
  "a@192.0.2.1",
  "a@[192.0.2.256]",
  "a@[192.0.2]",
  "a@[192.0.2.01]",
  "a@192.0.2.1]",
  "a@[192.0.2.1",
  "a@[[192.0.2.1]]",
  "a@[]",
  "a@[2001:db8::1]",
  "a@[IPv6:]",
  "a@[IPv6:2001:db8::1::]",
  "a@[IPv6:fe80::1%eth0]",
  "a@[IPv6:192.0.2.1]",
  "a@[x400:foo]",
  "a@[example.org]",
  // What a URL would make of these is another domain than the one that is written.
  "a@bücher.example/x",
  "a@bücher.example?x",
  "a@bücher.example#x",
  "a@bücher.example\\x",
  "a@bücher.example:25",
  "a@b%C3%BCcher.example",
  "a@bücher%41.example",
  "a@ü@example.org",
  "a@ü．org／x",
  "a@１９２.０.２.１",
  "a@ü.0x7f",
  "a@ü..example",
  "a@xn--a.ü.example",
];

for (const text of bad) {
  test(`${JSON.stringify(text)} is none`, () => {
    assert.equal(parseMailbox(text), undefined);
  });
}

/** By code point: what nobody sees, or what turns the line around. */
const invisible = [
  ...[0x00, 0x08, 0x09, 0x0a, 0x0d, 0x1b, 0x7f, 0x80, 0x85, 0x9f],
  ...[0xa0, 0xad, 0x061c, 0x180e, 0x2003, 0x200b, 0x200e, 0x200f, 0x2028, 0x2029],
  ...[0x202a, 0x202e, 0x2060, 0x2066, 0x2069, 0x3000, 0xfeff, 0xfff9, 0xe0001, 0xe0041],
  ...[0xd800, 0xdfff],
];

for (const code of invisible) {
  test(`U+${code.toString(16).padStart(4, "0")} is refused wherever it stands`, () => {
    const character = String.fromCodePoint(code);
    for (const text of [`a${character}b`, `"a${character}b"`, `"a\\${character}b"`]) {
      assert.equal(parseLocalPart(text), undefined);
    }
    assert.equal(parseDomain(`a${character}b.example`), undefined);
    assert.equal(parseDomain(`ü${character}b.example`), undefined);
  });
}

const character = fc.oneof(
  { arbitrary: fc.constantFrom(...'abzAZ019.+-_@"\\ ;:<>[]()/%!'), weight: 4 },
  { arbitrary: fc.string({ unit: "binary", minLength: 1, maxLength: 1 }), weight: 1 },
  { arbitrary: fc.constantFrom("ü", "u\u0308", "J\u030c", "İ", "ẞ", "Σ", "例", "\u037e"), weight: 1 },
);
const anyLocalPart = fc.string({ unit: character, minLength: 1, maxLength: 30 });
const anyDomain = fc.oneof(
  fc.constantFrom("example.org", "bücher.example", "[192.0.2.1]", "[IPv6:2001:db8::1]"),
  fc.domain(),
  fc.string({ unit: character, maxLength: 20 }),
);

describe("each mailbox has one form:", () => {
  test("what is written is read again as the same", () => {
    fc.assert(
      fc.property(anyLocalPart, anyDomain, fc.boolean(), (local, domain, quoted) => {
        const written = quoted ? `"${local.replace(/["\\]/g, "\\$&")}"` : local;
        const mailbox = parseMailbox(`${written}@${domain}`);
        if (mailbox === undefined) return;
        const formatted = formatMailbox(mailbox);
        assert.deepEqual(parseMailbox(formatted), mailbox);
        assert.equal(mailbox.localPart, mailbox.localPart.normalize("NFC"));
        assert.ok(isAscii(mailbox.domain));
        assert.equal(parseDomain(mailbox.domain), mailbox.domain);
      }),
      { numRuns: 1000 },
    );
  });

  test("no text is too odd to be read", () => {
    fc.assert(
      fc.property(fc.string({ unit: character, maxLength: 60 }), (text) => {
        parseMailbox(text);
      }),
      { numRuns: 1000 },
    );
  });

  test("any local-part can be said in quotes, as long as it is printable and short", () => {
    const printable = fc.string({
      unit: fc.integer({ min: 0x20, max: 0x7e }).map((c) => String.fromCharCode(c)),
    });
    fc.assert(
      fc.property(printable, (text) => {
        fc.pre(text.length > 0 && text.length <= 64);
        const mailbox: Mailbox = { localPart: text, domain: "example.org" };
        assert.deepEqual(parseMailbox(formatMailbox(mailbox)), mailbox);
      }),
    );
  });
});

describe("the key of a mailbox", () => {
  const same: readonly (readonly [string, string])[] = [
    ["alice@example.org", "ALICE@EXAMPLE.ORG"],
    ["alice@example.org", '"Alice"@example.org'],
    ["grün@example.org", "GRÜN@example.org"],
    ["grün@example.org", "GRU\u0308N@example.org"],
    ["ǰ@example.org", "J\u030c@example.org"],
    ["a@bücher.example", "A@xn--bcher-kva.EXAMPLE"],
    ['"a B"@example.org', '"A b"@example.org'],
  ];
  for (const [one, other] of same) {
    test(`is the same for ${one} and ${other}`, () => {
      const [a, b] = [parseMailbox(one), parseMailbox(other)];
      assert.ok(a && b);
      assert.equal(mailboxKey(a), mailboxKey(b));
    });
  }

  test("does not depend on case, and is the key of itself", () => {
    fc.assert(
      fc.property(anyLocalPart, (local) => {
        const mailbox = parseMailbox(`${local}@example.org`);
        if (mailbox === undefined) return;
        const key = mailboxKey(mailbox);
        const upper = mailbox.localPart.replace(/[a-z]/g, (letter) => letter.toUpperCase());
        assert.equal(mailboxKey({ ...mailbox, localPart: upper }), key);
        const again = parseMailbox(key);
        // Lower case can be longer: İ is two octets, and three as i with a dot above.
        if (again !== undefined) assert.equal(mailboxKey(again), key);
      }),
      { numRuns: 1000 },
    );
  });

  test("differs where the mailboxes do", () => {
    const texts = ["a@x", "a.@x", '"a@x"@x', "a+b@x", "a@[192.0.2.1]", "a@x.y"];
    const keys = texts.map((text) => parseMailbox(text)).map((mailbox) => mailbox && mailboxKey(mailbox));
    assert.equal(new Set(keys.filter((key) => key !== undefined)).size, texts.length - 1);
  });
});

describe("parts", () => {
  const details: readonly (readonly [string, string | undefined])[] = [
    ["alice+lists@example.org", "alice"],
    ["alice+a+b@example.org", "alice"],
    ["alice+@example.org", "alice"],
    ['"a b+c"@example.org', "a b"],
    ["+lists@example.org", undefined],
    ["alice@example.org", undefined],
  ];
  for (const [text, expected] of details) {
    test(`${text} without its detail is of ${expected}`, () => {
      const mailbox = parseMailbox(text);
      assert.ok(mailbox);
      assert.equal(withoutDetail(mailbox)?.localPart, expected);
    });
  }

  test("the address of a literal", () => {
    assert.equal(addressOfLiteral("[192.0.2.1]"), "192.0.2.1");
    assert.equal(addressOfLiteral("[IPv6:2001:db8::1]"), "2001:db8::1");
    assert.equal(addressOfLiteral("example.org"), undefined);
  });
});
