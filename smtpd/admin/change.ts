/**
 * `smtpd queue flush|hold|release|remove`: asks the smtpd that is running to do it, since the envelopes are its own; where none
 * is running does it itself, and holds the queue's lock meanwhile.
 */
import { EXIT, ExitError } from "../../shared/exit.js";
import type { SmtpdConfig } from "../config.js";
import type { QueueAction } from "../queue/administer.js";
import { ask } from "../queue/ask.js";
import { ControlFolder } from "../queue/control-folder.js";
import type { ControlCounts } from "../queue/control-request.js";
import { newQueueId } from "../queue/new-queue-id.js";
import { explained, openQueue } from "../queue/open-for-command.js";
import type { Queue } from "../queue/queue.js";
import type { Selection } from "../queue/selection.js";
import { counted } from "./figures.js";
import { nothingMatches } from "./list.js";
import { print } from "./print.js";

/** A smtpd that is at work answers in no time; one whose disk is slow, or that has 100,000 messages to change, later. */
const ANSWER_MS_MAX = 30_000;

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
  const asked = await ask(folder, newQueueId(), { action, selection }, ANSWER_MS_MAX);
  switch (asked.kind) {
    case "done":
      return asked;
    case "refused":
      throw new ExitError(EXIT.temporary, asked.reason);
    case "withdrawn":
      throw new ExitError(
        EXIT.temporary,
        "the smtpd that has the queue does not answer; nothing was changed",
      );
    case "unanswered":
      throw new ExitError(
        EXIT.temporary,
        "smtpd has begun with it and is not yet done; its log will tell, and smtpd queue list",
      );
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
