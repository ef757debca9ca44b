/**
 * Quotas as Maildir++ has them: how much mail an account may hold, and how much it holds. Pure.
 *
 * The definition is the first line of a Maildir's `maildirsize` (quota-lines.ts): `10000000S,1000C` is ten million octets
 * and a thousand messages. Zero stands for no limit, `0S` for none at all.
 */

/** So many messages with so many octets, as their files have them; in a change, less than zero of both for a removal. */
export interface Amount {
  readonly octets: number;
  readonly messages: number;
}

/** What an account may hold; undefined where there is no limit. */
export interface Quota {
  readonly octets: number | undefined;
  readonly messages: number | undefined;
}

/** What the administrator says of an account's quota. */
export interface QuotaRule extends Quota {
  /** False when a definition that stands in maildirsize already goes before this one (Dovecot's rule `?`). */
  readonly binding: boolean;
}

export const NOTHING: Amount = { octets: 0, messages: 0 };

/**
 * Any file's size and any number of files; what is above has not been counted but made up. The most that a line of
 * fifteen and of nine digits can say (quota-lines.ts), so that a sum can always be written where it was read.
 */
export const AMOUNT_MAX: Amount = { octets: 10 ** 15 - 1, messages: 10 ** 9 - 1 };

export function sum(a: Amount, b: Amount): Amount {
  return { octets: a.octets + b.octets, messages: a.messages + b.messages };
}

export function isWithin({ octets, messages }: Amount, quota: Quota): boolean {
  return octets <= (quota.octets ?? Infinity) && messages <= (quota.messages ?? Infinity);
}

export function isSameQuota(a: Quota, b: Quota): boolean {
  return a.octets === b.octets && a.messages === b.messages;
}

/** A definition as Courier and Dovecot write it. */
export function formatDefinition({ octets, messages }: Quota): string {
  if (messages === undefined) return `${octets ?? 0}S`;
  return octets === undefined ? `${messages}C` : `${octets}S,${messages}C`;
}

/**
 * Reads a definition, in whatever order its parts stand; undefined when it is none. The empty one is what Courier's
 * programs make of `0S`. A number too large for us is as good as no limit, and read as the largest there is.
 */
export function parseDefinition(text: string): Quota | undefined {
  const limits = { S: 0, C: 0 };
  for (const part of text.split(",")) {
    if (part === "" && text === "") continue;
    const [, digits, kind] = /^(\d{1,20})([SC])$/.exec(part) ?? [];
    if (digits === undefined || (kind !== "S" && kind !== "C")) return undefined;
    limits[kind] = Math.min(Number(digits), Number.MAX_SAFE_INTEGER);
  }
  return { octets: limits.S || undefined, messages: limits.C || undefined };
}
