/**
 * What stands in a Maildir's `maildirsize` (Maildir++, as Courier specifies it), and when it is to be believed. Pure.
 *
 *   10000000S,1000C          the definition (quota.ts)
 *   734003200 412            the summary: octets and messages as they were counted when the file was made
 *   -2048 -1                 what has changed since: one line for each delivery and each removal
 *   5311 1
 *
 * Whoever adds a line does it in one write(2) to a file opened with O_APPEND, so that no two mix. The file is counted anew and
 * replaced by a rename when nobody can rely on it any more: `isDoubtful`.
 *
 * Courier's programs and Dovecot agree on all of this but one thing. Courier leaves out what lies in `.Trash` and messages
 * flagged T, Dovecot counts everything. We do as whoever counted last, which the summary tells: Courier's is padded with
 * spaces at its beginning, Dovecot's is not. So a Maildir that Dovecot keeps has Dovecot's numbers, one that Courier keeps
 * has Courier's, and where there was no file yet everything counts. On a Maildir where both work, each changes the
 * numbers to its own when it counts, and we follow.
 */
import type { MessageName } from "./name.js";
import {
  AMOUNT_MAX,
  type Amount,
  formatDefinition,
  isSameQuota,
  isWithin,
  NOTHING,
  parseDefinition,
  type Quota,
  type QuotaRule,
  sum,
} from "./quota.js";

/** A file of this size is counted anew by everybody, and nobody reads more of one. */
export const MAILDIRSIZE_OCTETS_MAX = 5120;
/** What a file says of an account that is over its quota is believed for so long. */
const OVER_QUOTA_MS_MAX = 15 * 60_000;

/** Who counts: "all" as Dovecot does, "kept" without what is in .Trash or flagged T, as Courier's programs do. */
export type Manner = "all" | "kept";

/** The contents of a maildirsize. */
export interface QuotaLines {
  /** Undefined when the first line is no definition. */
  readonly quota: Quota | undefined;
  readonly manner: Manner;
  /** Undefined when the lines do not add up to what a Maildir could hold. */
  readonly usage: Amount | undefined;
  /** Lines below the definition. */
  readonly lines: number;
}

/** Reads what a file holds, MAILDIRSIZE_OCTETS_MAX of it at most. Never fails. */
export function parseLines(octets: Buffer): QuotaLines {
  const text = octets.toString("latin1");
  const [definition = "", ...lines] = text.split("\n");
  const unfinished = lines.pop();
  const quota = unfinished === undefined ? undefined : parseDefinition(definition);
  const whole = unfinished === "" && lines.length > 0 && octets.length < MAILDIRSIZE_OCTETS_MAX;
  const manner = /^[^\n]*\n /.test(text) ? "kept" : "all";
  return { quota, manner, usage: whole ? sumOf(lines) : undefined, lines: lines.length };
}

function sumOf(lines: readonly string[]): Amount | undefined {
  let usage = NOTHING;
  for (const line of lines) {
    const [, octets, messages] = /^\s*(-?\d{1,15})\s+(-?\d{1,9})\s*$/.exec(line) ?? [];
    if (octets === undefined || messages === undefined) return undefined;
    usage = sum(usage, { octets: Number(octets), messages: Number(messages) });
  }
  // Below zero, a removal was noted of what was never counted.
  return usage.octets >= 0 && usage.messages >= 0 && isWithin(usage, AMOUNT_MAX) ? usage : undefined;
}

/** A line about a change. */
export function formatChange({ octets, messages }: Amount): string {
  return `${octets} ${messages}\n`;
}

/** A file of which everybody knows that it has to be counted anew, or one with what was counted. */
export function formatLines(quota: Quota, usage: Amount, manner: Manner, doubtful = false): string {
  const [octets, messages] = [usage.octets, usage.messages].map((number) => column(number, manner));
  const text = `${formatDefinition(quota)}\n${octets} ${messages}`;
  return `${doubtful ? text.padEnd(MAILDIRSIZE_OCTETS_MAX) : text}\n`;
}

const COURIER_COLUMN = 12;

/** Padded as Courier does; by one space at least, since it tells the manner. */
function column(number: number, manner: Manner): string {
  const digits = String(number);
  return manner === "kept" ? ` ${digits.padStart(COURIER_COLUMN - 1)}` : digits;
}

/** The quota in force: the administrator's, or what the file says. Undefined where nobody has set one. */
export function quotaInForce(rule: QuotaRule | undefined, file: QuotaLines | undefined): Quota | undefined {
  return rule?.binding === true ? rule : (file?.quota ?? rule);
}

/**
 * Whether a file has to be counted anew before one can say of an account with this quota that it may hold `adding` more.
 *
 * An account that is over its quota stays so by what the file says only while the file is young and nothing but a summary:
 * other programs may have removed mail and noted nothing. What is larger than the whole quota fits no better for counting.
 * @param age of the file, milliseconds
 */
export function isDoubtful(file: QuotaLines, quota: Quota, adding: Amount, age: number): boolean {
  if (file.usage === undefined || file.quota === undefined || !isSameQuota(file.quota, quota)) return true;
  if (isWithin(sum(file.usage, adding), quota) || !isWithin(adding, quota)) return false;
  return file.lines > 1 || age > OVER_QUOTA_MS_MAX;
}

/** The folder that Courier's programs leave out. */
export const TRASH = ".Trash";

/** Whether what lies in a folder counts; "" is the Maildir itself. */
export function folderCounts(folder: string, manner: Manner): boolean {
  return manner === "all" || folder !== TRASH;
}

/** Whether a message in such a folder counts. */
export function counts({ flags }: Pick<MessageName, "flags">, manner: Manner): boolean {
  return manner === "all" || !flags.includes("T");
}
