/**
 * What an administrator may do to queued messages, the same whether a running smtpd does it or the command line itself. Pure.
 *
 *   flush    try the selected recipients now, whatever the schedule says; a held message stays held
 *   hold     keep the message from being tried, until it is released
 *   release  let a held message be tried again, by its schedule
 *   remove   give up the selected recipients without a word to anyone; a message without recipients goes
 */
import type { QueueEnvelope } from "./envelope.js";
import { type Selection, selectedRecipients } from "./selection.js";

export const QUEUE_ACTIONS = ["flush", "hold", "release", "remove"] as const;
export type QueueAction = (typeof QUEUE_ACTIONS)[number];

export type Administered =
  /** Not meant, or already as it should be. */
  | { readonly kind: "untouched"; readonly selected: boolean }
  /** Replaces the envelope. `recipients`: of how many something has changed. */
  | { readonly kind: "changed"; readonly envelope: QueueEnvelope; readonly recipients: number }
  /** Nobody is to get it any more. A notice that it still owes goes with it. */
  | { readonly kind: "removed"; readonly recipients: number };

/** What an action makes of a message. @param now milliseconds since 1970 */
export function administer(
  action: QueueAction,
  selection: Selection,
  envelope: QueueEnvelope,
  now: number,
): Administered {
  const selected = selectedRecipients(selection, envelope);
  if (selected.length === 0) return { kind: "untouched", selected: false };
  switch (action) {
    case "flush":
      return flushed(envelope, new Set(selected), now);
    case "hold":
    case "release": {
      const held = action === "hold";
      if (envelope.held === held) return { kind: "untouched", selected: true };
      return { kind: "changed", envelope: { ...envelope, held }, recipients: envelope.recipients.length };
    }
    case "remove": {
      const gone = new Set(selected);
      const recipients = envelope.recipients.filter((recipient) => !gone.has(recipient));
      return recipients.length === 0
        ? { kind: "removed", recipients: gone.size }
        : { kind: "changed", envelope: { ...envelope, recipients }, recipients: gone.size };
    }
  }
}

function flushed(
  envelope: QueueEnvelope,
  selected: ReadonlySet<QueueEnvelope["recipients"][number]>,
  now: number,
): Administered {
  const waiting = [...selected].filter(({ nextAttempt }) => nextAttempt > now).length;
  if (waiting === 0 || envelope.held) return { kind: "untouched", selected: true };
  const recipients = envelope.recipients.map((recipient) =>
    selected.has(recipient) && recipient.nextAttempt > now ? { ...recipient, nextAttempt: now } : recipient,
  );
  return { kind: "changed", envelope: { ...envelope, recipients }, recipients: waiting };
}
