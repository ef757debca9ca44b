/**
 * Who a message says that it is from, for holding that against who has submitted it (RFC 6409 §6.1). Pure.
 *
 * The reader of a message sees its From, not its reverse-path. So whatever different programs could read differently is
 * refused here: two From fields, lines in the header that are no fields, addresses that need guessing. A message without From
 * is given one (repair.ts).
 */
import { isUtf8 } from "node:buffer";
import type { Mailbox } from "../../shared/address.js";
import { type Reply, reply } from "../protocol/reply.js";
import { parseClearAddressList } from "./address-list.js";
import type { HeaderFacts } from "./header-section.js";

const MANY_FROM = reply(550, "7.1", "the message has more than one From or Sender field");
const IRREGULAR = reply(550, "7.1", "the header of the message has a line that is no field");
const UNCLEAR = reply(550, "7.1", "the From or Sender field of the message cannot be read without doubt");

/** More is a list of people, not who wrote a message. */
const AUTHORS_MAX = 100;
const FIELD_OCTETS_MAX = 16 * 1024;

/** The mailboxes of From and Sender; or the reply when they cannot be told for certain. */
export function authorsOf(header: HeaderFacts): readonly Mailbox[] | Reply {
  if (header.headless) return [];
  if (header.irregular) return IRREGULAR;
  const from = header.values("from");
  const sender = header.values("sender");
  if (from.length > 1 || sender.length > 1) return MANY_FROM;
  const authors: Mailbox[] = [];
  for (const value of [...from, ...sender]) {
    const mailboxes = mailboxesOf(value);
    if (mailboxes === undefined) return UNCLEAR;
    authors.push(...mailboxes);
  }
  return authors;
}

function mailboxesOf(value: Buffer): readonly Mailbox[] | undefined {
  if (value.length > FIELD_OCTETS_MAX) return undefined;
  // Names in other character sets are common; an address is never made of what is not UTF-8.
  const text = isUtf8(value)
    ? value.toString("utf8")
    : value.toString("latin1").replace(/[\x80-\xff]/g, "\ufffd");
  const mailboxes = parseClearAddressList(text);
  if (mailboxes === undefined || mailboxes.length === 0 || mailboxes.length > AUTHORS_MAX) return undefined;
  return mailboxes;
}
