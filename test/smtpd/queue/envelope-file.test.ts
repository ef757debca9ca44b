/** Envelopes as text: what is written is read the same, and what is read is nothing else. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  envelopeFileName,
  formatEnvelope,
  isEnvelope,
  parseEnvelope,
  queueIdOfFile,
  RECIPIENTS_MAX,
} from "../../../smtpd/queue/envelope-file.js";
import { anyEnvelope } from "./any-envelope.js";
import { freshEnvelope, recipient } from "./envelopes.js";

test("an envelope that is written is read the same", () => {
  fc.assert(
    fc.property(anyEnvelope, (envelope) => {
      // Without the prototypes that fast-check leaves out.
      const copy = structuredClone(envelope);
      assert.deepEqual(parseEnvelope(formatEnvelope(envelope), envelope.queueId), copy);
    }),
  );
});

test("what says nothing need not be written", () => {
  const { queueId, message, arrivedAt, body } = freshEnvelope();
  const least = {
    version: 1,
    queueId,
    message,
    arrivedAt,
    body,
    reversePath: null,
    recipients: [{ forwardPath: "bob@example.net", nextAttempt: 0 }],
  };
  const expected = freshEnvelope({ queueId, reversePath: undefined });
  assert.deepEqual(parseEnvelope(JSON.stringify(least), queueId), expected);
});

test("what another host said can be read again, whatever it said", () => {
  const text = fc.string({ unit: "binary", maxLength: 40 });
  fc.assert(
    fc.property(text, text, fc.array(text, { maxLength: 80 }), (told, host, lines) => {
      const long = told.repeat(100);
      const trouble = { status: "4.0.0", text: long, host, reply: { code: 450, status: undefined, lines } };
      const envelope = freshEnvelope({ recipients: [recipient("bob@example.net", { trouble })] });
      const read = parseEnvelope(formatEnvelope(envelope), envelope.queueId);
      assert.ok(isEnvelope(read), JSON.stringify(read));
      const [tried] = read.recipients;
      for (const line of [tried?.trouble?.text ?? "", ...(tried?.trouble?.reply?.lines ?? [])])
        assert.doesNotMatch(line, /[\p{Cc}\p{Cs}]/u);
    }),
  );
});

test("a number that is none is not written", () => {
  for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, -1]) {
    assert.throws(() => formatEnvelope(freshEnvelope({ arrivedAt: wrong })), RangeError);
    const recipients = [recipient("bob@example.net", { nextAttempt: wrong })];
    assert.throws(() => formatEnvelope(freshEnvelope({ recipients })), RangeError);
  }
  const halves = freshEnvelope({ recipients: [recipient("bob@example.net", { nextAttempt: 1.5 })] });
  assert.ok(isEnvelope(parseEnvelope(formatEnvelope(halves), halves.queueId)));
});

describe("refused is", () => {
  const envelope = freshEnvelope();
  const [bob] = JSON.parse(formatEnvelope(envelope)).recipients;
  const trouble = { status: "4.0.0", text: "x" };
  const reply = { code: 450, lines: [] };
  const wrong: Readonly<Record<string, unknown>> = {
    "another version": { version: 2 },
    "no version": { version: undefined },
    "a member that is not known": { priority: 1 },
    "a queue id of another file": { queueId: freshEnvelope().queueId },
    "no queue id": { queueId: "x" },
    "a path up": { message: "../../etc/passwd" },
    "a path": { message: "new/1.host" },
    "a name with flags": { message: "1.host:2,S" },
    "a hidden name": { message: ".1.host" },
    "the directory": { message: "." },
    "no name": { message: "" },
    "a name with NUL": { message: "1.host\0" },
    "a name with a line end": { message: "1.host\n" },
    "a name of characters that are no octets": { message: "1.h\u0100st" },
    "a name too long": { message: "1".repeat(241) },
    "a time that is no number": { arrivedAt: "1" },
    "a time before 1970": { arrivedAt: -1 },
    "half a millisecond": { arrivedAt: 0.5 },
    "a time beyond all": { arrivedAt: 1e300 },
    "no reverse-path": { reversePath: undefined },
    "an empty reverse-path": { reversePath: "" },
    "a reverse-path that is no mailbox": { reversePath: "alice" },
    "a reverse-path with a line end": { reversePath: "alice@example.org\r\n" },
    "another RET": { ret: "full" },
    "an ENVID with a control character": { envid: "a\r\nb" },
    "an ENVID that is not ASCII": { envid: "\u00e9" },
    BINARYMIME: { body: "BINARYMIME" },
    "no list of recipients": { recipients: {} },
    "a recipient without an address": { recipients: [{ nextAttempt: 1 }] },
    "too many recipients": { recipients: Array(RECIPIENTS_MAX + 1).fill(bob) },
    "another NOTIFY": { recipients: [{ ...bob, notify: ["NEVER"] }] },
    "an ORCPT with a line end": { recipients: [{ ...bob, orcpt: "rfc822;a\nb" }] },
    "an account with a line end": { account: "a\nb" },
    "attempts below zero": { recipients: [{ ...bob, attempts: -1 }] },
    "a status that is none": { recipients: [{ ...bob, trouble: { ...trouble, status: "4.0" } }] },
    "a text with a line end": { recipients: [{ ...bob, trouble: { ...trouble, text: "a\nb" } }] },
    "a text with a line separator": {
      recipients: [{ ...bob, trouble: { ...trouble, text: "a\u2028" } }],
    },
    "half a character": { recipients: [{ ...bob, trouble: { ...trouble, text: "\ud800" } }] },
    "a long text": { recipients: [{ ...bob, trouble: { ...trouble, text: "x".repeat(1001) } }] },
    "a reply with a line end": {
      recipients: [{ ...bob, trouble: { ...trouble, reply: { ...reply, lines: ["\r\nX: y"] } } }],
    },
    "a notice under a path": { owed: [{ queueId: "../x", action: "failed", reports: [] }] },
    "another action": { owed: [{ queueId: envelope.queueId, action: "lost", reports: [] }] },
  };
  const good = JSON.parse(formatEnvelope(envelope));
  for (const [what, changes] of Object.entries(wrong)) {
    test(what, () => {
      const read = parseEnvelope(JSON.stringify(Object.assign({}, good, changes)), envelope.queueId);
      assert.ok(!isEnvelope(read));
      assert.ok(read.reason.length > 0 && read.reason.length < 2100);
    });
  }

  test("what is no object", () => {
    for (const text of ["", "null", "[]", "1", '"x"', "{", "{}", "\0\0\0", "[".repeat(100_000)])
      assert.ok(!isEnvelope(parseEnvelope(text, envelope.queueId)), text.slice(0, 20));
  });

  test("a member by the name of what objects inherit", () => {
    const json = formatEnvelope(envelope).replace('"version"', '"__proto__": {"held": true}, "version"');
    assert.ok(!isEnvelope(parseEnvelope(json, envelope.queueId)));
  });

  test("and the message is told all the same where it can be", () => {
    const { message } = envelope;
    const told = (changes: object) => {
      const read = parseEnvelope(JSON.stringify({ ...good, ...changes }), envelope.queueId);
      return isEnvelope(read) ? read : read.message;
    };
    assert.equal(told({ version: 2 }), message);
    assert.equal(told({ recipients: 1 }), message);
    assert.equal(told({ version: 2, message: "../x" }), undefined);
    assert.equal(told({ queueId: freshEnvelope().queueId }), undefined);
  });
});

test("a file is named after its queue id, and no other name has one", () => {
  const { queueId } = freshEnvelope();
  assert.equal(queueIdOfFile(envelopeFileName(queueId)), queueId);
  const others = [
    "",
    ".json",
    queueId,
    `${queueId}.json~`,
    `.${queueId}.json`,
    `${queueId.toLowerCase()}.json`,
    `x${queueId}.json`,
  ];
  for (const name of others) assert.equal(queueIdOfFile(name), undefined, name);
});
