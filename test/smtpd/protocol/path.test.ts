/** The arguments of MAIL and RCPT, up to their parameters. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { formatMailbox, parseMailbox } from "../../../shared/address.js";
import { parsePathArgument } from "../../../smtpd/protocol/path.js";

function parse(argument: string, keyword: "FROM" | "TO" = "FROM") {
  return parsePathArgument(keyword, Buffer.from(argument));
}

/** What an argument stands for: an address, `<>`, `postmaster`, or undefined. */
function meaning(argument: string, keyword: "FROM" | "TO" = "FROM"): string | undefined {
  const path = parse(argument, keyword)?.path;
  if (path === undefined || path.kind !== "mailbox") return path?.kind;
  return formatMailbox(path.mailbox);
}

describe("a path", () => {
  for (const [argument, expected] of [
    ["FROM:<a@b.example>", "a@b.example"],
    ["from:<a@b.example>", "a@b.example"],
    ["FROM: <a@b.example>", "a@b.example"],
    ["FROM:<>", "null"],
    ["FROM:<Postmaster>", "postmaster"],
    ["FROM:<a@B.EXAMPLE>", "a@b.example"],
    ['FROM:<"a b"@b.example>', '"a b"@b.example'],
    ['FROM:<"a>b"@b.example>', '"a>b"@b.example'],
    ['FROM:<"a\\"b"@b.example>', '"a\\"b"@b.example'],
    ['FROM:<"a"@b.example>', "a@b.example"],
    ["FROM:<a@[192.0.2.1]>", "a@[192.0.2.1]"],
    ["FROM:<a@[IPv6:2001:db8::1]>", "a@[IPv6:2001:db8::1]"],
    ["FROM:<@relay.example:a@b.example>", "a@b.example"],
    ["FROM:<@one.example,@two.example:a@b.example>", "a@b.example"],
    ["FROM:<@[IPv6:2001:db8::1]:a@b.example>", "a@b.example"],
    ["FROM:<a@xn--bcher-kva.example>", "a@xn--bcher-kva.example"],
    ["FROM:<a@bücher.example>", "a@xn--bcher-kva.example"],
    ["FROM:<ü@b.example>", "ü@b.example"],
  ] as const) {
    test(argument, () => assert.equal(meaning(argument), expected));
  }

  for (const argument of [
    "FROM:a@b.example",
    "FROM:  <a@b.example>",
    "FROM :<a@b.example>",
    "FROM<a@b.example>",
    "TO:<a@b.example>",
    "FROM:<a@b.example",
    "FROM:<a@b.example>SIZE=1",
    "FROM:<a@b.example>>",
    "FROM:<<a@b.example>>",
    "FROM:<a b@b.example>",
    "FROM:< a@b.example>",
    "FROM:<a@b.example >",
    "FROM:<a>",
    "FROM:<a@>",
    "FROM:<@b.example>",
    "FROM:<a@b@c.example>",
    "FROM:<.a@b.example>",
    "FROM:<a..b@c.example>",
    "FROM:<a@b..example>",
    "FROM:<a@-b.example>",
    'FROM:<"a@b.example>',
    'FROM:<"a"b@c.example>',
    "FROM:<a@[192.0.2.256]>",
    "FROM:<a@[2001:db8::1]>",
    "FROM:<@relay.example,a@b.example>",
    "FROM:<@relay.example a@b.example>",
    "FROM:<@re lay:a@b.example>",
    "FROM:<a\u200b@b.example>",
    "FROM:",
    "",
  ]) {
    test(`not ${JSON.stringify(argument)}`, () => assert.equal(parse(argument), undefined));
  }

  test("octets that are no UTF-8", () => {
    assert.equal(parsePathArgument("FROM", Buffer.from("FROM:<\xe9@b.example>", "latin1")), undefined);
  });

  test("what follows it", () => {
    assert.equal(parse("FROM:<> SIZE=1 BODY=7BIT")?.parameters, " SIZE=1 BODY=7BIT");
    assert.equal(parse('TO:<"> "@b.example> X=<y>', "TO")?.parameters, " X=<y>");
  });

  test("what is international in it", () => {
    assert.equal(parse("FROM:<ü@b.example>")?.international, true);
    assert.equal(parse("FROM:<a@bücher.example>")?.international, true);
    assert.equal(parse("FROM:<@bücher.example:a@b.example>")?.international, true);
    assert.equal(parse("FROM:<a@b.example>")?.international, false);
  });

  test("a mailbox written and read again is the same", () => {
    const localPart = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 20 })
      .map((text) => text.normalize("NFC"));
    const domain = fc.constantFrom("b.example", "[192.0.2.1]", "[IPv6:::1]", "xn--bcher-kva.example");
    fc.assert(
      fc.property(localPart, domain, (local, host) => {
        const written = formatMailbox({ localPart: local, domain: host });
        const mailbox = parseMailbox(written);
        fc.pre(mailbox !== undefined);
        assert.deepEqual(parse(`FROM:<${written}> SIZE=1`), {
          path: { kind: "mailbox", mailbox },
          international: /[^\x00-\x7f]/.test(written),
          parameters: " SIZE=1",
        });
      }),
    );
  });

  test("no octets make it throw", () => {
    const octets = fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array));
    const likely = fc
      .array(
        fc.constantFrom("FROM:", "<", ">", "@", '"', "\\", "[", "]", ":", ",", " ", ".", "a", "é", "IPv6:"),
      )
      .map((parts) => Buffer.from(`FROM:<${parts.join("")}`));
    fc.assert(
      fc.property(fc.oneof(octets, likely), (argument) => {
        parsePathArgument("FROM", argument);
      }),
      { numRuns: 2000 },
    );
  });
});
