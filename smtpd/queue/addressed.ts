/** The recipient of mail that starts here, such as a notice. Pure. */
import type { Mailbox } from "../../shared/address.js";
import type { QueuedRecipient } from "./envelope.js";

/** Nobody was tried, or asked for anything; where an address of ours leads, its delivery finds out. @param now milliseconds since 1970 */
export function addressedTo(forwardPath: Mailbox, now: number): QueuedRecipient {
  return {
    forwardPath,
    account: undefined,
    notify: undefined,
    orcpt: undefined,
    rewrittenReversePath: undefined,
    attempts: 0,
    nextAttempt: now,
    trouble: undefined,
    delayTold: false,
  };
}
