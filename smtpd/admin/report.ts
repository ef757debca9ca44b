/** A queued message as `smtpd queue list` and `show` tell of it: lines for people, an object for programs. Pure. */
import { formatMailbox } from "../../shared/address.js";
import { parseName } from "../../shared/maildir/name.js";
import type { QueuedRecipient, QueueEnvelope, RemoteReply, Trouble } from "../queue/envelope.js";
import { counted, shortSize, shortSpan } from "./figures.js";

/** A message, and those of its recipients that are looked for. */
export interface Listed {
  readonly envelope: QueueEnvelope;
  readonly recipients: readonly QueuedRecipient[];
}

/** Octets of the message, as its name tells them; undefined where another program gave it its name. */
export function sizeOf({ message }: QueueEnvelope): number | undefined {
  return parseName(message).size;
}

const STATE_COLUMN = 34;

/** The lines of a message in the table: the message, and a line for each recipient. @param now milliseconds since 1970 */
export function tableLines({ envelope, recipients }: Listed, now: number): string[] {
  const size = sizeOf(envelope);
  const columns = [
    envelope.queueId,
    shortSpan(now - envelope.arrivedAt).padStart(4),
    (size === undefined ? "?" : shortSize(size)).padStart(7),
    `<${senderOf(envelope)}>${envelope.held ? "  HELD" : ""}`,
  ];
  const rows = recipients.map((recipient) => {
    const to = formatMailbox(recipient.forwardPath).padEnd(STATE_COLUMN);
    return `    ${to}  ${stateOf(recipient, now)}`;
  });
  return [columns.join("  "), ...rows];
}

export const TABLE_HEADING = `${"QUEUE ID".padEnd(14)}   AGE     SIZE  SENDER, AND EACH RECIPIENT`;

/** `not tried yet`, or `3 attempts, next in 38m: 4.2.0 mx.example.net said 450 4.2.0 try later`. */
function stateOf({ attempts, nextAttempt, trouble }: QueuedRecipient, now: number): string {
  const next = nextAttempt > now ? `next in ${shortSpan(nextAttempt - now)}` : "due";
  const tried = attempts === 0 ? "not tried yet" : counted(attempts, "attempt");
  const why = trouble === undefined ? "" : `: ${troubleText(trouble)}`;
  return `${tried}, ${next}${why}`;
}

/** The whole of a message, a line for each thing that is said of it. */
export function detailLines({ envelope, recipients }: Listed, now: number): string[] {
  const { queueId, message, arrivedAt, body, smtputf8, account, held, ret, envid, owed } = envelope;
  const fields: readonly (readonly [string, string | undefined])[] = [
    ["queue id", queueId],
    ["sender", `<${senderOf(envelope)}>`],
    ["account", account],
    ["arrived", `${isoTime(arrivedAt)} (${shortSpan(now - arrivedAt)} ago)`],
    ["held", held ? "yes" : undefined],
    ["file", message],
    ["body", smtputf8 ? `${body}, SMTPUTF8` : body],
    ["returns", ret?.toLowerCase()],
    ["envelope id", envid],
    ...owed.map(({ action, queueId: notice }) => ["owes notice", `${action}, ${notice}`] as const),
  ];
  return [...written(fields, ""), ...recipients.flatMap((recipient) => recipientLines(recipient, now))];
}

function recipientLines(recipient: QueuedRecipient, now: number): string[] {
  const { forwardPath, account, rewrittenReversePath, attempts, nextAttempt, trouble } = recipient;
  const reply = trouble?.reply;
  const fields: readonly (readonly [string, string | undefined])[] = [
    ["account", account],
    ["sender", rewrittenReversePath && `<${formatMailbox(rewrittenReversePath)}>`],
    ["attempts", String(attempts)],
    [
      "next attempt",
      nextAttempt > now ? `${isoTime(nextAttempt)} (in ${shortSpan(nextAttempt - now)})` : "due",
    ],
    ["trouble", trouble && `${trouble.status} ${trouble.text}`],
    ["host", trouble?.host],
    ...(reply === undefined
      ? []
      : reply.lines.map((line, i) => [i === 0 ? "reply" : "", replyLine(reply, line)] as const)),
    ["notify", recipient.notify && (recipient.notify.join(", ").toLowerCase() || "never")],
    ["original", recipient.orcpt],
    ["told of delay", recipient.delayTold ? "yes" : undefined],
  ];
  return [`recipient      ${formatMailbox(forwardPath)}`, ...written(fields, "  ")];
}

function written(fields: readonly (readonly [string, string | undefined])[], indent: string): string[] {
  return fields.flatMap(([name, value]) =>
    value === undefined ? [] : [`${indent}${name}`.padEnd(15) + value],
  );
}

/** Objects for programs: times as in RFC 3339, what is not known is null. */
export function described({ envelope, recipients }: Listed) {
  const { queueId, message, arrivedAt, body, smtputf8, account, held, ret, envid, owed } = envelope;
  return {
    queueId,
    message,
    size: sizeOf(envelope) ?? null,
    arrivedAt: isoTime(arrivedAt),
    sender: envelope.reversePath === undefined ? null : formatMailbox(envelope.reversePath),
    account: account ?? null,
    held,
    body,
    smtputf8,
    ret: ret ?? null,
    envid: envid ?? null,
    recipients: recipients.map((recipient) => ({
      recipient: formatMailbox(recipient.forwardPath),
      account: recipient.account ?? null,
      attempts: recipient.attempts,
      nextAttempt: isoTime(recipient.nextAttempt),
      trouble: recipient.trouble === undefined ? null : describedTrouble(recipient.trouble),
      notify: recipient.notify ?? null,
      orcpt: recipient.orcpt ?? null,
      delayTold: recipient.delayTold,
    })),
    owed: owed.map(({ queueId: notice, action }) => ({ queueId: notice, action })),
  };
}

function describedTrouble({ status, text, host, reply }: Trouble) {
  return {
    status,
    text,
    host: host ?? null,
    reply: reply === undefined ? null : { ...reply, status: reply.status ?? null },
  };
}

/** What happened, in a line: `mx.example.net said 450 4.2.0 try later`, or our own words where no host said anything. */
function troubleText({ status, text, host, reply }: Trouble): string {
  if (reply === undefined) return `${status} ${text}${host === undefined ? "" : ` (${host})`}`;
  return `${host === undefined ? "" : `${host} said `}${replyLine(reply, reply.lines.join(" "))}`;
}

function replyLine({ code, status }: RemoteReply, text: string): string {
  return `${code} ${status === undefined ? "" : `${status} `}${text}`;
}

function senderOf({ reversePath }: QueueEnvelope): string {
  return reversePath === undefined ? "" : formatMailbox(reversePath);
}

function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
