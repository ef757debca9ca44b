/**
 * What becomes of a DSN request when an alias sends the message elsewhere (RFC 3461 §5.2.7). Pure.
 *
 * An alias keeps the reverse-path, so notices about its targets go to the sender of the message:
 *
 * | targets | a target's NOTIFY      | a target's ORCPT | notice about the alias itself            |
 * |---------|------------------------|------------------|------------------------------------------|
 * | one     | as it came (§5.2.7.2)  | as it came       | none: the target's will tell             |
 * | more    | without SUCCESS (§5.2.7.3 (c)) | as it came | "expanded", where SUCCESS was asked for |
 *
 * ENVID and RET belong to the message and stay with it in either case. No ORCPT is made up where none came: a notice must
 * then have no Original-Recipient (§6.3 (d)).
 */
import type { RcptDsnRequest } from "../protocol/dsn-request.js";

/**
 * The request for each target of a forward-path.
 * @param targets how many mailboxes the forward-path leads to, here or elsewhere, when all aliases are followed
 */
export function forwardedRequest({ notify, orcpt }: RcptDsnRequest, targets: number): RcptDsnRequest {
  if (targets <= 1 || notify === undefined) return { notify, orcpt };
  // Where nothing is left it means NEVER: whoever asks for successes alone does not ask for failures (§4.1).
  return { notify: notify.filter((event) => event !== "SUCCESS"), orcpt };
}

/**
 * Whether an "expanded" notice is owed about a forward-path, once the message is durable for all of its targets. Its report
 * names the forward-path itself, not the targets, with status 2.1.5 and no host.
 * @param targets as for forwardedRequest
 */
export function owesExpanded({ notify }: RcptDsnRequest, targets: number): boolean {
  return targets > 1 && notify?.includes("SUCCESS") === true;
}
