/** The header of a message that a program hands in. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatMailbox } from "../../../shared/address.js";
import { formatAuthor } from "../../../smtpd/sendmail/author.js";
import { passedOn, readHead, recipientsIn } from "../../../smtpd/sendmail/head.js";

function parts(text: string) {
  const head = readHead(Buffer.from(text));
  return { header: passedOn(head).toString(), rest: head.rest.toString() };
}

describe("a header", () => {
  for (const [name, text, header, rest] of [
    ["and a body", "A: 1\nB: 2\n\nbody\n", "A: 1\nB: 2\n", "body\n"],
    ["with folded fields", "A: 1\n 2\n\t3\nB: 4\n\nbody\n", "A: 1\n 2\n\t3\nB: 4\n", "body\n"],
    ["alone", "A: 1\n", "A: 1\n", ""],
    ["whose blank line was forgotten", "A: 1\nbody\n", "A: 1\n", "body\n"],
    ["that is none", "just text\nA: 1\n", "", "just text\nA: 1\n"],
    ["that is a blank line", "\nA: 1\n", "", "A: 1\n"],
    ["of a message that is empty", "", "", ""],
    ["that begins with a continuation", " x\nA: 1\n\n", "", " x\nA: 1\n\n"],
    ["with mbox's line on top", "From alice Mon\n>From bob Mon\nA: 1\n\nFrom us\n", "A: 1\n", "From us\n"],
    [
      "with what is not passed on",
      "Bcc: x@y.example,\n z@y.example\nReturn-Path: <a@b>\nA: 1\nresent-BCC : q\n\n",
      "A: 1\n",
      "",
    ],
  ] as const) {
    test(name, () => assert.deepEqual(parts(text), { header, rest }));
  }

  test("of a great many continuation lines is read as quickly as it is written", () => {
    const text = `A: 1\n${" \n".repeat(130_000)}\nbody\n`;
    assert.equal(parts(text).rest, "body\n");
  });
});

describe("recipients", () => {
  const found = (text: string) => {
    const result = recipientsIn(readHead(Buffer.from(text, "latin1")), "example.org");
    return result.kind === "error" ? result.field : result.mailboxes.map(formatMailbox);
  };

  for (const [name, text, expected] of [
    [
      "of To, Cc and Bcc",
      "To: a@x.example\nSubject: b@x.example\nCC: c@x.example\nBcc: d\n\nTo: e@x.example\n",
      ["a@x.example", "c@x.example", "d@example.org"],
    ],
    [
      "of folded and repeated fields",
      "To: a@x.example,\n b@x.example\nTo: c@x.example\n\n",
      ["a@x.example", "b@x.example", "c@x.example"],
    ],
    ["none", "Subject: x\n\n", []],
    ["of nobody in particular", "To: undisclosed-recipients:;\n\n", []],
    [
      "of the last time it was sent again",
      "Received: x\nResent-Date: 2\nResent-To: a@x.example\nResent-Date: 1\nResent-To: b@x.example\nTo: c@x.example\n\n",
      ["a@x.example"],
    ],
    [
      "of the last time, though something stands between",
      "Resent-To: a@x.example\nReceived: x\nResent-To: b@x.example\nTo: c@x.example\n\n",
      ["a@x.example"],
    ],
    ["with a name in Latin-1", "To: J\xf6rg <joerg@x.example>\n\n", ["joerg@x.example"]],
    ["with an address in Latin-1", "To: j\xf6rg@x.example\n\n", "to"],
    ["that are no addresses", "To: a@x.example\nCc: nobody at all\n\n", "cc"],
  ] as const) {
    test(name, () => assert.deepEqual(found(text), expected));
  }
});

describe("an author", () => {
  const root = { localPart: "root", domain: "example.org" };
  for (const [name, expected] of [
    ["", "root@example.org"],
    ["CronDaemon", '"CronDaemon" <root@example.org>'],
    ['The "Root"\nof\r\n it', '"The \\"Root\\" of it" <root@example.org>'],
    ["Jörg", "=?utf-8?B?SsO2cmc=?= <root@example.org>"],
  ] as const) {
    test(JSON.stringify(name), () => assert.equal(formatAuthor(name, root), expected));
  }

  test("has lines that are short enough, and words that are whole, whatever the name", () => {
    const author = formatAuthor(`a${"ü𝒳".repeat(160)}`, root);
    const words = author.match(/=\?utf-8\?B\?([^?]*)\?=/g) ?? [];
    assert.ok(words.length > 1);
    for (const word of words) {
      assert.ok(word.length <= 75);
      const text = Buffer.from(word.slice(10, -2), "base64").toString();
      assert.match(text, /^a?(?:ü|𝒳)+$/u);
    }
  });
});
