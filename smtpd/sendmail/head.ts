/**
 * The header of a message that a program hands in: the fields that go with it, those that do not, and for -t the recipients
 * that it names. Pure. Octets stay octets, but for the fields whose addresses are read.
 *
 * As in receive/header-section.ts mbox's "From " line at the top is passed over, and a line that is no field ends the header, as
 * if the blank line had been forgotten.
 */
import type { Mailbox } from "../../shared/address.js";
import { decodeText } from "../../shared/text.js";
import { parseAddressList } from "../receive/address-list.js";

interface Field {
  /** In lower case. */
  readonly name: string;
  /** With its continuation lines, each with its LF. */
  readonly octets: Buffer;
}

export interface Head {
  readonly fields: readonly Field[];
  /** What comes after the header and its blank line. */
  readonly rest: Buffer;
}

const LF = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;
/** RFC 5322 §2.1.1 allows lines of 998; a name longer than this is none. */
const FIELD_NAME_OCTETS_MAX = 256;
/** RFC 5322 §2.2 field-name, and white space before the colon as in §4.5. */
const FIELD_NAME = /^([!-9;-~]+)[ \t]*:/;

/** Nobody else is to see who is in Bcc, and Return-Path is what the final delivery writes (RFC 5321 §4.4). */
const NOT_PASSED_ON: ReadonlySet<string> = new Set(["bcc", "resent-bcc", "return-path"]);

/** Takes the beginning of a message apart, which holds its header whole. */
export function readHead(octets: Buffer): Head {
  const begun: { readonly name: string; readonly start: number; end: number }[] = [];
  let start = 0;
  let rest = octets.length;
  while (start < octets.length) {
    const lf = octets.indexOf(LF, start);
    const end = lf < 0 ? octets.length : lf + 1;
    const line = octets.subarray(start, end);
    const last = begun.at(-1);
    const name = nameOf(line);
    if ((line[0] === SPACE || line[0] === TAB) && last !== undefined) last.end = end;
    else if (name !== undefined) begun.push({ name, start, end });
    else if (last !== undefined || !isEnvelopeLine(line)) {
      rest = line[0] === LF ? end : start;
      break;
    }
    start = end;
  }
  const fields = begun.map(({ name, ...range }) => ({
    name,
    octets: octets.subarray(range.start, range.end),
  }));
  return { fields, rest: octets.subarray(rest) };
}

/** mbox's "From " line, or as quoted by programs that met it before. */
function isEnvelopeLine(line: Buffer): boolean {
  return /^>?From /.test(line.toString("latin1", 0, 6));
}

function nameOf(line: Buffer): string | undefined {
  return FIELD_NAME.exec(line.toString("latin1", 0, FIELD_NAME_OCTETS_MAX))?.[1]?.toLowerCase();
}

/** The header that goes with the message, without the blank line. */
export function passedOn({ fields }: Head): Buffer {
  return Buffer.concat(fields.filter(({ name }) => !NOT_PASSED_ON.has(name)).map(({ octets }) => octets));
}

export type HeaderRecipients =
  | { readonly kind: "recipients"; readonly mailboxes: readonly Mailbox[] }
  /** A field that is no list of addresses, by its name. */
  | { readonly kind: "error"; readonly field: string };

/**
 * Whom To, Cc and Bcc name; of a message that was sent again, whom the fields of the last time do (RFC 5322 §3.6.6: these are
 * a block at the top).
 */
export function recipientsIn(head: Head, defaultDomain: string): HeaderRecipients {
  const resent = lastResentBlock(head.fields);
  const fields = resent.length > 0 ? resent : head.fields;
  const names = resent.length > 0 ? ["resent-to", "resent-cc", "resent-bcc"] : ["to", "cc", "bcc"];
  const mailboxes: Mailbox[] = [];
  for (const { name, octets } of fields) {
    if (!names.includes(name)) continue;
    const found = parseAddressList(textOf(octets), defaultDomain);
    if (found === undefined) return { kind: "error", field: name };
    mailboxes.push(...found);
  }
  return { kind: "recipients", mailboxes };
}

function lastResentBlock(fields: readonly Field[]): readonly Field[] {
  const start = fields.findIndex(({ name }) => name.startsWith("resent-"));
  if (start < 0) return [];
  const behind = fields.slice(start).findIndex(({ name }) => !name.startsWith("resent-"));
  const block = behind < 0 ? fields.slice(start) : fields.slice(start, start + behind);
  // A second Resent-Date begins the block of the time before, where nothing stands between the two.
  const seen = new Set<string>();
  const end = block.findIndex(({ name }) => seen.size === seen.add(name).size);
  return end < 0 ? block : block.slice(0, end);
}

/**
 * The value of a field as text. What is not UTF-8 may be part of a name, and must not become part of an address: each such
 * octet is a control here, which no address may hold.
 */
function textOf(octets: Buffer): string {
  const text = decodeText(octets) ?? octets.toString("latin1").replace(/[\x80-\xff]/g, "\u0080");
  return text.slice(text.indexOf(":") + 1);
}
