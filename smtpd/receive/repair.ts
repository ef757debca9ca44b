/**
 * What a submission server adds to a message that a mail program left incomplete (RFC 6409 §8): Date, Message-ID and
 * From. Pure. Only for those who submit; a message from elsewhere is never touched.
 */
import { formatMailbox, type Mailbox } from "../../shared/address.js";
import type { HeaderFacts } from "./header-section.js";
import { formatDate } from "./trace-headers.js";

export interface RepairFacts {
  readonly date: Date;
  readonly queueId: string;
  readonly hostname: string;
  /** The reverse-path; where it is null, the account's address; undefined where there is none either. */
  readonly sender: Mailbox | undefined;
  /** What From is to say, where that is more than the sender. */
  readonly author?: string;
}

/** The missing fields as text with LF line ends; empty when nothing is missing. */
export function missingFields(
  header: HeaderFacts,
  { date, queueId, hostname, sender, author }: RepairFacts,
): string {
  const from = author ?? (sender && formatMailbox(sender));
  const fields = [
    ["date", `Date: ${formatDate(date)}\n`],
    ["from", from === undefined ? "" : `From: ${from}\n`],
    ["message-id", `Message-ID: <${queueId}@${hostname}>\n`],
  ] as const;
  return fields
    .filter(([name]) => header.count(name) === 0)
    .map(([, field]) => field)
    .join("");
}
