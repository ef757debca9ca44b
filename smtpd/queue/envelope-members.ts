/**
 * The kinds of values that an envelope's file may hold, as zod schemas, and how texts of other hosts are made to fit them.
 * Pure.
 */
import { z } from "zod";
import { parseMailbox } from "../../shared/address.js";
import { isQueueId } from "./queue-id.js";

/** Of what another host replied, or we say of it: more helps nobody. */
export const TEXT_CHARACTERS_MAX = 1000;
export const REPLY_LINES_MAX = 50;
export const HOST_CHARACTERS_MAX = 300;

/** RFC 5321 §4.5.3.1 with the limits of shared/address.ts: both parts, quotes and quoted pairs. */
export const ADDRESS_CHARACTERS_MAX = 1000;
/** A name of a file of 255 octets, with room for flags. */
const BASE_NAME_OCTETS_MAX = 240;
/** The largest time that a Date can hold. */
const TIME_MS_MAX = 8.64e15;

/** What would end or break a line, and halves of characters, which no file can hold. */
const NOT_IN_A_LINE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u;
const ALL_NOT_IN_A_LINE = new RegExp(NOT_IN_A_LINE, "gu");

/** The base name of a message (shared/maildir/name.ts), each character an octet: no path, no flags, nothing hidden. */
const BASE_NAME = /^(?!\.)[^\x00-\x1f\x7f/:\u0100-\uffff]+$/;

export const queueId = z.string().refine(isQueueId, { error: "no queue id" });

export const baseName = z
  .string()
  .max(BASE_NAME_OCTETS_MAX)
  .regex(BASE_NAME, { error: "no base name of a message" });

/** RFC 3463 §2 */
export const status = z.string().regex(/^[245]\.\d{1,3}\.\d{1,3}$/, { error: "no enhanced status code" });

/** One line. */
export const text = (charactersMax: number) =>
  z
    .string()
    .max(charactersMax)
    .refine((line) => !NOT_IN_A_LINE.test(line), { error: "a control character in it" });

/** Printable US-ASCII. */
export const printable = (charactersMax: number) =>
  z
    .string()
    .max(charactersMax)
    .regex(/^[ -~]*$/, { error: "not printable US-ASCII" });

export const mailbox = z
  .string()
  .max(ADDRESS_CHARACTERS_MAX)
  .transform((address, context) => {
    const mailbox = parseMailbox(address);
    if (mailbox !== undefined) return mailbox;
    context.addIssue({ code: "custom", message: "no mailbox" });
    return z.NEVER;
  });

export const wholeNumber = (least: number, most: number) => z.int().min(least).max(most);

/** Milliseconds since 1970. */
export const time = wholeNumber(0, TIME_MS_MAX);

export const list = <T extends z.ZodType>(member: T, most: number) => z.array(member).max(most);

/** A text that `text` takes: what does not fit on a line becomes `?`, and what is too much is cut off. */
export function cleaned(line: string, charactersMax: number): string {
  const short = line.length > charactersMax ? line.slice(0, charactersMax) : line;
  return NOT_IN_A_LINE.test(short) ? short.replace(ALL_NOT_IN_A_LINE, "?") : short;
}
