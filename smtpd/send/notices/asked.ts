/**
 * Which notices a sender has asked for (RFC 3461 §4.1, §5.2). Pure.
 *
 * It knows nothing of reverse-paths: what a failure means for a message whose reverse-path is null, Notices.put decides,
 * so a failure is owed for those as for any other.
 */
import type { NotifyEvent } from "../../protocol/dsn-request.js";
import type { Action } from "../../queue/envelope.js";

/** RFC 3461 §4.1: what a sender who said nothing has asked for; §5.2.5 (b) lets us tell of delays, and we do. */
const UNASKED: readonly NotifyEvent[] = ["FAILURE", "DELAY"];

/** RFC 3461 §5.2.2 (b), §5.2.3 (a) and §5.2.7.3 (c): each of these is a success as far as we can see. */
const EVENT: Readonly<Record<Action, NotifyEvent>> = {
  failed: "FAILURE",
  delayed: "DELAY",
  delivered: "SUCCESS",
  relayed: "SUCCESS",
  expanded: "SUCCESS",
};

/**
 * Whether the sender is to be told that `action` befell a recipient.
 * @param notify the recipient's NOTIFY: undefined where it was not said, an empty list for NEVER
 */
export function owes(notify: readonly NotifyEvent[] | undefined, action: Action): boolean {
  return (notify ?? UNASKED).includes(EVENT[action]);
}
