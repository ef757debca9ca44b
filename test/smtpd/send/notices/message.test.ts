import assert from "node:assert/strict";
import { isAscii, isUtf8 } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { composeNotice } from "../../../../smtpd/send/notices/message.js";
import { fieldOf, readFields, readMultipart } from "../../../fakes/multipart.js";
import { mailbox } from "../../queue/envelopes.js";
import { hostileFacts } from "./hostile.js";
import { noticeFacts, sampleNotice, sampleReport } from "./samples.js";

const LINE_OCTETS_MAX = 998;

const MESSAGE_FIELDS = [
  "from",
  "to",
  "subject",
  "date",
  "message-id",
  "in-reply-to",
  "references",
  "auto-submitted",
  "mime-version",
  "content-type",
  "content-transfer-encoding",
];
const STATUS_FIELDS = [
  ["original-envelope-id", "reporting-mta", "arrival-date"],
  [
    "original-recipient",
    "final-recipient",
    "action",
    "status",
    "remote-mta",
    "diagnostic-code",
    "last-attempt-date",
    "final-log-id",
    "will-retry-until",
  ],
];

/** Each of `names` is one of `allowed`, in that order, at most once. */
function assertNames(names: readonly string[], allowed: readonly string[]): void {
  assert.deepEqual(
    names,
    allowed.filter((name) => names.includes(name)),
  );
}

test("whatever others write, a notice is well-formed, and says who got what", () => {
  fc.assert(
    fc.property(hostileFacts, (facts) => {
      const {
        to,
        original,
        notice: { action, reports: owed },
      } = facts;
      const { octets, body, smtputf8 } = composeNotice(facts);

      const lines = octets.toString("latin1").split("\n");
      assert.equal(lines.pop(), "");
      for (const line of lines) assert.ok(line.length <= LINE_OCTETS_MAX, `${line.length} octets in a line`);
      assert.ok(!/[\r\0]/.test(octets.toString("latin1")));
      assert.equal(smtputf8, !isAscii(Buffer.from(to.localPart)));
      if (body === "7BIT") assert.ok(isAscii(octets));

      const message = readMultipart(octets);
      assertNames(
        message.fields.map(([name]) => name),
        MESSAGE_FIELDS,
      );
      const [explanation, status, returned, ...more] = message.parts;
      assert.deepEqual(more, []);
      assert.ok(explanation !== undefined && status !== undefined && isUtf8(explanation.content));
      assert.equal(returned === undefined, original === undefined);

      assert.ok(isUtf8(status.content));
      // RFC 3464 §2.1: its encoding MUST be 7bit.
      if (fieldOf(status.fields, "content-type") === "message/delivery-status")
        assert.equal(fieldOf(status.fields, "content-transfer-encoding"), "7bit");
      const groups = status.content.toString("latin1").split("\n\n");
      const fields = groups.map((group, index) =>
        readFields(index < groups.length - 1 ? `${group}\n` : group),
      );
      assert.equal(fields.length, 1 + owed.length);
      for (const [index, group] of fields.entries())
        assertNames(
          group.map(([name]) => name),
          STATUS_FIELDS[Math.min(index, 1)] ?? [],
        );
      for (const group of fields.slice(1)) {
        assert.equal(fieldOf(group, "action"), action);
        assert.match(fieldOf(group, "status"), /^[245]\.\d{1,3}\.\d{1,3}$/);
        assert.match(fieldOf(group, "final-recipient"), /^(?:rfc822|utf-8);[^\x00-\x1f\x7f]+$/);
      }

      if (original === undefined || returned === undefined) return;
      const type = fieldOf(returned.fields, "content-type");
      const isHeader = /headers$/.test(type);
      assert.ok(returned.content.equals(isHeader ? original.header : (original.whole ?? Buffer.alloc(0))));
    }),
    { numRuns: 300 },
  );
});

test("no message can hold the boundary of the notice about it", () => {
  const compose = (header: string) =>
    composeNotice(
      noticeFacts({ original: { header: Buffer.from(header), whole: undefined } }),
    ).octets.toString();
  const boundary = /boundary="(.+)"/.exec(compose("Subject: x\n"))?.[1];
  const again = compose(`Subject: x\n--${boundary}\n--${boundary}--\n`);
  assert.equal(readMultipart(Buffer.from(again)).parts.length, 3);
});

const long = `Subject: ${"x".repeat(LINE_OCTETS_MAX)}\n`;
const RETURNED: readonly (readonly [
  name: string,
  header: Buffer,
  body: string | undefined,
  to: string,
  type: string,
  encoding: string,
])[] = [
  ["a header", Buffer.from("Subject: x\n"), undefined, "a@x", "text/rfc822-headers", "7bit"],
  [
    "a header with a long line",
    Buffer.from(long),
    undefined,
    "a@x",
    "text/rfc822-headers",
    "quoted-printable",
  ],
  [
    "a header in Latin-1",
    Buffer.from("Subject: \xe9\n", "latin1"),
    undefined,
    "a@x",
    "text/rfc822-headers",
    "quoted-printable",
  ],
  [
    "a header in UTF-8",
    Buffer.from("Subject: é\n"),
    undefined,
    "a@x",
    "message/global-headers",
    "quoted-printable",
  ],
  [
    "a header in UTF-8 by SMTPUTF8",
    Buffer.from("Subject: é\n"),
    undefined,
    "é@x",
    "message/global-headers",
    "8bit",
  ],
  ["a message", Buffer.from("Subject: x\n"), "hello\n", "a@x", "message/rfc822", "7bit"],
  ["a message without a line end", Buffer.from("Subject: x\n"), "hello", "a@x", "message/rfc822", "7bit"],
  ["a message with an 8-bit body", Buffer.from("Subject: x\n"), "é\n", "a@x", "message/rfc822", "8bit"],
  [
    "a message with a header in Latin-1",
    Buffer.from("Subject: \xe9\n", "latin1"),
    "x\n",
    "a@x",
    "message/rfc822",
    "8bit",
  ],
  [
    "a message with a header in UTF-8",
    Buffer.from("Subject: é\n"),
    "é\n",
    "a@x",
    "message/global",
    "quoted-printable",
  ],
  ["the same by SMTPUTF8", Buffer.from("Subject: é\n"), "é\n", "é@x", "message/global", "8bit"],
  ["a message with a long line", Buffer.from("Subject: x\n"), long, "a@x", "text/rfc822-headers", "7bit"],
];

for (const [name, header, body, to, type, encoding] of RETURNED)
  test(`what is returned of ${name}`, () => {
    const whole = body === undefined ? undefined : Buffer.concat([header, Buffer.from(`\n${body}`)]);
    const notice = composeNotice(noticeFacts({ to: mailbox(to), original: { header, whole } }));
    const returned = readMultipart(notice.octets).parts[2] ?? assert.fail();
    assert.equal(fieldOf(returned.fields, "content-type"), type);
    assert.equal(fieldOf(returned.fields, "content-transfer-encoding"), encoding);
    assert.ok(returned.content.equals(/headers$/.test(type) ? header : (whole ?? header)));
    assert.equal(notice.body, encoding === "8bit" ? "8BITMIME" : "7BIT");
  });

const MESSAGE_IDS: readonly (readonly [header: string, repeated: string | undefined])[] = [
  ["Message-ID: <1.a@example.org>\n", "<1.a@example.org>"],
  ["Received: x\n\ty\nmessage-id :\n <1.a@example.org>\nMessage-ID: <2@x>\n", "<1.a@example.org>"],
  ["Message-ID: 1.a@example.org\n", undefined],
  ["Message-ID: <a b@example.org>\n", undefined],
  ["Message-ID: <a@x>\n <b@x>\n", undefined],
  [`Message-ID: <${"x".repeat(600)}@x>\n`, undefined],
  ["Subject: Message-ID: <1@x>\n", undefined],
];

for (const [header, repeated] of MESSAGE_IDS)
  test(`Message-ID: ${repeated ?? "not"} repeated of ${JSON.stringify(header.slice(0, 60))}`, () => {
    const original = { header: Buffer.from(header), whole: undefined };
    const { fields } = readMultipart(composeNotice(noticeFacts({ original })).octets);
    const values = fields.filter(([name]) => name === "in-reply-to" || name === "references");
    assert.deepEqual(
      values,
      repeated === undefined
        ? []
        : [
            ["in-reply-to", repeated],
            ["references", repeated],
          ],
    );
  });

const SUBJECTS: readonly (readonly [field: string, shown: string | undefined])[] = [
  ["Subject: Lunch?", "Lunch?"],
  ["SUBJECT:\n Lunch\n\tat noon", "Lunch at noon"],
  ["Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe_und?= =?iso-8859-1*de?B?IEv8c3Nl?= x", "Grüße und Küsse x"],
  ["Subject: =?no-such-charset?q?x?=", "=?no-such-charset?q?x?="],
  ["Subject: =?utf-8?q?a=0D=0ABcc:_x=E2=80=AE?=", "a??Bcc: x?"],
  ["Subject: Grüße", "Grüße"],
  [`Subject: ${"x".repeat(300)}`, `${"x".repeat(197)}...`],
  ["Subject:", undefined],
  ["X: y", undefined],
];

for (const [field, shown] of SUBJECTS)
  test(`Subject shown: ${shown?.slice(0, 30) ?? "none"}`, () => {
    const original = { header: Buffer.from(`${field}\n`), whole: undefined };
    const text =
      readMultipart(composeNotice(noticeFacts({ original })).octets).parts[0]?.content.toString() ?? "";
    assert.equal(/^ {2}Subject: (.*)$/m.exec(text)?.[1], shown);
  });

test("an address that takes more than a line in the 7-bit form is in the other", () => {
  const report = sampleReport(`${"é".repeat(127)}@${`${"a".repeat(60)}.`.repeat(4)}net`);
  const { octets } = composeNotice(noticeFacts({ notice: sampleNotice("failed", [report]) }));
  const status = readMultipart(octets).parts[1] ?? assert.fail();
  assert.equal(fieldOf(status.fields, "content-type"), "message/global-delivery-status");
  assert.ok(status.content.includes(`utf-8;${"é".repeat(127)}@`));
});

test("a host whose name is no domain is not called one", () => {
  const { octets } = composeNotice(noticeFacts({ hostname: "hal" }));
  assert.match(octets.toString(), /^Reporting-MTA: x-local-hostname; hal$/m);
});
