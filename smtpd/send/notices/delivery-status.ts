/**
 * The part of a notice that programs read: message/delivery-status (RFC 3464 §2), or message/global-delivery-status where
 * it has UTF-8 (RFC 6533 §4.1). Pure.
 *
 *   Original-Envelope-Id: QQ314159
 *   Reporting-MTA: dns; mail.example.org
 *   Arrival-Date: Sun, 22 Nov 2026 08:00:00 +0000
 *
 *   Original-Recipient: rfc822;Bob@Example.com
 *   Final-Recipient: rfc822;bob@example.com
 *   Action: failed
 *   Status: 5.1.1
 *   Remote-MTA: dns; mx.example.com
 *   Diagnostic-Code: smtp; 550-5.1.1 no such user
 *    550 5.1.1 here
 *   Last-Attempt-Date: Sun, 22 Nov 2026 08:00:01 +0000
 *   Final-Log-ID: 01JDXK6M2W9QF
 */
import type {
  Action,
  OwedNotice,
  QueueEnvelope,
  RecipientReport,
  RemoteReply,
} from "../../queue/envelope.js";
import { formatDate } from "../../receive/trace-headers.js";
import { type BodyPart, encodablePart, plainEncoding } from "./body-part.js";
import { type FieldCharset, finalRecipient, originalRecipient } from "./recipient-address.js";
import { safeAscii, safeText } from "./safe-text.js";

/** RFC 3461 §4.4 */
const ENVELOPE_ID_OCTETS_MAX = 100;
const HOST_OCTETS_MAX = 255;
/** RFC 5321 §4.5.3.1.5: a line of a reply has 512 octets at most. */
const REPLY_LINE_OCTETS_MAX = 512;
/** The longest replies that help anyone have a few lines. */
export const REPLY_LINES_MAX = 10;

/** What the part is about. */
export interface StatusFacts {
  readonly hostname: string;
  readonly envelope: QueueEnvelope;
  readonly notice: OwedNotice;
  /** Whether the notice itself is sent by SMTPUTF8, so that UTF-8 may stand in it as it is. */
  readonly smtputf8: boolean;
}

/**
 * In US-ASCII wherever it can be, since everybody reads that and it says the same (RFC 6533 §4.4): as UTF-8 only in a notice
 * that is UTF-8 anyway, or where an address takes more than a line in the 7-bit form.
 */
export function deliveryStatus(facts: StatusFacts): BodyPart {
  const ascii = statusFields(facts, "us-ascii");
  const utf8 = statusFields(facts, "utf-8");
  const global = !ascii.equals(utf8) && (facts.smtputf8 || plainEncoding(ascii) === undefined);
  return global
    ? encodablePart("Delivery report", "message/global-delivery-status", utf8, facts.smtputf8)
    : encodablePart("Delivery report", "message/delivery-status", ascii, false);
}

function statusFields(facts: StatusFacts, charset: FieldCharset): Buffer {
  const { envelope, notice } = facts;
  const groups = [
    messageFields(facts),
    ...notice.reports.map((report) => recipientFields(envelope.queueId, notice.action, report, charset)),
  ];
  return Buffer.from(groups.map((fields) => `${fields.join("\n")}\n`).join("\n"));
}

/** RFC 3464 §2.2 */
function messageFields({ hostname, envelope }: StatusFacts): string[] {
  const { envid, arrivedAt } = envelope;
  return [
    // RFC 3461 §6.3 (a): never one that did not come.
    ...(envid === undefined ? [] : [`Original-Envelope-Id: ${safeAscii(envid, ENVELOPE_ID_OCTETS_MAX)}`]),
    `Reporting-MTA: ${reportingMta(hostname)}`,
    `Arrival-Date: ${formatDate(new Date(arrivedAt))}`,
  ];
}

/** RFC 3461 §6.3 (b): `dns` is for fully qualified names. */
function reportingMta(hostname: string): string {
  return `${/[.[]/.test(hostname) ? "dns" : "x-local-hostname"}; ${safeAscii(hostname, HOST_OCTETS_MAX)}`;
}

/** RFC 3464 §2.3 */
function recipientFields(
  queueId: string,
  action: Action,
  report: RecipientReport,
  charset: FieldCharset,
): string[] {
  const { forwardPath, orcpt, status, host, at, willRetryUntil } = report;
  return [
    ...(orcpt === undefined ? [] : [`Original-Recipient: ${originalRecipient(orcpt, charset)}`]),
    `Final-Recipient: ${finalRecipient(forwardPath, charset)}`,
    `Action: ${action}`,
    `Status: ${statusCode(action, status)}`,
    ...(host === undefined ? [] : [`Remote-MTA: dns; ${safeAscii(host, HOST_OCTETS_MAX)}`]),
    ...diagnosticCode(report, charset),
    `Last-Attempt-Date: ${formatDate(new Date(at))}`,
    `Final-Log-ID: ${queueId}`,
    // RFC 3464 §2.3.9: MUST NOT appear in others.
    ...(action === "delayed" && willRetryUntil !== undefined
      ? [`Will-Retry-Until: ${formatDate(new Date(willRetryUntil))}`]
      : []),
  ];
}

/** RFC 3461 §6.3 (g): where there is none that suits, X.0.0. */
function statusCode(action: Action, status: string): string {
  if (/^[245]\.(?:0|[1-9]\d{0,2})\.(?:0|[1-9]\d{0,2})$/.test(status)) return status;
  return { failed: "5.0.0", delayed: "4.0.0", delivered: "2.0.0", relayed: "2.0.0", expanded: "2.0.0" }[
    action
  ];
}

/**
 * RFC 3461 §9.2: the reply as it came. Where nothing was said by another host, why we gave up: RFC 3464 §2.1.2 leaves types
 * that begin with X- to us.
 */
function diagnosticCode({ reply, text }: RecipientReport, charset: FieldCharset): string[] {
  if (reply === undefined)
    return text === "" ? [] : [`Diagnostic-Code: X-Pillarbox; ${safeAscii(text, REPLY_LINE_OCTETS_MAX)}`];
  const safe = charset === "utf-8" ? safeText : safeAscii;
  const [first = "", ...rest] = replyLines(reply).map((line) => safe(line, REPLY_LINE_OCTETS_MAX));
  return [`Diagnostic-Code: smtp; ${first}`, ...rest.map((line) => ` ${line}`)];
}

/** The lines of a reply as they came: `550-5.1.1 no such user`, `550 5.1.1 here`. Not yet safe. */
export function replyLines({ code, status, lines }: RemoteReply): string[] {
  const texts = lines.length === 0 ? [""] : lines.slice(0, REPLY_LINES_MAX);
  return texts.map((text, index) => {
    const separator = index === texts.length - 1 ? " " : "-";
    return `${code}${separator}${status === undefined ? "" : `${status} `}${text}`;
  });
}
