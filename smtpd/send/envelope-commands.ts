/**
 * The commands that begin a mail transaction, MAIL and RCPT with their parameters, as far as the host offers what they
 * ask for. Pure.
 *
 * 8-bit content goes to a host without 8BITMIME as it is: RFC 6152 §3 would have it encoded anew or returned, the first
 * of which breaks signatures and the second mail; all hosts have passed it on for decades. An address that is not
 * ASCII has no such way out, and nor has a header that the sender says is UTF-8 (RFC 6531 §3.5).
 */
import { formatMailbox, isAscii } from "../../shared/address.js";
import { formatOrcpt } from "../orcpt.js";
import type { RcptDsnRequest } from "../protocol/dsn-request.js";
import { formatXtext } from "../xtext.js";
import type { Extensions } from "./extensions.js";
import type { Transaction } from "./hop.js";

export type EnvelopeCommands =
  | { readonly kind: "commands"; readonly mail: string; readonly rcpts: readonly string[] }
  | { readonly kind: "refused"; readonly failure: "too big" | "needs SMTPUTF8" | "unknown" };

/** What of a transaction makes its commands. */
export type EnvelopeOf = Pick<
  Transaction,
  "reversePath" | "body" | "smtputf8" | "ret" | "envid" | "recipients"
> & { readonly message: { readonly wireSize: number } };

/** @param asciiHeader whether each octet of the message's header is known to be ASCII */
export function envelopeCommands(
  { reversePath, body, smtputf8, ret, envid, recipients, message }: EnvelopeOf,
  asciiHeader: boolean,
  offered: Extensions,
): EnvelopeCommands {
  // RFC 1870 §6.1: the maximum is for the message as SIZE counts it.
  if (offered.size !== undefined && offered.size > 0 && message.wireSize > offered.size) {
    return { kind: "refused", failure: "too big" };
  }
  const from = reversePath === undefined ? "" : formatMailbox(reversePath);
  const to = recipients.map(({ forwardPath }) => formatMailbox(forwardPath));
  // RFC 6531 §3.4: the parameter is left out where neither envelope nor message need it. A domain is held with
  // A-labels, so that one that is not ASCII does not make it needed.
  const needsUtf8 = ![from, ...to].every(isAscii) || (smtputf8 && !asciiHeader);
  if (needsUtf8 && !offered.smtputf8) return { kind: "refused", failure: "needs SMTPUTF8" };
  // No mailbox that was parsed has any; of one that was not, nothing becomes a command.
  if ([from, ...to].some((path) => /[\x00-\x1f\x7f]/.test(path)))
    return { kind: "refused", failure: "unknown" };

  const mail = [
    `MAIL FROM:<${from}>`,
    offered.size !== undefined && `SIZE=${message.wireSize}`,
    offered.eightBitMime && body === "8BITMIME" && "BODY=8BITMIME",
    needsUtf8 && "SMTPUTF8",
    offered.dsn && ret !== undefined && `RET=${ret}`,
    offered.dsn && envid !== undefined && `ENVID=${formatXtext(envid)}`,
  ];
  const rcpts = recipients.map((recipient, i) =>
    [`RCPT TO:<${to[i]}>`, ...(offered.dsn ? dsnParameters(recipient, needsUtf8) : [])].join(" "),
  );
  return { kind: "commands", mail: mail.filter((part) => part !== false).join(" "), rcpts };
}

/** RFC 3461 §4.1, §4.2; passed on as they came (§5.2.1). */
function dsnParameters({ notify, orcpt }: RcptDsnRequest, smtputf8: boolean): string[] {
  const original = orcpt === undefined ? undefined : formatOrcpt(orcpt, { smtputf8 });
  return [
    ...(notify === undefined ? [] : [`NOTIFY=${notify.join(",") || "NEVER"}`]),
    ...(original === undefined ? [] : [`ORCPT=${original}`]),
  ];
}
