/** RCPT (RFC 5321 §4.1.1.3): adds a recipient to the mail transaction. */
import type { Mailbox } from "../../shared/address.js";
import type { Outcome } from "./outcome.js";
import { readRcptParameters } from "./parameters.js";
import { type Path, parsePathArgument } from "./path.js";
import { BAD_SEQUENCE, reply } from "./reply.js";
import type { Session } from "./session.js";

const BAD_FORWARD_PATH = reply(501, "1.3", "bad forward-path");
const NEEDS_SMTPUTF8 = reply(553, "6.7", "a forward-path like this needs SMTPUTF8");
/** RFC 5321 §4.5.3.1.10: 452, and the client sends the rest in a transaction of its own. */
const TOO_MANY = reply(452, "5.3", "too many recipients");

export async function rcpt<D>(session: Session<D>, argument: Buffer): Promise<Outcome> {
  const { limits, receiver, defaultDomain } = session.service;
  const { transaction } = session;
  if (transaction === undefined || transaction.message !== undefined || transaction.failed)
    return BAD_SEQUENCE;

  const parsed = parsePathArgument("TO", argument);
  const mailbox = parsed && mailboxOf(parsed.path, defaultDomain);
  if (parsed === undefined || mailbox === undefined) return BAD_FORWARD_PATH;
  const parameters = readRcptParameters(parsed.parameters, transaction.reversePath);
  if ("code" in parameters) return parameters;
  if (parsed.international && !transaction.reversePath.smtputf8) return NEEDS_SMTPUTF8;
  if (transaction.recipients.length >= limits.recipients) return TOO_MANY;

  const forwardPath = { mailbox, ...parameters };
  const answer = await receiver.rcpt(session, transaction, forwardPath);
  if (answer.kind === "accepted") {
    transaction.recipients.push({ forwardPath, destination: answer.destination });
  } else {
    transaction.refused = true;
  }
  return answer.reply;
}

/** RFC 5321 §4.5.1: `<Postmaster>` without a domain is always a recipient; `<>` never. */
function mailboxOf(path: Path, defaultDomain: string): Mailbox | undefined {
  switch (path.kind) {
    case "null":
      return undefined;
    case "postmaster":
      return { localPart: "postmaster", domain: defaultDomain };
    case "mailbox":
      return path.mailbox;
  }
}
