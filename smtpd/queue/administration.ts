/**
 * What an administrator asks of the queue while it is at work (administer.ts says what that means for one message). A message
 * that is being tried for somebody right now can be held or removed, which ends nothing that is under way; it cannot be
 * flushed, since that is what is happening to it. Flushing writes nothing, so that a whole queue can be flushed in a moment.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { concurrently } from "../../shared/concurrently.js";
import { administer } from "./administer.js";
import type { ControlCounts, ControlRequest } from "./control-request.js";
import type { InHand } from "./in-hand.js";
import type { MessageInHand } from "./message-in-hand.js";

export interface Administration {
  readonly inHand: InHand;
  readonly queueIds: () => readonly string[];
  readonly now: () => number;
  /** Has a message tried now. */
  readonly flush: (queueId: string) => void;
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
  const one = async (message: MessageInHand) => {
    const outcome = administer(action, selection, message.envelope, now());
    const selected = outcome.kind !== "untouched" || outcome.selected;
    if (!selected) return;
    counts.selected++;
    if (action === "flush" && message.underWay.size > 0) {
      counts.busy++;
      return;
    }
    if (action === "flush" && !message.envelope.held) flush(message.envelope.queueId);
    if (outcome.kind === "untouched") return;
    counts.changed++;
    counts.recipients += outcome.recipients;
    if (action === "flush") return;
    const written = message.change((envelope) =>
      outcome.kind === "changed" ? outcome.envelope : { ...envelope, recipients: [], owed: [] },
    );
    changed(message);
    await written;
  };
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
