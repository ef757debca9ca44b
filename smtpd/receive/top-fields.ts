/** The fields that go on top of the copies of a message that is received. Pure. */
import type { Account } from "../../shared/accounts/account.js";
import { type Mailbox, parseMailbox } from "../../shared/address.js";
import type { Envelope, SessionFacts } from "../protocol/receiver.js";
import type { HeaderFacts } from "./header-section.js";
import { missingFields } from "./repair.js";
import { deliveredTo, received, returnPath } from "./trace-headers.js";

export interface TopFacts {
  readonly session: SessionFacts;
  readonly envelope: Envelope<unknown>;
  readonly header: HeaderFacts;
  readonly hostname: string;
  readonly queueId: string;
  readonly date: Date;
}

/** What every copy has on top, the queue's alone: Received, and in submission what the message lacks. */
export function commonTop({ session, envelope, header, hostname, queueId, date }: TopFacts): string {
  const { reversePath, recipients } = envelope;
  const sender = reversePath.mailbox ?? accountMailbox(session.account);
  const repaired =
    session.role === "submission" ? missingFields(header, { date, queueId, hostname, sender }) : "";
  const trace = received({
    ...session,
    hostname,
    queueId,
    date,
    smtputf8: reversePath.smtputf8,
    authenticated: session.account !== undefined,
    recipients: recipients.map(({ forwardPath }) => forwardPath.mailbox),
  });
  return `${trace}${repaired}${header.headless ? "\n" : ""}`;
}

/** What the copy in a mailbox has above that (RFC 5321 §4.4). */
export function mailboxTop(reversePath: Mailbox | undefined, address: string): string {
  return returnPath(reversePath) + deliveredTo(address);
}

function accountMailbox(account: Account | undefined): Mailbox | undefined {
  return account === undefined ? undefined : parseMailbox(account.address);
}
