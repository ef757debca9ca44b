/** What a client is told when a message cannot be stored. */
import { hasCode } from "../../shared/exit.js";
import { DISK_FULL, LOCAL_TROUBLE, MAILBOX_FULL, type Reply } from "../protocol/reply.js";
import { MailboxFull } from "./room.js";

/** All of it is temporary. What the system said is for the log alone. */
export function replyToStorageError(error: unknown): Reply {
  if (error instanceof MailboxFull) return MAILBOX_FULL;
  return hasCode(error, "ENOSPC", "EDQUOT") ? DISK_FULL : LOCAL_TROUBLE;
}
