/** A queue id for a message of now. */
import { randomInt } from "node:crypto";
import { formatQueueId } from "./queue-id.js";

export function newQueueId(): string {
  return formatQueueId(Date.now(), randomInt(2 ** 25));
}
