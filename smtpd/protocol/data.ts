/** DATA (RFC 5321 §4.1.1.4). */
import { beginMessage } from "./begin-message.js";
import type { Outcome } from "./outcome.js";
import { BAD_ARGUMENT, BAD_SEQUENCE, SEND_MESSAGE } from "./reply.js";
import type { Session } from "./session.js";

export async function data<D>(session: Session<D>, argument: Buffer): Promise<Outcome> {
  const { transaction } = session;
  if (argument.length > 0) return BAD_ARGUMENT;
  if (transaction === undefined) return BAD_SEQUENCE;
  // RFC 3030 §2: not after BDAT. What the client takes for the message by now nobody knows.
  if (transaction.message !== undefined || transaction.failed) {
    transaction.failed = true;
    return BAD_SEQUENCE;
  }
  const message = await beginMessage(session, transaction, { stuffed: true });
  return "code" in message ? message : { kind: "octets", reply: SEND_MESSAGE, incoming: message };
}
