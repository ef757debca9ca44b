/**
 * Putting a message of our own making into the queue: a notice, or what `smtpd sendmail` was given. What a client sends goes
 * there by way of receive/, which may have mailboxes of ours to deliver it to as well.
 *
 * Errors are the system's; after one, nothing of the message is left but what could not be removed.
 */
import { commitAll, Delivery, rollbackAll } from "../../shared/maildir/deliver.js";
import type { QueueEnvelope } from "./envelope.js";
import type { Queue } from "./queue.js";

export type Pieces = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/**
 * Resolves, when it is durable, to the envelope as it lies in the queue.
 * @param pieces the octets, with LF line ends, the last line ended, too
 */
export async function enqueue(
  queue: Queue,
  envelope: Omit<QueueEnvelope, "message">,
  pieces: Pieces,
): Promise<QueueEnvelope> {
  const { durable, uniqueName } = queue.tools;
  const delivery = await Delivery.begin(queue.maildir, uniqueName(), durable);
  try {
    for await (const piece of pieces) await delivery.write(piece);
    await delivery.stage();
  } catch (error) {
    await rollbackAll([delivery]);
    throw error;
  }
  await commitAll([delivery], durable);
  const committed = { ...envelope, message: delivery.name };
  await queue.commit(committed);
  return committed;
}
