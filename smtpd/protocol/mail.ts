/** MAIL (RFC 5321 §4.1.1.2): begins a mail transaction, or leaves no trace. */
import type { Outcome } from "./outcome.js";
import { readMailParameters } from "./parameters.js";
import { parsePathArgument } from "./path.js";
import { isError, reply } from "./reply.js";
import type { Session } from "./session.js";

const NESTED = reply(503, "5.1", "a mail transaction is under way");
const LOG_IN_FIRST = reply(530, "7.0", "authentication required");
const BAD_REVERSE_PATH = reply(501, "1.7", "bad reverse-path");
/** RFC 6531 §3.5 wants 550 here and 553 for a forward-path. */
const NEEDS_SMTPUTF8 = reply(550, "6.7", "a reverse-path like this needs SMTPUTF8");

export async function mail<D>(session: Session<D>, argument: Buffer): Promise<Outcome> {
  const { limits, receiver } = session.service;
  if (session.transaction !== undefined) return NESTED;
  if (session.role === "submission" && session.account === undefined && !receiver.isTrusted(session))
    return LOG_IN_FIRST;

  const parsed = parsePathArgument("FROM", argument);
  if (parsed === undefined || parsed.path.kind === "postmaster") return BAD_REVERSE_PATH;
  const parameters = readMailParameters(parsed.parameters, {
    messageSize: limits.message_size,
    auth: session.role === "submission",
  });
  if ("code" in parameters) return parameters;
  if (parsed.international && !parameters.smtputf8) return NEEDS_SMTPUTF8;

  const mailbox = parsed.path.kind === "mailbox" ? parsed.path.mailbox : undefined;
  const reversePath = { mailbox, ...parameters };
  const answer = await receiver.mail(session, reversePath);
  if (!isError(answer)) {
    session.transaction = { reversePath, recipients: [], refused: false, message: undefined, failed: false };
  }
  return answer;
}
