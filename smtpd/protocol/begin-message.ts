/** What DATA and BDAT have in common: whether a message can come now, and who takes it. */
import { MessageDecoder } from "./message-decoder.js";
import { Reception } from "./reception.js";
import { BAD_SEQUENCE, type Reply, reply } from "./reply.js";
import type { Session, Transaction } from "./session.js";

/**
 * RFC 5321 §3.3, for a client that pipelined DATA or BDAT behind recipients that were all refused; LMTP has 503
 * (RFC 2033 §4.2).
 */
const NO_VALID_RECIPIENTS = reply(554, "5.1", "no valid recipients");

/**
 * Begins the message of a transaction. Gives the reply where it is refused. Rejects when whoever takes the mail does.
 * @param stuffed whether it comes by DATA, with stuffed dots
 */
export async function beginMessage<D>(
  session: Session<D>,
  transaction: Transaction<D>,
  { stuffed }: { readonly stuffed: boolean },
): Promise<Reception | Reply> {
  const { limits, receiver, bareLf } = session.service;
  if (transaction.recipients.length === 0) {
    return transaction.refused && session.protocol === "SMTP" ? NO_VALID_RECIPIENTS : BAD_SEQUENCE;
  }
  const answer = await receiver.data(session, transaction);
  if (answer.kind === "refused") return answer.reply;
  const decoder = new MessageDecoder({
    stuffed,
    bareLf,
    lineLength: limits.line_length,
    messageSize: limits.message_size,
  });
  transaction.message = new Reception(answer.message, decoder, session.log);
  return transaction.message;
}
