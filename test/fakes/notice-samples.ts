/** Envelopes, reports and originals for tests of notices: plausible ones, of which a test changes what it is about. */
import { type Mailbox, parseMailbox } from "../../shared/address.js";
import type {
  Action,
  OwedNotice,
  QueuedRecipient,
  QueueEnvelope,
  RecipientReport,
} from "../../smtpd/queue/envelope.js";

export const ARRIVED_AT = Date.UTC(2026, 10, 22, 8, 0, 0);
export const ATTEMPTED_AT = ARRIVED_AT + 1000;

export function mailbox(text: string): Mailbox {
  const parsed = parseMailbox(text);
  if (parsed === undefined) throw new Error(`${text} is no mailbox`);
  return parsed;
}

export function sampleEnvelope(changes: Partial<QueueEnvelope> = {}): QueueEnvelope {
  return {
    queueId: "01JDXK6M2W9QFA",
    message: "1795334400.M1P1Q1.mail.example.org,S=100,W=104",
    arrivedAt: ARRIVED_AT,
    reversePath: mailbox("alice@example.org"),
    ret: undefined,
    envid: undefined,
    body: "7BIT",
    smtputf8: false,
    account: undefined,
    held: false,
    recipients: [],
    owed: [],
    ...changes,
  };
}

export function sampleRecipient(address: string, changes: Partial<QueuedRecipient> = {}): QueuedRecipient {
  return {
    forwardPath: mailbox(address),
    account: undefined,
    rewrittenReversePath: undefined,
    notify: undefined,
    orcpt: undefined,
    attempts: 1,
    nextAttempt: ATTEMPTED_AT,
    trouble: undefined,
    delayTold: false,
    ...changes,
  };
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
