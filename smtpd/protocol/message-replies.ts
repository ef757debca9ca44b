/**
 * How many replies the end of a message has: one, or in LMTP one for each recipient that was accepted, in their order
 * (RFC 2033 §4.2). Pure.
 */
import type { MessageAnswer } from "./receiver.js";
import type { Reply } from "./reply.js";

/**
 * The replies to be sent for an answer.
 * @param recipients how many replies the client waits for, where it waits for one for each recipient
 * @throws RangeError when the receiver has answered for more or fewer: whom a reply is for could not be told
 */
export function repliesTo(answer: MessageAnswer, recipients: number | undefined): readonly Reply[] {
  if (isOne(answer)) return Array<Reply>(recipients ?? 1).fill(answer);
  if (answer.length !== recipients) {
    throw new RangeError(`${answer.length} replies, where ${recipients ?? "only one"} can be sent`);
  }
  return answer;
}

function isOne(answer: MessageAnswer): answer is Reply {
  return "code" in answer;
}
