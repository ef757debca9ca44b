/**
 * `smtpd queue flush|hold|release|remove`: asks the smtpd that is running to do it, since the envelopes are its own; where none
 * is running does it itself, and holds the queue's lock meanwhile.
 */
import { EXIT, ExitError } from "../../shared/exit.js";
import type { SmtpdConfig } from "../config.js";
import type { QueueAction } from "../queue/administer.js";
import { administerQueue } from "../queue/administer-queue.js";
import { ask } from "../queue/ask.js";
import { ControlFolder } from "../queue/control-folder.js";
import type { ControlCounts } from "../queue/control-request.js";
import { holderOfLock, lockQueue, type QueueLock } from "../queue/lock.js";
import { newQueueId } from "../queue/new-queue-id.js";
import { explained, openQueue } from "../queue/open-for-command.js";
import type { Queue } from "../queue/queue.js";
import type { Selection } from "../queue/selection.js";
import { counted } from "./figures.js";
import { nothingMatches } from "./list.js";
import { print } from "./print.js";

/**
 * One that is at work takes up a request in no time; it may be busy, and so may be another command, which holds the lock and
 * takes up nothing.
 */
const TAKE_UP_MS = 3_000;
const ATTEMPTS_MAX = 5;
/** 100,000 messages are changed one by one. */
const DONE_MS = 300_000;

const PAST: Readonly<Record<QueueAction, string>> = {
  flush: "flushed",
  hold: "held",
  release: "released",
  remove: "removed",
};

/** Throws an ExitError: 66 when nothing is meant, 75 when the running smtpd does not answer. */
export async function changeQueue(
  config: SmtpdConfig,
  action: QueueAction,
  selection: Selection,
  { json }: { readonly json: boolean },
): Promise<void> {
  const queue = await openQueue(config);
  const counts = await explained(config, () => changed(queue, action, selection));
  // An empty queue has been flushed as well as any.
  if (counts.selected === 0 && selection.kind !== "all") throw nothingMatches();
  await print(json ? `${JSON.stringify(counts)}\n` : `${told(action, counts)}\n`);
}

async function changed(queue: Queue, action: QueueAction, selection: Selection): Promise<ControlCounts> {
  const folder = new ControlFolder(queue.maildir, queue.tools.durable);
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const counts = await changedHere(queue, action, selection);
    if (counts !== undefined) return counts;
    const asked = await ask(
      folder,
      newQueueId(),
      { action, selection },
      { takenUpMs: TAKE_UP_MS, doneMs: DONE_MS, holder: () => holderOfLock(queue) },
    );
    if (asked.kind === "done") return asked;
    if (asked.kind === "refused") throw new ExitError(EXIT.temporary, asked.reason);
    if (asked.kind === "unanswered")
      throw new ExitError(EXIT.temporary, "smtpd has begun with it and is not done yet; its log will tell");
    if (asked.kind === "abandoned")
      throw new ExitError(EXIT.temporary, "smtpd has ended while it did that, perhaps in part; ask again");
  }
  throw new ExitError(EXIT.temporary, "the smtpd that has the queue does not answer; nothing was changed");
}

/** Undefined when somebody else holds the queue. */
async function changedHere(
  queue: Queue,
  action: QueueAction,
  selection: Selection,
): Promise<ControlCounts | undefined> {
  let lock: QueueLock;
  try {
    lock = await lockQueue(queue, () => {});
  } catch (error) {
    if (error instanceof ExitError) return undefined;
    throw error;
  }
  try {
    return await administerQueue(queue, { action, selection });
  } finally {
    await lock.release();
  }
}

function told(action: QueueAction, { selected, changed, recipients, busy }: ControlCounts): string {
  const done = `${PAST[action]} ${counted(changed, "message")}, for ${counted(recipients, "recipient")}`;
  const same = selected - changed - busy;
  return [
    done,
    ...(busy > 0 ? [`${counted(busy, "message")} being delivered right now`] : []),
    ...(same > 0 ? [`${counted(same, "message")} with nothing to change`] : []),
  ].join("; ");
}
