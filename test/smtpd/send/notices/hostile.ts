/** What notices are made of, as a hostile host or sender might have written it. */
import fc from "fast-check";
import type { Action, RecipientReport } from "../../../../smtpd/queue/envelope.js";
import type { NoticeFacts } from "../../../../smtpd/send/notices/message.js";
import { mailbox } from "../../queue/envelopes.js";
import { ARRIVED_AT, noticeFacts, sampleEnvelope, sampleNotice } from "./samples.js";

/** Any text, and pieces that mean something in a message. */
const hostile = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.string({ unit: "grapheme", maxLength: 2000 }),
  fc
    .array(
      fc.oneof(
        fc.constantFrom(
          "\r\n",
          "\n",
          "\r",
          "\0",
          "\t",
          " ",
          "--=_",
          "Bcc: x@y",
          "\ud800",
          "\u202e",
          "é",
          "\u2028",
        ),
        fc.string({ maxLength: 10 }),
      ),
      { maxLength: 30 },
    )
    .map((pieces) => pieces.join("")),
  fc.integer({ min: 900, max: 3000 }).map((length) => "x".repeat(length)),
  fc.integer({ min: 100, max: 1500 }).map((length) => "é".repeat(length)),
);

const localParts = fc.constantFrom(
  "bob",
  "björn",
  "é".repeat(127),
  "𝒳".repeat(63),
  '"a\\"b\\\\ é"',
  "x".repeat(255),
);
const domains = fc.constantFrom(
  "example.net",
  "[IPv6:2001:db8::1]",
  `${"a".repeat(60)}.`.repeat(4).concat("net"),
);
const mailboxes = fc.tuple(localParts, domains).map(([local, domain]) => mailbox(`${local}@${domain}`));

const reports: fc.Arbitrary<RecipientReport> = fc.record({
  forwardPath: mailboxes,
  orcpt: fc.option(
    fc.oneof(
      hostile,
      hostile.map((text) => `rfc822;${text}`),
      hostile.map((text) => `utf-8;${text}`),
    ),
    { nil: undefined },
  ),
  status: fc.oneof(hostile, fc.constantFrom("5.1.1", "4.4.7", "2.0.0")),
  text: hostile,
  host: fc.option(hostile, { nil: undefined }),
  reply: fc.option(
    fc.record({
      code: fc.integer({ min: 200, max: 599 }),
      status: fc.option(fc.constant("5.1.1"), { nil: undefined }),
      lines: fc.array(hostile, { maxLength: 15 }),
    }),
    { nil: undefined },
  ),
  at: fc.constant(ARRIVED_AT),
  willRetryUntil: fc.option(fc.constant(ARRIVED_AT), { nil: undefined }),
});

const lines = fc.oneof(
  hostile.map((text) => Buffer.from(text.replaceAll("\n", " "))),
  hostile.map((text) => Buffer.from(`Subject: ${text.replaceAll("\n", " ")}`)),
  hostile.map((text) => Buffer.from(`message-ID : <${text.replaceAll("\n", "\n ")}>`)),
  fc.uint8Array({ maxLength: 50 }).map((octets) => Buffer.from(octets)),
);
const originals = fc
  .record({ header: fc.array(lines, { maxLength: 6 }), body: fc.option(fc.array(lines, { maxLength: 6 })) })
  .map(({ header, body }) => {
    const section = text(header);
    return {
      header: section,
      whole: body === null ? undefined : Buffer.concat([section, Buffer.from("\n"), text(body)]),
    };
  });

function text(lines: readonly Buffer[]): Buffer {
  return Buffer.concat(lines.flatMap((line) => [line, Buffer.from("\n")]));
}

export const hostileFacts: fc.Arbitrary<NoticeFacts> = fc
  .record({
    action: fc.constantFrom<Action>("failed", "delayed", "delivered", "relayed", "expanded"),
    owed: fc.array(reports, { minLength: 1, maxLength: 3 }),
    original: fc.option(originals, { nil: undefined }),
    envid: fc.option(hostile, { nil: undefined }),
    to: mailboxes,
  })
  .map(({ action, owed, original, envid, to }) =>
    noticeFacts({ envelope: sampleEnvelope({ envid }), to, notice: sampleNotice(action, owed), original }),
  );
