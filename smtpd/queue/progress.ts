/**
 * What an attempt changes in an envelope. Pure.
 *
 * A recipient is known by its object, which stays the same in each new envelope until something becomes of that recipient:
 * so the results of attempts that ran side by side can be worked in one after the other, and a result for a recipient whom
 * the administrator has removed meanwhile changes nothing.
 *
 * RFC 3461 §4.1 and RFC 3464 §2.3.3 say which events there are. At most one notice of each is owed for a recipient: failure
 * and success end its time in the queue, and a delay is remembered.
 */
import { formatDuration } from "../../shared/units.js";
import type { RcptDsnRequest } from "../protocol/dsn-request.js";
import type { Outcome } from "../send/delivery.js";
import { owes } from "../send/notices/asked.js";
import type {
  Action,
  OwedNotice,
  QueuedRecipient,
  QueueEnvelope,
  RecipientReport,
  Trouble,
} from "./envelope.js";
import { nextAttempt, type RetryTimes } from "./retry.js";

export interface Policy extends RetryTimes {
  /** How long after its arrival the sender of a message is told that it is delayed; 0 for never. */
  readonly delayWarning: number;
}

/** What became of a recipient; `put off` where its destination was known to be unreachable, and nothing was attempted. */
export type Fate = Outcome | { readonly kind: "put off"; readonly trouble: Trouble };

/** RFC 3463 §3.5: delivery time expired. */
const EXPIRED = "5.4.7";

export interface Progress {
  /** The very same as before when the fates are of nobody in it. */
  readonly envelope: QueueEnvelope;
  /** One for each recipient who was in it and has a fate. */
  readonly steps: readonly Step[];
}

/** What becomes of a recipient by its fate. */
export interface Step {
  readonly before: QueuedRecipient;
  readonly fate: Fate;
  /** The recipient in the next envelope; undefined when its time in the queue has ended. */
  readonly after: QueuedRecipient | undefined;
  readonly event?: { readonly action: Action; readonly report: RecipientReport };
}

type Change = Pick<Step, "after" | "event">;

/**
 * What comes of an attempt: the envelope without those who have the message or will never get it, and with the notices that are
 * owed for it.
 *
 * @param now milliseconds since 1970
 * @param newQueueId makes the queue id of a notice
 */
export function progress(
  envelope: QueueEnvelope,
  fates: ReadonlyMap<QueuedRecipient, Fate>,
  now: number,
  policy: Policy,
  newQueueId: () => string,
): Progress {
  const recipients: QueuedRecipient[] = [];
  const steps: Step[] = [];
  for (const before of envelope.recipients) {
    const fate = fates.get(before);
    if (fate === undefined) {
      recipients.push(before);
      continue;
    }
    const step = { before, fate, ...changeOf(envelope, before, fate, now, policy) };
    steps.push(step);
    if (step.after !== undefined) recipients.push(step.after);
  }
  if (steps.length === 0) return { envelope, steps };
  const owed = [...envelope.owed, ...noticesOf(steps, newQueueId)];
  return { envelope: { ...envelope, recipients, owed }, steps };
}

/** One notice for each action, with a report on each recipient. */
function noticesOf(steps: readonly Step[], newQueueId: () => string): OwedNotice[] {
  const reports = new Map<Action, RecipientReport[]>();
  for (const { event } of steps) {
    if (event === undefined) continue;
    const list = reports.get(event.action);
    if (list === undefined) reports.set(event.action, [event.report]);
    else list.push(event.report);
  }
  return Array.from(reports, ([action, list]) => ({ queueId: newQueueId(), action, reports: list }));
}

/** From when on something has to be done about a recipient even while its destination cannot be reached. */
export function decideAt(
  { arrivedAt, reversePath }: QueueEnvelope,
  recipient: QueuedRecipient,
  policy: Policy,
): number {
  const end = arrivedAt + policy.lifetime;
  const tells = reversePath !== undefined && tellsOfDelay(recipient, policy);
  return tells ? Math.min(arrivedAt + policy.delayWarning, end) : end;
}

function changeOf(
  envelope: QueueEnvelope,
  recipient: QueuedRecipient,
  fate: Fate,
  now: number,
  policy: Policy,
): Change {
  switch (fate.kind) {
    case "delivered":
    case "relayed":
      return success(envelope, recipient, fate, fate.kind, now);
    case "passed on":
      // RFC 3461 §5.2.2 (a): whoever has it now tells of it.
      return { after: undefined };
    case "failed":
      return failure(recipient, fate.trouble, now);
    case "deferred":
    case "put off": {
      const attempts = recipient.attempts + (fate.kind === "deferred" ? 1 : 0);
      const { queueId, arrivedAt } = envelope;
      const next = nextAttempt(policy, { queueId, arrivedAt, attempts, now });
      if (next === undefined) return failure(recipient, expired(fate.trouble, policy), now);
      return delay(envelope, { ...recipient, attempts, nextAttempt: next }, fate.trouble, now, policy);
    }
  }
}

function success(
  { reversePath }: QueueEnvelope,
  recipient: QueuedRecipient,
  { host, reply }: Pick<Trouble, "host" | "reply">,
  action: "delivered" | "relayed",
  now: number,
): Change {
  if (reversePath === undefined || !owes(recipient.notify, action)) return { after: undefined };
  const text = action === "delivered" ? "delivered" : "handed on to a host that does not tell of deliveries";
  const report = reportOf(recipient, { status: "2.0.0", text, host, reply }, now);
  return { after: undefined, event: { action, report } };
}

/** Owed for a null reverse-path, too: whoever makes the notice knows what is to become of those. */
function failure(recipient: QueuedRecipient, trouble: Trouble, now: number): Change {
  if (!owes(recipient.notify, "failed")) return { after: undefined };
  return { after: undefined, event: { action: "failed", report: reportOf(recipient, trouble, now) } };
}

function expired(trouble: Trouble, { lifetime }: Policy): Trouble {
  return {
    ...trouble,
    status: EXPIRED,
    text: `not delivered within ${formatDuration(lifetime)}: ${trouble.text}`,
  };
}

function delay(
  { arrivedAt, reversePath }: QueueEnvelope,
  recipient: QueuedRecipient,
  trouble: Trouble,
  now: number,
  policy: Policy,
): Change {
  const due = reversePath !== undefined && now - arrivedAt >= policy.delayWarning;
  if (!due || !tellsOfDelay(recipient, policy)) return { after: { ...recipient, trouble } };
  const willRetryUntil = arrivedAt + policy.lifetime;
  return {
    after: { ...recipient, trouble, delayTold: true },
    event: { action: "delayed", report: { ...reportOf(recipient, trouble, now), willRetryUntil } },
  };
}

function tellsOfDelay({ delayTold, notify }: QueuedRecipient, policy: Policy): boolean {
  return policy.delayWarning > 0 && !delayTold && owes(notify, "delayed");
}

function reportOf(
  { forwardPath, orcpt }: Pick<QueuedRecipient, "forwardPath"> & RcptDsnRequest,
  { status, text, host, reply }: Trouble,
  at: number,
): RecipientReport {
  return { forwardPath, orcpt, status, text, host, reply, at, willRetryUntil: undefined };
}
