/** RCPT (RFC 5321 §4.1.1.3): adds a recipient to the mail transaction. */
import type { Outcome } from "./outcome.js";
import { readRcptParameters } from "./parameters.js";
import { type Path, parsePathArgument } from "./path.js";
import type { ForwardPath } from "./receiver.js";
import { BAD_SEQUENCE, reply } from "./reply.js";
import type { Session } from "./session.js";

const BAD_FORWARD_PATH = reply(501, "1.3", "bad forward-path");
const NEEDS_SMTPUTF8 = reply(553, "6.7", "a forward-path like this needs SMTPUTF8");
/** RFC 5321 §4.5.3.1.10: 452, and the client sends the rest in a transaction of its own. */
const TOO_MANY = reply(452, "5.3", "too many recipients");

const NOTHING_ASKED = { notify: undefined, orcpt: undefined } as const;

export async function rcpt<D>(session: Session<D>, argument: Buffer): Promise<Outcome> {
  const { limits, receiver, defaultDomain } = session.service;
  const { transaction } = session;
  if (transaction === undefined) return BAD_SEQUENCE;

  const parsed = parsePathArgument("TO", argument);
  const forwardPath = parsed && forwardPathOf(parsed.path, defaultDomain);
  if (parsed === undefined || forwardPath === undefined) return BAD_FORWARD_PATH;
  const refusal = readRcptParameters(parsed.parameters);
  if (refusal !== undefined) return refusal;
  if (parsed.international && !transaction.reversePath.smtputf8) return NEEDS_SMTPUTF8;
  if (transaction.recipients.length >= limits.recipients) return TOO_MANY;

  const answer = await receiver.rcpt(session, transaction, forwardPath);
  if (answer.kind === "accepted") {
    transaction.recipients.push({ forwardPath, destination: answer.destination });
  } else {
    transaction.refused = true;
  }
  return answer.reply;
}

/** RFC 5321 §4.5.1: `<Postmaster>` without a domain is always a recipient; `<>` never. */
function forwardPathOf(path: Path, defaultDomain: string): ForwardPath | undefined {
  switch (path.kind) {
    case "null":
      return undefined;
    case "postmaster":
      return { mailbox: { localPart: "postmaster", domain: defaultDomain }, ...NOTHING_ASKED };
    case "mailbox":
      return { mailbox: path.mailbox, ...NOTHING_ASKED };
  }
}
