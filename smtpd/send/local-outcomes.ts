/** What becomes of a recipient of ours in the queue whose mailbox did not get the message. */
import { hasCode } from "../../shared/exit.js";
import { MailboxFull } from "../receive/room.js";
import type { Outcome } from "./delivery.js";

export const NO_SUCH_MAILBOX = failed("5.1.1", "there is no such mailbox here");
export const LOOP = failed("5.4.6", "the message was delivered to this mailbox before, it is looping");
export const NOT_OURS_NOW = deferred("4.3.5", "the address is not one of ours any more");
export const STOPPING = deferred("4.3.2", "this host was shutting down");

/** Whatever went wrong may be mended: what it was is for the log alone. */
export function troubleOf(error: unknown): Outcome {
  if (error instanceof MailboxFull) return deferred("4.2.2", "the mailbox is full");
  return hasCode(error, "ENOSPC", "EDQUOT")
    ? deferred("4.3.1", "there is no room on the disk for the message")
    : deferred("4.3.0", "the mailbox cannot be written to");
}

function failed(status: string, text: string): Outcome {
  return { kind: "failed", trouble: { status, text, host: undefined, reply: undefined } };
}

function deferred(status: string, text: string): Outcome {
  return { kind: "deferred", trouble: { status, text, host: undefined, reply: undefined } };
}
