/**
 * What an administrator asks of the queue while it is at work (administer.ts says what that means for one message). A message
 * that is being tried right now can be held or removed, which ends nothing that is under way; it is not flushed, since
 * that is what is happening to it. Flushing writes nothing, so that a whole queue can be flushed in a moment.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { concurrently } from "../../shared/concurrently.js";
import { administer } from "./administer.js";
import type { ControlCounts, ControlRequest } from "./control-request.js";
import type { QueuedRecipient } from "./envelope.js";
import type { InHand } from "./in-hand.js";
import type { MessageInHand } from "./message-in-hand.js";
import { selectedRecipients } from "./selection.js";

export interface Administration {
  readonly inHand: InHand;
  readonly queueIds: () => readonly string[];
  readonly now: () => number;
  /** Has a message tried for these recipients now; false when that is under way. */
  readonly flush: (queueId: string, recipients: readonly QueuedRecipient[]) => boolean;
  /** Called when a message is another, before that is written. */
  readonly changed: (message: MessageInHand) => void;
}

/** Messages that are written at once. */
const AT_ONCE = 16;
/** A turn of the event loop may take this long. */
const SLICE_MS = 10;

type Counts = { -readonly [Key in keyof ControlCounts]: ControlCounts[Key] };

/** Does what is asked for with every message that is meant, and counts. Rejects with the first error of the disk. */
export async function administerAll(
  request: ControlRequest,
  { inHand, queueIds, now, flush, changed }: Administration,
): Promise<ControlCounts> {
  const counts: Counts = { kind: "done", selected: 0, changed: 0, recipients: 0, busy: 0 };
  const { action, selection } = request;
  const flushOne = ({ envelope }: MessageInHand) => {
    const selected = selectedRecipients(selection, envelope);
    if (selected.length === 0) return;
    counts.selected++;
    if (envelope.held) return;
    if (!flush(envelope.queueId, selected)) {
      counts.busy++;
      return;
    }
    counts.changed++;
    counts.recipients += selected.length;
  };
  const changeOne = async (message: MessageInHand) => {
    const outcome = administer(action, selection, message.envelope, now());
    if (outcome.kind === "untouched") {
      if (outcome.selected) counts.selected++;
      return;
    }
    counts.selected++;
    counts.changed++;
    counts.recipients += outcome.recipients;
    const written = message.change((envelope) =>
      outcome.kind === "changed" ? outcome.envelope : { ...envelope, recipients: [], owed: [] },
    );
    changed(message);
    await written;
  };
  const one = async (message: MessageInHand) => (action === "flush" ? flushOne(message) : changeOne(message));
  let begun = performance.now();
  await concurrently(meant(request, queueIds()), AT_ONCE, async (queueId) => {
    if (performance.now() - begun > SLICE_MS) {
      await nextTurn();
      begun = performance.now();
    }
    await inHand.use(queueId, one);
  });
  return counts;
}

/** The messages that have to be looked at. */
function meant({ selection }: ControlRequest, all: readonly string[]): readonly string[] {
  if (selection.kind === "all" || selection.queueIds.length === 0) return all;
  const known = new Set(all);
  return selection.queueIds.filter((queueId) => known.has(queueId));
}
