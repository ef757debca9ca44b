/**
 * The file of an envelope, `envelope/<queue id>.json`: its name and its text. Pure.
 *
 *     {
 *      "version": 1,
 *      "queueId": "1B6GVK7A0Z1Q8M",
 *      "message": "1763769600.M123456P4711Q1.mail.example.org,S=2048,W=2101",
 *      "arrivedAt": 1763769600123,
 *      "reversePath": "alice@example.org",
 *      "body": "8BITMIME",
 *      "recipients": [
 *       { "forwardPath": "bob@example.net", "nextAttempt": 1763769600123 }
 *      ]
 *     }
 *
 * Members that say nothing (no trouble yet, not held, no notices owed) are left out; `reversePath` must be there, and is
 * null for the null reverse-path. Whoever may place mail in the queue writes such files, so nothing is believed that is not
 * exactly so: no text has a control character, which would end a line of a notice or of the log, and `message` names a file
 * and never a path. A later version is set aside unread; a member that is not known means a later version, too.
 *
 * What other hosts have said is shortened and cleaned as it is written, so that whatever it was, what is written can be read.
 */
import { z } from "zod";
import { formatMailbox, type Mailbox } from "../../shared/address.js";
import type { OwedNotice, QueuedRecipient, QueueEnvelope, RemoteReply, Trouble } from "./envelope.js";
import {
  ADDRESS_CHARACTERS_MAX,
  baseName,
  cleaned,
  HOST_CHARACTERS_MAX,
  list,
  mailbox,
  printable,
  queueId,
  REPLY_LINES_MAX,
  status,
  TEXT_CHARACTERS_MAX,
  text,
  time,
  wholeNumber,
} from "./envelope-members.js";
import { isQueueId } from "./queue-id.js";

const VERSION = 1;
/** Room for as many recipients as a message may have (limits.recipients), and a few words on each. */
export const ENVELOPE_OCTETS_MAX = 64 * 1024 * 1024;
export const RECIPIENTS_MAX = 100_000;
const OWED_MAX = 100;
// RFC 3461 §4.4 and §4.2: 100 and 500 characters of xtext; more is the protocol's affair.
const ENVID_CHARACTERS_MAX = 1000;
const ORCPT_CHARACTERS_MAX = 1000;

const EXTENSION = ".json";

export function envelopeFileName(queueId: string): string {
  return queueId + EXTENSION;
}

/** The queue id that a file name in envelope/ stands for; undefined for any other name. */
export function queueIdOfFile(name: string): string | undefined {
  const queueId = name.slice(0, -EXTENSION.length);
  return name.endsWith(EXTENSION) && isQueueId(queueId) ? queueId : undefined;
}

const reply = z
  .strictObject({
    code: wholeNumber(100, 999),
    status: status.optional(),
    lines: list(text(TEXT_CHARACTERS_MAX), REPLY_LINES_MAX),
  })
  .transform((said): RemoteReply => ({ status: undefined, ...said }));

const NO_ONE_SAID = { host: undefined, reply: undefined };

const trouble = z
  .strictObject({
    status,
    text: text(TEXT_CHARACTERS_MAX),
    host: text(HOST_CHARACTERS_MAX).optional(),
    reply: reply.optional(),
  })
  .transform((said): Trouble => ({ ...NO_ONE_SAID, ...said }));

const orcpt = text(ORCPT_CHARACTERS_MAX).optional();
const account = text(ADDRESS_CHARACTERS_MAX).optional();

const NEW_RECIPIENT = {
  notify: undefined,
  orcpt: undefined,
  account: undefined,
  rewrittenReversePath: undefined,
  trouble: undefined,
};

const recipient = z
  .strictObject({
    forwardPath: mailbox,
    notify: list(z.enum(["SUCCESS", "FAILURE", "DELAY"]), 3).optional(),
    orcpt,
    account,
    rewrittenReversePath: mailbox.optional(),
    attempts: wholeNumber(0, Number.MAX_SAFE_INTEGER).default(0),
    nextAttempt: time,
    trouble: trouble.optional(),
    delayTold: z.boolean().default(false),
  })
  .transform((said): QueuedRecipient => ({ ...NEW_RECIPIENT, ...said }));

const report = z
  .strictObject({
    forwardPath: mailbox,
    orcpt,
    status,
    text: text(TEXT_CHARACTERS_MAX),
    host: text(HOST_CHARACTERS_MAX).optional(),
    reply: reply.optional(),
    at: time,
    willRetryUntil: time.optional(),
  })
  .transform((said) => ({ ...NO_ONE_SAID, orcpt: undefined, willRetryUntil: undefined, ...said }));

const owedNotice = z.strictObject({
  queueId,
  action: z.enum(["failed", "delayed", "delivered", "relayed", "expanded"]),
  reports: list(report, RECIPIENTS_MAX),
});

const NEW_ENVELOPE = { ret: undefined, envid: undefined, account: undefined };

const envelope = z
  .strictObject({
    version: z.literal(VERSION),
    queueId,
    message: baseName,
    arrivedAt: time,
    reversePath: mailbox.nullable(),
    ret: z.enum(["FULL", "HDRS"]).optional(),
    envid: printable(ENVID_CHARACTERS_MAX).optional(),
    body: z.enum(["7BIT", "8BITMIME"]),
    smtputf8: z.boolean().default(false),
    account,
    held: z.boolean().default(false),
    recipients: list(recipient, RECIPIENTS_MAX),
    owed: list(owedNotice, OWED_MAX).default([]),
  })
  .transform(({ version: _, ...said }): QueueEnvelope => {
    return { ...NEW_ENVELOPE, ...said, reversePath: said.reversePath ?? undefined };
  });

/** What is wrong with a file, for the log; and the message that it names, if that much can be told. */
export interface NoEnvelope {
  readonly reason: string;
  readonly message: string | undefined;
}

/** Reads the text of the file that is named after `queueId`. Never throws. */
export function parseEnvelope(json: string, queueId: string): QueueEnvelope | NoEnvelope {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return { reason: "not JSON", message: undefined };
  }
  const result = envelope.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    const where = cleaned(issue?.path.map(String).join(".") ?? "", TEXT_CHARACTERS_MAX);
    const what = cleaned(issue?.message ?? "", TEXT_CHARACTERS_MAX);
    return { reason: where === "" ? what : `${where}: ${what}`, message: messageOf(value) };
  }
  if (result.data.queueId === queueId) return result.data;
  return { reason: `of another message, ${result.data.queueId}`, message: undefined };
}

export function isEnvelope(read: QueueEnvelope | NoEnvelope): read is QueueEnvelope {
  return "queueId" in read;
}

function messageOf(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || !("message" in value)) return undefined;
  return baseName.safeParse(value.message).data;
}

/** Writes the file. Throws a RangeError for what no file can hold: a number that is none, more than is ever read. */
export function formatEnvelope(envelope: QueueEnvelope): string {
  const json = JSON.stringify(
    {
      version: VERSION,
      queueId: envelope.queueId,
      message: envelope.message,
      arrivedAt: number(envelope.arrivedAt),
      reversePath: envelope.reversePath === undefined ? null : formatMailbox(envelope.reversePath),
      ret: envelope.ret,
      envid: envelope.envid,
      body: envelope.body,
      smtputf8: envelope.smtputf8 || undefined,
      account: envelope.account,
      held: envelope.held || undefined,
      recipients: envelope.recipients.map(writtenRecipient),
      owed: envelope.owed.length === 0 ? undefined : envelope.owed.map(writtenNotice),
    },
    undefined,
    1,
  );
  if (Buffer.byteLength(json) > ENVELOPE_OCTETS_MAX) throw new RangeError("the envelope is too large");
  return `${json}\n`;
}

function writtenRecipient(one: QueuedRecipient) {
  return {
    forwardPath: formatMailbox(one.forwardPath),
    notify: one.notify,
    orcpt: one.orcpt,
    account: one.account,
    rewrittenReversePath: writtenMailbox(one.rewrittenReversePath),
    attempts: one.attempts === 0 ? undefined : number(one.attempts),
    nextAttempt: number(one.nextAttempt),
    trouble: one.trouble && writtenTrouble(one.trouble),
    delayTold: one.delayTold || undefined,
  };
}

function writtenTrouble({ status, text, host, reply }: Trouble) {
  return {
    status,
    text: cleaned(text, TEXT_CHARACTERS_MAX),
    host: host && cleaned(host, HOST_CHARACTERS_MAX),
    reply: reply && writtenReply(reply),
  };
}

function writtenReply({ code, status, lines }: RemoteReply) {
  return {
    code: number(code),
    status,
    lines: lines.slice(0, REPLY_LINES_MAX).map((line) => cleaned(line, TEXT_CHARACTERS_MAX)),
  };
}

function writtenNotice({ queueId, action, reports }: OwedNotice) {
  return {
    queueId,
    action,
    reports: reports.map((report) => ({
      forwardPath: formatMailbox(report.forwardPath),
      orcpt: report.orcpt,
      ...writtenTrouble(report),
      at: number(report.at),
      willRetryUntil: report.willRetryUntil === undefined ? undefined : number(report.willRetryUntil),
    })),
  };
}

function writtenMailbox(mailbox: Mailbox | undefined): string | undefined {
  return mailbox && formatMailbox(mailbox);
}

function number(value: number): number {
  if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) throw new RangeError(`${value} in an envelope`);
  return Math.round(value);
}
