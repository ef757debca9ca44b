/** DATA (RFC 5321 §4.1.1.4). */
import { DataDecoder } from "./data-decoder.js";
import type { Outcome } from "./outcome.js";
import { Reception } from "./reception.js";
import { BAD_ARGUMENT, BAD_SEQUENCE, reply, SEND_MESSAGE } from "./reply.js";
import type { Session } from "./session.js";

/** RFC 5321 §3.3, for a client that pipelined DATA behind recipients that were all refused; LMTP has 503 (RFC 2033 §4.2). */
const NO_VALID_RECIPIENTS = reply(554, "5.1", "no valid recipients");

export async function data<D>(session: Session<D>, argument: Buffer): Promise<Outcome> {
  const { limits, receiver, bareLf } = session.service;
  const { transaction, log } = session;
  if (argument.length > 0) return BAD_ARGUMENT;
  if (transaction === undefined) return BAD_SEQUENCE;
  if (transaction.recipients.length === 0) {
    return transaction.refused && session.protocol === "SMTP" ? NO_VALID_RECIPIENTS : BAD_SEQUENCE;
  }
  const answer = await receiver.data(session, transaction);
  if (answer.kind === "refused") return answer.reply;
  const decoder = new DataDecoder({
    bareLf,
    lineLength: limits.line_length,
    messageSize: limits.message_size,
  });
  const reception = new Reception(answer.message, decoder, log);
  return { kind: "message", reply: SEND_MESSAGE, reception };
}
