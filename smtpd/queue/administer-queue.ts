/**
 * An administrator's wish carried out on the disk, where no smtpd is running: whoever calls holds the queue's lock, and so is
 * the owner of the envelopes meanwhile. What a running smtpd does instead is in administration.ts; what is done to a message
 * is decided by the same function.
 */
import { concurrently } from "../../shared/concurrently.js";
import { administer } from "./administer.js";
import type { ControlCounts, ControlRequest } from "./control-request.js";
import type { Queue } from "./queue.js";

/** Messages that are changed at once: what they have to sync together is synced once. */
const AT_ONCE = 16;

/** Rejects with the first error of the disk; what was done until then stays done. */
export async function administerQueue(
  queue: Queue,
  { action, selection }: Pick<ControlRequest, "action" | "selection">,
): Promise<ControlCounts> {
  const counts = { selected: 0, changed: 0, recipients: 0 };
  const one = async (queueId: string) => {
    const envelope = await queue.loadNow(queueId);
    if (envelope === undefined) return;
    const outcome = administer(action, selection, envelope, queue.tools.now());
    if (outcome.kind === "untouched") {
      if (outcome.selected) counts.selected++;
      return;
    }
    if (outcome.kind === "changed") await queue.replace(outcome.envelope);
    else await queue.remove(envelope);
    counts.selected++;
    counts.changed++;
    counts.recipients += outcome.recipients;
  };
  const named = selection.kind === "matching" && selection.queueIds.length > 0;
  await concurrently(named ? new Set(selection.queueIds) : await queue.ids(), AT_ONCE, one);
  return { kind: "done", ...counts, busy: 0 };
}
