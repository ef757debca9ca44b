/** Envelopes for tests of what is done to them. */
import { parseMailbox } from "../../../shared/address.js";
import type { QueuedRecipient, QueueEnvelope } from "../../../smtpd/queue/envelope.js";
import { formatQueueId } from "../../../smtpd/queue/queue-id.js";

export function mailbox(address: string) {
  const parsed = parseMailbox(address);
  if (parsed === undefined) throw new Error(`${address} is no address`);
  return parsed;
}

export function recipient(address: string, changes: Partial<QueuedRecipient> = {}): QueuedRecipient {
  return {
    forwardPath: mailbox(address),
    account: undefined,
    rewrittenReversePath: undefined,
    notify: undefined,
    orcpt: undefined,
    attempts: 0,
    nextAttempt: 0,
    trouble: undefined,
    delayTold: false,
    ...changes,
  };
}

/** @param recipients addresses, or recipients as they are */
export function envelope(
  recipients: readonly (string | QueuedRecipient)[],
  changes: Partial<QueueEnvelope> = {},
): QueueEnvelope {
  return {
    queueId: "01JDXK6M2W9QF0",
    message: "1763769600.M123456P4711Q1.mail.example.org,S=2048,W=2101",
    arrivedAt: 1_763_769_600_000,
    reversePath: mailbox("alice@example.org"),
    body: "7BIT",
    smtputf8: false,
    ret: undefined,
    envid: undefined,
    account: undefined,
    held: false,
    recipients: recipients.map((one) => (typeof one === "string" ? recipient(one) : one)),
    owed: [],
    ...changes,
  };
}

let count = 0;

/** To bob, with a queue id of its own. */
export function freshEnvelope(changes: Partial<QueueEnvelope> = {}): QueueEnvelope {
  return envelope(["bob@example.net"], { queueId: formatQueueId(1_763_769_600_000, ++count), ...changes });
}
