/** Envelopes of any content that the daemon could make. */
import fc from "fast-check";
import type {
  OwedNotice,
  QueuedRecipient,
  QueueEnvelope,
  RecipientReport,
  RemoteReply,
  Trouble,
} from "../../../smtpd/queue/envelope.js";
import { formatQueueId } from "../../../smtpd/queue/queue-id.js";
import { mailbox as mailboxAt } from "./envelopes.js";

const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

const mailbox = fc.constantFrom(
  ...[
    "bob@example.net",
    '"a \\" b"@example.org',
    "u@[192.0.2.1]",
    "u@[IPv6:2001:db8::1]",
    "jørgen@xn--bcher-kva.example",
  ].map(mailboxAt),
);
const time = fc.integer({ min: 0, max: 2 ** 44 });
const queueId = fc
  .tuple(time, fc.integer({ min: 0, max: 2 ** 25 - 1 }))
  .map(([milliseconds, random]) => formatQueueId(milliseconds, random));
const status = fc.constantFrom("2.0.0", "4.4.1", "5.1.10", "5.999.999");
/** Any characters that may stand in a line, of all planes. */
const line = fc
  .string({ unit: "binary", maxLength: 50 })
  .map((text) => text.replace(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/gu, "x"));

const reply: fc.Arbitrary<RemoteReply> = fc.record({
  code: fc.integer({ min: 200, max: 599 }),
  status: maybe(status),
  lines: fc.array(line, { maxLength: 3 }),
});
const trouble: fc.Arbitrary<Trouble> = fc.record({
  status,
  text: line,
  host: maybe(fc.constantFrom("mx.example.net", "[192.0.2.1]")),
  reply: maybe(reply),
});
const orcpt = maybe(fc.constantFrom("rfc822;bob@example.org", "utf-8;jørgen@bücher.example"));

const recipient: fc.Arbitrary<QueuedRecipient> = fc.record({
  forwardPath: mailbox,
  notify: maybe(fc.subarray(["SUCCESS", "FAILURE", "DELAY"] as const)),
  orcpt,
  account: maybe(fc.constant("alice@example.org")),
  rewrittenReversePath: maybe(mailbox),
  attempts: fc.nat(),
  nextAttempt: time,
  trouble: maybe(trouble),
  delayTold: fc.boolean(),
});

const report: fc.Arbitrary<RecipientReport> = fc
  .tuple(trouble, fc.record({ forwardPath: mailbox, orcpt, at: time, willRetryUntil: maybe(time) }))
  .map(([told, rest]) => ({ ...told, ...rest }));

const owed: fc.Arbitrary<OwedNotice> = fc.record({
  queueId,
  action: fc.constantFrom("failed", "delayed", "delivered", "relayed", "expanded"),
  reports: fc.array(report, { maxLength: 2 }),
});

export const anyEnvelope: fc.Arbitrary<QueueEnvelope> = fc.record({
  queueId,
  message: fc.constantFrom("1763769600.M000001P1Q1.host,S=6,W=7", "1.caf\xe9", "cut,S=1"),
  arrivedAt: time,
  reversePath: maybe(mailbox),
  ret: maybe(fc.constantFrom("FULL", "HDRS")),
  envid: maybe(fc.constantFrom("QQ314159", "a b+c=d")),
  body: fc.constantFrom("7BIT", "8BITMIME"),
  smtputf8: fc.boolean(),
  account: maybe(fc.constant("alice@example.org")),
  held: fc.boolean(),
  recipients: fc.array(recipient, { maxLength: 3 }),
  owed: fc.array(owed, { maxLength: 2 }),
});
