/**
 * One attempt to bring a message to those of its recipients who have the same destination: jobs for the deliverer, what they
 * come to into the envelope, and a line of the log for each recipient.
 *
 * A job has one reverse-path and a bounded number of recipients. When the first of several jobs reaches no host, the others are
 * not tried.
 */
import { formatMailbox } from "../../shared/address.js";
import type { Log } from "../../shared/log.js";
import type { Deliverer, Destination, JobMessage, JobResult, Outcome } from "../send/delivery.js";
import { logStep } from "./attempt-log.js";
import type { QueuedRecipient, QueueEnvelope, Trouble } from "./envelope.js";
import type { MessageInHand } from "./message-in-hand.js";
import { type Fate, type Policy, progress, type Step } from "./progress.js";
import { dueAt } from "./retry.js";
import type { Reach, Turn } from "./schedule.js";

export interface AttemptTools {
  readonly deliverer: Deliverer;
  /** Undefined when the octets are gone, and the envelope has been set aside. */
  readonly openMessage: (envelope: QueueEnvelope) => Promise<JobMessage | undefined>;
  readonly destinationOf: (recipient: QueuedRecipient) => Destination;
  readonly keyOf: (recipient: QueuedRecipient) => string;
  readonly policy: Policy;
  readonly newQueueId: () => string;
  /** Lets a removal go on while other things are done; resolves when there may be more of them. */
  readonly removing: (removal: Promise<void>) => Promise<void>;
  readonly now: () => number;
  readonly log: Log;
}

/** RFC 5321 §4.5.3.1.8: what every host must be able to take in one transaction. */
const RECIPIENTS_MAX = 100;

const PUT_OFF: Trouble = {
  status: "4.4.1",
  text: "the next host could not be reached for a while, and was not tried again",
  host: undefined,
  reply: undefined,
};
const UNFORESEEN: Trouble = {
  status: "4.3.0",
  text: "something went wrong here",
  host: undefined,
  reply: undefined,
};

/** Makes the attempt, and says what it tells of the destination. Rejects when the message cannot be opened. */
export async function attempt(
  message: MessageInHand,
  turn: Turn,
  tools: AttemptTools,
  signal: AbortSignal,
): Promise<Reach> {
  const due = dueRecipients(message, turn, tools);
  if (message.envelope.held) return "not tried";
  if (turn.kind === "put off") {
    await settle(message, new Map(due.map((one) => [one, putOff(one)])), tools);
    return "not tried";
  }
  let reach: Reach = "not tried";
  for (const batch of batches(due)) {
    // The administrator may have done something about it since.
    const { held, recipients } = message.envelope;
    const present = batch.filter((one) => recipients.includes(one));
    if (held || signal.aborted || present.length === 0) break;
    reach = await deliver(message, present, tools, signal);
    if (reach !== "reached") break;
  }
  return reach;
}

/** Whose turn it is: those of the destination whose time has come; when they are put off, those who cannot wait any longer. */
function dueRecipients({ envelope, underWay }: MessageInHand, turn: Turn, tools: AttemptTools) {
  const now = tools.now();
  return envelope.recipients.filter(
    (recipient) =>
      tools.keyOf(recipient) === turn.destination &&
      !underWay.has(recipient) &&
      (turn.early || dueAt(tools.policy, recipient.nextAttempt, now) <= now),
  );
}

function putOff({ trouble = PUT_OFF }: QueuedRecipient): Fate {
  return { kind: "put off", trouble };
}

/** By reverse-path, so many at a time. */
function batches(recipients: readonly QueuedRecipient[]): Iterable<readonly QueuedRecipient[]> {
  if (recipients.length <= 1) return recipients.length === 0 ? [] : [recipients];
  const open = new Map<string, QueuedRecipient[]>();
  const all: QueuedRecipient[][] = [];
  for (const recipient of recipients) {
    const { rewrittenReversePath } = recipient;
    const key = rewrittenReversePath === undefined ? "" : formatMailbox(rewrittenReversePath);
    let batch = open.get(key);
    if (batch === undefined || batch.length === RECIPIENTS_MAX) {
      batch = [];
      open.set(key, batch);
      all.push(batch);
    }
    batch.push(recipient);
  }
  return all;
}

async function deliver(
  message: MessageInHand,
  recipients: readonly QueuedRecipient[],
  tools: AttemptTools,
  signal: AbortSignal,
): Promise<Reach> {
  const [first] = recipients;
  if (first === undefined) return "not tried";
  const { envelope, underWay } = message;
  const { queueId, ret, envid, body, smtputf8 } = envelope;
  const log = tools.log.child({ queueId });
  const octets = await tools.openMessage(envelope);
  if (octets === undefined) {
    message.vanish();
    return "not tried";
  }
  for (const recipient of recipients) underWay.add(recipient);
  try {
    const result = await resultOf(
      tools.deliverer.deliver(
        {
          queueId,
          destination: tools.destinationOf(first),
          reversePath: first.rewrittenReversePath ?? envelope.reversePath,
          ret,
          envid,
          body,
          smtputf8,
          recipients,
          message: octets,
          log,
        },
        signal,
      ),
      log,
    );
    const fates = new Map<QueuedRecipient, Fate>();
    for (const [i, recipient] of recipients.entries()) {
      const fate = result?.outcomes[i] ?? deferred(UNFORESEEN);
      // What smtpd's end cut short was no attempt.
      if (!signal.aborted || fate.kind !== "deferred") fates.set(recipient, fate);
    }
    await settle(message, fates, tools, log);
    if (result === undefined) return "not tried";
    return result.reached ? "reached" : "unreached";
  } finally {
    for (const recipient of recipients) underWay.delete(recipient);
  }
}

/** A deliverer never rejects. One that does has a bug, which must not cost mail, nor be tried in a tight loop. */
async function resultOf(delivery: Promise<JobResult>, log: Log): Promise<JobResult | undefined> {
  try {
    return await delivery;
  } catch (err) {
    log.error({ err }, "delivery failed in a way that nobody foresaw");
    return undefined;
  }
}

function deferred(trouble: Trouble): Outcome {
  return { kind: "deferred", trouble };
}

/** Works the fates into the envelope; resolves when that is durable, or nothing is left to do but removing the message. */
async function settle(
  message: MessageInHand,
  fates: ReadonlyMap<QueuedRecipient, Fate>,
  { policy, newQueueId, removing, now, log }: AttemptTools,
  bound: Log = log.child({ queueId: message.envelope.queueId }),
): Promise<void> {
  if (fates.size === 0) return;
  let steps: readonly Step[] = [];
  const at = now();
  const settled = message.change((envelope) => {
    const made = progress(envelope, fates, at, policy, newQueueId);
    steps = made.steps;
    return made.envelope;
  });
  for (const step of steps) logStep(bound, message.envelope, step, at);
  await (message.isDone ? removing(settled) : settled);
}
