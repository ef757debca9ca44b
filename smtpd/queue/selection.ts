/**
 * Which messages of the queue, and which of their recipients, an administrator means. Pure.
 *
 * Several values of one kind widen a selection, several kinds narrow it: `--domain a.example --domain b.example --sender
 * alice@example.org` are Alice's messages to either domain. Recipients and domains select recipients, and so the messages
 * that still have one; queue ids and senders select messages with all their recipients.
 */
import { type Mailbox, mailboxKey, parseDomain, parseMailbox } from "../../shared/address.js";
import type { QueuedRecipient, QueueEnvelope } from "./envelope.js";

export type Selection = { readonly kind: "all" } | ({ readonly kind: "matching" } & Criteria);

/** An empty list selects nothing and excludes nothing. */
export interface Criteria {
  readonly queueIds: readonly string[];
  /** Forward-paths, as mailboxKey writes them. */
  readonly recipients: readonly string[];
  /** Domains of forward-paths, as parseDomain writes them. */
  readonly domains: readonly string[];
  /** Reverse-paths, as mailboxKey writes them; empty for the null one. */
  readonly senders: readonly string[];
}

/** What is looked at, of an envelope. */
export type Selectable = Pick<QueueEnvelope, "queueId" | "reversePath" | "recipients">;

/** The recipients of a message that are meant; none where the message is not. */
export function selectedRecipients(
  selection: Selection,
  { queueId, reversePath, recipients }: Selectable,
): readonly QueuedRecipient[] {
  if (selection.kind === "all") return recipients;
  const { queueIds, senders } = selection;
  if (queueIds.length > 0 && !queueIds.includes(queueId)) return [];
  if (senders.length > 0 && !senders.includes(senderKey(reversePath))) return [];
  return recipients.filter(({ forwardPath }) => isSelected(selection, forwardPath));
}

function isSelected({ recipients, domains }: Criteria, forwardPath: Mailbox): boolean {
  return (
    (recipients.length === 0 || recipients.includes(mailboxKey(forwardPath))) &&
    (domains.length === 0 || domains.includes(forwardPath.domain))
  );
}

/** What a reverse-path is looked up by. */
export function senderKey(reversePath: Mailbox | undefined): string {
  return reversePath === undefined ? "" : mailboxKey(reversePath);
}

/** The key of a recipient that somebody typed; undefined when it is no address. */
export function parseRecipientCriterion(text: string): string | undefined {
  const mailbox = parseMailbox(text);
  return mailbox && mailboxKey(mailbox);
}

/** The key of a sender that somebody typed, `<>` or nothing for the null reverse-path; undefined when it is no address. */
export function parseSenderCriterion(text: string): string | undefined {
  return text === "" || text === "<>" ? "" : parseRecipientCriterion(text);
}

/** The domain that somebody typed, an `@` before it or not; undefined when it is none. */
export function parseDomainCriterion(text: string): string | undefined {
  return parseDomain(text.replace(/^@/, ""));
}
