/** What waits for an envelope's recipients: one thing for each destination. Pure. */
import type { QueuedRecipient, QueueEnvelope } from "./envelope.js";
import type { Waiting } from "./lane.js";
import { decideAt, type Policy } from "./progress.js";
import { dueAt } from "./retry.js";

/** The key of a recipient's destination. */
export type KeyOf = (recipient: QueuedRecipient) => string;

/** All that waits; nothing while the message is held. */
export function waitingOf(envelope: QueueEnvelope, keyOf: KeyOf, policy: Policy, now: number): Waiting[] {
  const found = new Map<string, Waiting>();
  if (envelope.held) return [];
  for (const recipient of envelope.recipients) {
    const destination = keyOf(recipient);
    const before = found.get(destination);
    const one = waitingFor(envelope, recipient, destination, policy, now);
    found.set(destination, before === undefined ? one : together(before, one));
  }
  return [...found.values()];
}

function waitingFor(
  envelope: QueueEnvelope,
  recipient: QueuedRecipient,
  destination: string,
  policy: Policy,
  now: number,
): Waiting {
  return {
    queueId: envelope.queueId,
    destination,
    due: dueAt(policy, recipient.nextAttempt, now),
    decideAt: decideAt(envelope, recipient, policy),
    fresh: recipient.attempts === 0,
  };
}

function together(one: Waiting, other: Waiting): Waiting {
  return {
    ...one,
    due: Math.min(one.due, other.due),
    decideAt: Math.min(one.decideAt, other.decideAt),
    fresh: one.fresh && other.fresh,
  };
}
