/** `sendmail -bm`: the message on standard input, into the queue. */
import type { Mailbox } from "../../shared/address.js";
import { defaultDomainOf } from "../../shared/config/common.js";
import { EXIT, ExitError } from "../../shared/exit.js";
import type { SmtpdConfig } from "../config.js";
import { newQueueId } from "../queue/new-queue-id.js";
import { explained, openQueue } from "../queue/open-for-command.js";
import type { Queue } from "../queue/queue.js";
import { addressOfUser, recipientsOf, senderOf, withoutDuplicates } from "./addressed.js";
import { formatAuthor } from "./author.js";
import { type Caller, caller } from "./caller.js";
import type { Invocation } from "./flags.js";
import { type Head, recipientsIn } from "./head.js";
import { type InputViolation, MessageInput } from "./input.js";
import { Submission } from "./submission.js";

/** Submits what is on standard input. Rejects with an ExitError; then nothing is in the queue. */
export async function submit(config: SmtpdConfig, invocation: Invocation): Promise<void> {
  const domain = defaultDomainOf(config);
  const named = recipientsOf(invocation.recipients, domain);
  if (named.length === 0 && !invocation.recipientsFromHeader)
    throw new ExitError(
      EXIT.usage,
      "there are no recipients; name them, or use -t to take them from the header",
    );
  const who = caller();
  const user = addressOfUser(who.name, who.uid, domain);
  const reversePath = invocation.sender === undefined ? user : senderOf(invocation.sender, domain);

  const queue = await openQueue(config);
  await explained(config, async () => {
    const submission = await begin(queue, config, invocation, who, reversePath ?? user);
    try {
      await readInput(submission, config, invocation);
      const head = await submission.complete();
      const found = invocation.recipientsFromHeader ? headerRecipients(head, domain) : [];
      const recipients = limited(withoutDuplicates([...named, ...found]), config).map((forwardPath) => ({
        forwardPath,
        notify: invocation.notify,
        orcpt: undefined,
      }));
      await submission.commit(
        { reversePath, ret: invocation.ret, envid: invocation.envid, recipients },
        Date.now(),
      );
    } catch (error) {
      await submission.abandon();
      throw error;
    }
  });
}

function begin(
  queue: Queue,
  { hostname, limits }: SmtpdConfig,
  { fullName = "", gateway }: Invocation,
  { uid }: Caller,
  sender: Mailbox,
): Promise<Submission> {
  return Submission.begin(queue, {
    queueId: newQueueId(),
    hostname,
    headerSizeMax: limits.header_size,
    uid,
    sender,
    author: formatAuthor(fullName, sender),
    repair: !gateway,
  });
}

async function readInput(
  submission: Submission,
  { limits }: SmtpdConfig,
  { dotIsText }: Invocation,
): Promise<void> {
  const input = new MessageInput({
    dotIsText,
    messageSize: limits.message_size,
    lineLength: limits.line_length,
  });
  const take = async (octets: Buffer) => {
    if (input.violation !== undefined) throw refusal(input.violation, limits.message_size);
    if (octets.length > 0) await submission.write(octets);
  };
  for await (const chunk of process.stdin) {
    await take(input.decode(chunk));
    if (input.ended) break;
  }
  await take(input.end());
}

function refusal(violation: InputViolation, messageSize: number): ExitError {
  const reasons: Readonly<Record<InputViolation, string>> = {
    NUL: "the message has a NUL",
    "line too long": "the message has a line that is too long",
    "message too big": `the message exceeds ${messageSize} octets`,
  };
  return new ExitError(EXIT.data, reasons[violation]);
}

function headerRecipients(head: Head, domain: string): readonly Mailbox[] {
  const found = recipientsIn(head, domain);
  if (found.kind === "recipients") return found.mailboxes;
  throw new ExitError(
    EXIT.data,
    `what stands in the field ${found.field} are no addresses; nothing was sent`,
  );
}

function limited(mailboxes: readonly Mailbox[], { limits }: SmtpdConfig): readonly Mailbox[] {
  if (mailboxes.length === 0) throw new ExitError(EXIT.data, "the header names no recipients");
  const { recipients } = limits;
  if (mailboxes.length <= recipients) return mailboxes;
  throw new ExitError(
    EXIT.data,
    `${mailboxes.length} recipients are more than the ${recipients} that a message may have`,
  );
}
