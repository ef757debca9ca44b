/**
 * One mail transaction on a session that is open: MAIL, RCPT for each recipient, DATA, the message. With PIPELINING all
 * commands go out together (RFC 2920 §3.1), else one after the other. Never rejects.
 *
 * Afterwards the session may be used for another one, unless it is over. What a transaction has left open there is
 * closed by RSET before the next one, in the same write where that can be.
 */
import { envelopeCommands } from "./envelope-commands.js";
import type { Happening, Transaction } from "./hop.js";
import type { OutgoingMessage } from "./outgoing-message.js";
import type { Command, Session } from "./session.js";

/** Resolves to what happened to each recipient, in their order. */
export async function transact(
  session: Session,
  transaction: Transaction,
  message: OutgoingMessage,
  protocol: "smtp" | "lmtp",
): Promise<Happening[]> {
  const { recipients } = transaction;
  const commands = envelopeCommands(transaction, message.asciiHeader, session.extensions);
  if (commands.kind === "refused") {
    const { failure } = commands;
    return recipients.map(() => ({ kind: "failure", stage: "prepare", failure }));
  }
  const begun = await begin(session, [
    ...(session.needsReset ? [{ stage: "mail" as const, line: "RSET" }] : []),
    { stage: "mail", line: commands.mail },
    ...commands.rcpts.map((line) => ({ stage: "rcpt" as const, line })),
    { stage: "data", line: "DATA" },
  ]);
  const [mail, ...rcpts] = begun.slice(session.needsReset ? 1 : 0);
  const data = rcpts.pop();
  session.needsReset = false;
  if (mail === undefined || data === undefined) return recipients.map(() => UNKNOWN);
  if (!isReply(mail, 2)) {
    // Who refuses the reverse-path and wants the message cannot be believed about the next one either.
    if (isReply(data, 3)) session.abandon("protocol");
    return recipients.map(() => mail);
  }

  const accepted = rcpts.filter((rcpt) => isReply(rcpt, 2)).length;
  if (accepted === 0) {
    // RFC 2920 §3.1: a host that takes DATA without a recipient is sent the end of a message at once.
    if (isReply(data, 3)) await session.exchange([{ stage: "end", line: "." }]);
    else session.needsReset = true;
    return rcpts;
  }
  const then = await sendMessage(session, data, message, protocol === "lmtp" ? accepted : 1);
  const sorted = protocol === "lmtp" ? then.values() : undefined;
  return rcpts.map((rcpt) => {
    if (!isReply(rcpt, 2)) return rcpt;
    return (sorted === undefined ? then[0] : sorted.next().value) ?? UNKNOWN;
  });
}

const UNKNOWN: Happening = { kind: "failure", stage: "prepare", failure: "unknown" };

/** What came of the commands. Without PIPELINING none is sent after it has become pointless, and its answer is what made it so. */
async function begin(session: Session, commands: readonly Command[]): Promise<Happening[]> {
  if (session.extensions.pipelining) return session.exchange(commands);
  const answers: Happening[] = [];
  let accepted = false;
  for (const command of commands) {
    const last = answers.at(-1);
    const refused =
      command.stage !== "mail" && answers.some((answer) => answer.stage === "mail" && !isReply(answer, 2));
    if (last !== undefined && (refused || (command.stage === "data" && !accepted))) {
      answers.push(last);
      continue;
    }
    const [answer = UNKNOWN] = await session.exchange([command]);
    if (command.stage === "rcpt" && isReply(answer, 2)) accepted = true;
    answers.push(answer);
  }
  return answers;
}

/** What happened to the recipients that were accepted: to all of them where it is one thing. */
async function sendMessage(
  session: Session,
  data: Happening,
  message: OutgoingMessage,
  replies: number,
): Promise<Happening[]> {
  if (isReply(data, 3)) return session.message(message, replies);
  if (isReply(data, 2)) session.abandon("protocol");
  else session.needsReset = true;
  return Array.from({ length: replies }, () => data);
}

function isReply(happening: Happening, digit: 2 | 3): boolean {
  return happening.kind === "reply" && Math.floor(happening.reply.code / 100) === digit;
}
