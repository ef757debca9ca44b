/** Rewritten reverse-paths: they lead back, and nothing that we have not signed leads anywhere. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatMailbox, type Mailbox, parseMailbox } from "../../../shared/address.js";
import { Srs } from "../../../smtpd/receive/srs.js";
import { mailboxOf } from "./receiver-site.js";

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 10, 22, 8);
const OURS = new Set(["us.example", "also.example"]);
const srs = new Srs(["first secret of them all", "a secret of last year"], "us.example", OURS);

function forward(address: string, of = srs, now = NOW): Mailbox {
  const made = of.forward(mailboxOf(address), now);
  assert.ok(made, address);
  return made;
}

function reversed(mailbox: Mailbox, of = srs, now = NOW): string | undefined {
  const original = of.reverse(mailbox, now);
  return original && formatMailbox(original);
}

test("what it makes looks as other programs expect, and leads back", () => {
  const made = forward("Alice@them.example");
  assert.match(formatMailbox(made), /^SRS0=[a-z2-7]{8}=[a-z2-7]{2}=them\.example=Alice@us\.example$/);
  assert.equal(reversed(made), "Alice@them.example");
});

test("mail that was forwarded before keeps its first forwarder, however often it is forwarded", () => {
  const first = "SRS0=abcd=ef=them.example=alice@first.example";
  const second = forward(first);
  assert.match(
    formatMailbox(second),
    /^SRS1=[a-z2-7]{8}=first\.example==abcd=ef=them\.example=alice@us\.example$/,
  );
  assert.equal(reversed(second), first);
  for (const separator of ["+", "-"]) {
    const odd = `SRS0${separator}abcd=ef=them.example=alice@first.example`;
    assert.equal(reversed(forward(odd)), odd);
  }
  const third = forward("SRS1=zzzz=first.example==abcd=ef=them.example=alice@second.example");
  assert.equal(reversed(third), first);
});

test("the null reverse-path, ours, and what gets too long stay what they are", () => {
  assert.equal(srs.forward(undefined, NOW), undefined);
  assert.equal(srs.forward(mailboxOf("bob@also.example"), NOW), undefined);
  assert.equal(srs.forward({ localPart: "x".repeat(240), domain: "them.example" }, NOW), undefined);
});

test("it leads back for three weeks, also over the turn of its calendar", () => {
  for (const start of [NOW, 1023 * DAY, 1020 * DAY]) {
    const made = forward("alice@them.example", srs, start);
    for (const [days, leads] of [
      [0, true],
      [21, true],
      [22, false],
      [400, false],
      [-1, false],
    ] as const)
      assert.equal(reversed(made, srs, start + days * DAY) !== undefined, leads, `${days} days`);
  }
});

test("a former secret still verifies, an unknown one does not", () => {
  const former = new Srs(["a secret of last year"], "us.example", OURS);
  const other = new Srs(["somebody else's secret"], "us.example", OURS);
  assert.equal(reversed(forward("alice@them.example", former)), "alice@them.example");
  assert.equal(reversed(forward("alice@them.example", other)), undefined);
});

test("another case of the local-part leads back all the same", () => {
  const { localPart, domain } = forward("Alice@them.example");
  assert.equal(reversed({ localPart: localPart.toLowerCase(), domain }), "alice@them.example");
  assert.equal(reversed({ localPart: localPart.toUpperCase(), domain }), "ALICE@them.example");
});

test("a changed character leads nowhere, wherever it is", () => {
  const text = forward("alice@them.example").localPart;
  for (let at = 4; at < text.length; at++) {
    for (const other of "=+-ax7.") {
      if (text[at] === other) continue;
      // RFC 5321 §2.4 knows of no meaning of `SRS0+` that differs from `SRS0=`.
      if (at === 4 && "=+-".includes(other)) continue;
      const changed = text.slice(0, at) + other + text.slice(at + 1);
      assert.equal(reversed({ localPart: changed, domain: "us.example" }), undefined, changed);
    }
  }
});

test("a hash for one form is none for the other", () => {
  for (const made of [
    forward("alice@them.example"),
    forward("SRS0=abcd=ef=them.example=alice@first.example"),
  ]) {
    const swapped = made.localPart.replace(/^SRS([01])/, (_, digit) => `SRS${digit === "0" ? "1" : "0"}`);
    assert.equal(reversed({ ...made, localPart: swapped }), undefined);
  }
});

test("nothing but what was made leads anywhere, and nothing throws", () => {
  const piece = fc.constantFrom(
    "SRS0",
    "SRS1",
    "srs0",
    "=",
    "+",
    "-",
    "aa",
    "them.example",
    "alice",
    "",
    "==",
    "@",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const mailbox = { localPart: pieces.join(""), domain: "us.example" };
      Srs.isMeant(mailbox);
      assert.equal(srs.reverse(mailbox, NOW), undefined);
    }),
  );
});

test("whatever is forwarded leads back to itself", () => {
  const localPart = fc.string({ minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(localPart, (text) => {
      const mailbox = parseMailbox(`"${text.replace(/["\\]/g, "\\$&")}"@them.example`);
      if (mailbox === undefined) return;
      const made = srs.forward(mailbox, NOW);
      assert.ok(made);
      assert.deepEqual(parseMailbox(formatMailbox(made)), made);
      if (!/^SRS[01][=+-]/i.test(mailbox.localPart)) assert.deepEqual(srs.reverse(made, NOW), mailbox);
    }),
  );
});
