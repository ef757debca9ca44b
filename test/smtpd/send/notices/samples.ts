/** Plausible envelopes, reports and notices, of which a test changes what it is about. */
import type { Action, OwedNotice, QueueEnvelope, RecipientReport } from "../../../../smtpd/queue/envelope.js";
import type { NoticeFacts } from "../../../../smtpd/send/notices/message.js";
import { envelope, mailbox } from "../../queue/envelopes.js";

export const ARRIVED_AT = Date.UTC(2026, 10, 22, 8, 0, 0);
export const ATTEMPTED_AT = ARRIVED_AT + 1000;

export function sampleEnvelope(changes: Partial<QueueEnvelope> = {}): QueueEnvelope {
  return envelope([], { arrivedAt: ARRIVED_AT, ...changes });
}

export function sampleReport(address: string, changes: Partial<RecipientReport> = {}): RecipientReport {
  return {
    forwardPath: mailbox(address),
    orcpt: undefined,
    status: "5.1.1",
    text: "the host refused the recipient",
    host: "mx.example.net",
    reply: { code: 550, status: "5.1.1", lines: ["no such user", "here"] },
    at: ATTEMPTED_AT,
    willRetryUntil: undefined,
    ...changes,
  };
}

export function sampleNotice(
  action: Action,
  reports: readonly RecipientReport[],
  queueId = "01JDXK6M2X1ABC",
): OwedNotice {
  return { queueId, action, reports };
}

/** What a notice is made of: a failure for alice, with nothing returned. */
export function noticeFacts(changes: Partial<NoticeFacts> = {}): NoticeFacts {
  return {
    hostname: "mail.example.org",
    postmaster: mailbox("postmaster@example.org"),
    date: new Date(ARRIVED_AT),
    envelope: sampleEnvelope(),
    to: mailbox("alice@example.org"),
    notice: sampleNotice("failed", [sampleReport("bob@example.net")]),
    original: undefined,
    ...changes,
  };
}
