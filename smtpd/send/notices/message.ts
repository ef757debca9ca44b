/**
 * A delivery status notification as a message: multipart/report (RFC 6522) with an explanation for people, the fields of
 * RFC 3464 for programs, and the message that it is about or its header. Pure.
 *
 * It can go anywhere: US-ASCII and encoded text, so that no host on the way needs to know 8BITMIME or SMTPUTF8, with two
 * exceptions that nothing can be done about. A reverse-path beyond US-ASCII needs SMTPUTF8 itself, and such a notice
 * then has UTF-8 as it is (RFC 6533); a whole message with octets beyond US-ASCII needs 8BITMIME.
 */
import { createHash } from "node:crypto";
import { formatMailbox, isAscii, type Mailbox } from "../../../shared/address.js";
import type { OwedNotice, QueueEnvelope } from "../../queue/envelope.js";
import { formatDate } from "../../receive/trace-headers.js";
import { type BodyPart, formatPart } from "./body-part.js";
import { deliveryStatus } from "./delivery-status.js";
import { explanation, HEADLINES } from "./explanation.js";
import { messageIdOf, subjectOf } from "./original-fields.js";
import { type Original, returnedPart } from "./returned.js";

const BOUNDARY_DIGITS = 32;

export interface NoticeFacts {
  readonly hostname: string;
  /** The person who answers for this host (RFC 3464 §2): From, and whom to ask for help. */
  readonly postmaster: Mailbox;
  readonly date: Date;
  /** Of the message that it is about. */
  readonly envelope: QueueEnvelope;
  /** To whom: the reverse-path of that message. */
  readonly to: Mailbox;
  readonly notice: OwedNotice;
  /** Undefined where it is gone. */
  readonly original: Original | undefined;
}

/** A notice, ready for the queue. */
export interface NoticeMessage {
  /** With LF line ends, and one at the end. */
  readonly octets: Buffer;
  readonly body: "7BIT" | "8BITMIME";
  readonly smtputf8: boolean;
}

export function composeNotice(facts: NoticeFacts): NoticeMessage {
  const smtputf8 = !isAscii(formatMailbox(facts.to));
  const parts = bodyParts(facts, smtputf8);
  const eightBit = smtputf8 || parts.some(({ encoding }) => encoding === "8bit");
  const formatted = parts.map(formatPart);
  const boundary = boundaryOf(facts.notice.queueId, formatted);
  const octets = Buffer.concat([
    Buffer.from(`${headerLines(facts, boundary, eightBit).join("\n")}\n`),
    ...formatted.flatMap((part) => [Buffer.from(`\n--${boundary}\n`), part]),
    Buffer.from(`\n--${boundary}--\n`),
  ]);
  return { octets, body: eightBit ? "8BITMIME" : "7BIT", smtputf8 };
}

function bodyParts(facts: NoticeFacts, smtputf8: boolean): BodyPart[] {
  const { hostname, envelope, notice, original } = facts;
  const returned = original === undefined ? undefined : returnedPart(original, smtputf8);
  const status = deliveryStatus({ hostname, envelope, notice, smtputf8 });
  const text = explanation({
    hostname,
    postmaster: formatMailbox(facts.postmaster),
    envelope,
    notice,
    subject: original === undefined ? undefined : subjectOf(original.header),
    returned: returned === undefined ? "nothing" : /headers$/.test(returned.type) ? "header" : "message",
  });
  return returned === undefined ? [text, status] : [text, status, returned];
}

function headerLines(
  { hostname, postmaster, date, to, notice, original }: NoticeFacts,
  boundary: string,
  eightBit: boolean,
): string[] {
  const about = original === undefined ? undefined : messageIdOf(original.header);
  return [
    `From: Mail Delivery System <${formatMailbox(postmaster)}>`,
    `To: ${formatMailbox(to)}`,
    `Subject: ${HEADLINES[notice.action]}`,
    `Date: ${formatDate(date)}`,
    `Message-ID: <${notice.queueId}@${hostname}>`,
    ...(about === undefined ? [] : [`In-Reply-To: ${about}`, `References: ${about}`]),
    // RFC 3834 §5.
    "Auto-Submitted: auto-replied",
    "MIME-Version: 1.0",
    "Content-Type: multipart/report; report-type=delivery-status;",
    `\tboundary="${boundary}"`,
    `Content-Transfer-Encoding: ${eightBit ? "8bit" : "7bit"}`,
  ];
}

/** A hash over the parts, which none of them can hold: whoever wrote it into one changed it. */
function boundaryOf(queueId: string, parts: readonly Buffer[]): string {
  const hash = createHash("sha256").update(queueId);
  for (const part of parts) hash.update(part);
  return `=_${hash.digest("hex").slice(0, BOUNDARY_DIGITS)}`;
}
