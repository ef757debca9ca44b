/**
 * The part of a notice that people read (RFC 6522 §3): what happened to their message, for whom, what the other host said,
 * what happens next, and what they can do. Pure. In English, plain text, at most 72 columns but for what is quoted.
 */
import { isAscii } from "node:buffer";
import { formatMailbox } from "../../../shared/address.js";
import type { Action, OwedNotice, QueueEnvelope, RecipientReport } from "../../queue/envelope.js";
import { formatDate } from "../../receive/trace-headers.js";
import { adviceFor } from "./advice.js";
import { type BodyPart, encodablePart } from "./body-part.js";
import { replyLines } from "./delivery-status.js";
import { originalAddress } from "./recipient-address.js";
import { safeText } from "./safe-text.js";

const COLUMNS = 72;
/** Our own words, and names of hosts. */
const TEXT_OCTETS_MAX = 500;
const REPLY_LINE_OCTETS_MAX = 512;

export interface ExplanationFacts {
  readonly hostname: string;
  /** Whom to ask for help, `postmaster@example.org`. */
  readonly postmaster: string;
  readonly envelope: QueueEnvelope;
  readonly notice: OwedNotice;
  /** The Subject of the message. */
  readonly subject: string | undefined;
  /** How much of it is returned. */
  readonly returned: "message" | "header" | "nothing";
}

/** What stands first, and in the Subject. */
export const HEADLINES: Readonly<Record<Action, string>> = {
  failed: "Your message could not be delivered",
  delayed: "Your message is delayed",
  delivered: "Your message was delivered",
  relayed: "Your message was passed on",
  expanded: "Your message was passed on to a group",
};

/** @param addresses "address below" or "addresses below" */
const OPENINGS: Readonly<Record<Action, (addresses: string) => string>> = {
  failed: (addresses) =>
    `I am sorry: your message could not be delivered to the ${addresses}, and will not be tried again.`,
  delayed: (addresses) =>
    `Your message has not yet reached the ${addresses}. You need not do anything, and please do not send it again: it is still being tried.`,
  delivered: (addresses) =>
    `As you asked to be told: your message has been put into the mailbox of the ${addresses}.`,
  relayed: (addresses) =>
    `As you asked to be told: the next mail system has taken your message for the ${addresses}. It does not report deliveries, so this is all that you will hear unless something goes wrong.`,
  expanded: (addresses) =>
    `As you asked to be told: your message has arrived at the ${addresses}, which stands for several others, and has been sent on to each of them.`,
};

export function explanation(facts: ExplanationFacts): BodyPart {
  const octets = Buffer.from(paragraphs(facts).join("\n\n").concat("\n"));
  const charset = isAscii(octets) ? "us-ascii" : "utf-8";
  return encodablePart("Notification", `text/plain; charset=${charset}`, octets, false);
}

function paragraphs(facts: ExplanationFacts): string[] {
  const { hostname, postmaster, envelope, notice, returned } = facts;
  return [
    wrap(`This is the mail system at ${safeText(hostname, TEXT_OCTETS_MAX)}.`),
    wrap(OPENINGS[notice.action](notice.reports.length > 1 ? "addresses below" : "address below")),
    messageLines(facts),
    ...groups(notice.reports).flatMap((reports) => groupParagraphs(notice.action, reports)),
    wrap(
      `If you need help, please send this notice, with all of its parts, to <${safeText(postmaster, TEXT_OCTETS_MAX)}>. ` +
        `In the log of this host the message is called ${envelope.queueId}.`,
    ),
    ...(returned === "nothing"
      ? []
      : [`${returned === "message" ? "Your message" : "The header of your message"} follows.`]),
  ];
}

/** Which message it is. */
function messageLines({ envelope, subject }: ExplanationFacts): string {
  const sent = `  Sent:    ${formatDate(new Date(envelope.arrivedAt))}`;
  return subject === undefined ? sent : `  Subject: ${subject}\n${sent}`;
}

/** Recipients who met the same are told of together. */
function groups(reports: readonly RecipientReport[]): RecipientReport[][] {
  const byTrouble = new Map<string, RecipientReport[]>();
  for (const report of reports) {
    const { status, text, host, reply, willRetryUntil } = report;
    const key = JSON.stringify([status, text, host, reply, willRetryUntil]);
    const group = byTrouble.get(key);
    if (group === undefined) byTrouble.set(key, [report]);
    else group.push(report);
  }
  return [...byTrouble.values()];
}

function groupParagraphs(action: Action, reports: readonly RecipientReport[]): string[] {
  const [first] = reports;
  if (first === undefined) return [];
  const [reason, ...more] = happened(first);
  const recipients = reports.map(recipientLine);
  return [
    [...recipients, ...(reason === undefined ? [] : [reason])].join("\n"),
    ...more,
    ...(action === "failed" ? [wrap(adviceFor(first.status), "  ")] : []),
    ...(action === "delayed" && first.willRetryUntil !== undefined
      ? [wrap(`It will be tried until ${formatDate(new Date(first.willRetryUntil))}.`, "  ")]
      : []),
  ];
}

/** The recipient, and what the sender called it where that is something else. */
function recipientLine({ forwardPath, orcpt }: RecipientReport): string {
  const address = formatMailbox(forwardPath);
  const original = orcpt === undefined ? address : originalAddress(orcpt);
  const same = original.toLowerCase() === address.toLowerCase();
  return same ? `<${address}>` : `<${address}>\n  (where mail for <${original}> goes)`;
}

/** What happened in our words, then in those of the other host. */
function happened({ text, host, reply }: RecipientReport): string[] {
  const ours = text === "" ? [] : [wrap(safeText(text, TEXT_OCTETS_MAX), "  ")];
  if (reply === undefined) return ours;
  const who = host === undefined ? "The other host" : safeText(host, TEXT_OCTETS_MAX);
  const quoted = replyLines(reply).map((line) => `  > ${safeText(line, REPLY_LINE_OCTETS_MAX)}`);
  return [...ours, [wrap(`${who} said:`, "  "), ...quoted].join("\n")];
}

/** Lines of at most 72 columns, where words are short enough for it. */
function wrap(text: string, indent = ""): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ").filter((word) => word !== "")) {
    if (line !== "" && indent.length + line.length + 1 + word.length > COLUMNS) {
      lines.push(indent + line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, indent + line].join("\n");
}
