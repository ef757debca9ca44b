/**
 * The names of messages in a Maildir: the one place that writes and reads them. Pure.
 *
 *   1763769600.M123456P4711Q1.mail.example.org,S=2048,W=2101:2,FS
 *   └────────────── unique part ─────────────┘└─ fields ───┘└flags┘
 *   └────────────────── base name ───────────────────────┘
 *
 * `S=` is the size of the file in octets, `W=` its size with CRLF line ends (Maildir++, Courier and Dovecot write
 * the same). A message of ours whose header has octets above 0x7F has a third field, `H=8`; of other programs' messages
 * no name says whether. Other programs may change the flags at any moment, move the file between new/ and cur/, and add
 * fields of their own (mbsync's `,U=7`): a message is therefore known by its *identity*, the base name without `U=`.
 *
 * Names are held as latin1 strings, one character per octet, because a file name is any octets but NUL and "/".
 */

import { isAscii } from "../address.js";
import type { Path } from "../durable.js";

/** What parts flags from a base name. It is `:`, except on file systems that cannot have that in a name. */
export type InfoSeparator = ":" | ";" | "!";

export interface MessageName {
  /** All up to the first `,` or separator. */
  readonly unique: string;
  /** The base name without mbsync's `U=` field: what stays the same under foreign renames. */
  readonly identity: string;
  /** `S=`: octets of the file. */
  readonly size: number | undefined;
  /** `W=`: octets with CRLF line ends. */
  readonly wireSize: number | undefined;
  /** The letters after `:2,`, as found. */
  readonly flags: string;
}

/** All up to the separator, mbsync's `U=` field as well: what other programs know a message by. */
export function baseNameOf(filename: string, separator: InfoSeparator = ":"): string {
  const end = filename.indexOf(separator);
  return end < 0 ? filename : filename.slice(0, end);
}

/** Reads any name. Never fails: a foreign name is all unique part. */
export function parseName(filename: string, separator: InfoSeparator = ":"): MessageName {
  const base = baseNameOf(filename, separator);
  const info = filename.slice(base.length + separator.length);
  const [unique = "", ...fields] = base.split(",");
  return {
    unique,
    identity: fields.some(isImapUidField)
      ? [unique, ...fields.filter((f) => !isImapUidField(f))].join(",")
      : base,
    size: numberField(fields, "S="),
    wireSize: numberField(fields, "W="),
    flags: FLAGS.exec(info)?.[1] ?? "",
  };
}

/** Version 2 of the info part: flags, and what some programs write after a further comma, which we keep as it is. */
const FLAGS = /^2,([^,]*)(.*)$/s;

function isImapUidField(field: string): boolean {
  return /^U=\d+$/.test(field);
}

function numberField(fields: readonly string[], prefix: "S=" | "W="): number | undefined {
  const digits = fields.find((field) => field.startsWith(prefix))?.slice(prefix.length);
  if (digits === undefined || !/^\d{1,15}$/.test(digits)) return undefined;
  return Number(digits);
}

/** The base name of a message of ours: its unique part, both sizes, and whether its header is ASCII. */
export function formatBaseName(unique: string, size: number, wireSize: number, asciiHeader = true): string {
  return `${unique},S=${size},W=${wireSize}${asciiHeader ? "" : ",H=8"}`;
}

/** What uniqueNames and formatBaseName make, and nobody else that is known: others have no Q, or other fields. */
const OF_OURS = /^\d+\.M\d{6}P\d+Q\d+\.[^,]*,S=\d+,W=\d+(,H=8)?$/;

/** Whether a message's header is ASCII, as far as its name says: of other programs' it does not (undefined). */
export function hasAsciiHeader(identity: string): boolean | undefined {
  const ours = OF_OURS.exec(identity);
  return ours === null ? undefined : ours[1] === undefined;
}

/**
 * The name under which a message lies in cur/ with these flags added. Flags are sorted as ASCII, and letters that
 * we do not know are kept (they are Dovecot's keywords, say). An info part that is not version 2 is left alone.
 */
export function withFlags(filename: string, added = "", separator: InfoSeparator = ":"): string {
  const base = baseNameOf(filename, separator);
  if (base === filename) return `${filename}${separator}2,${sortedFlags(added)}`;
  const [, flags, rest] = FLAGS.exec(filename.slice(base.length + separator.length)) ?? [];
  if (flags === undefined) return filename;
  return `${base}${separator}2,${sortedFlags(flags + added)}${rest}`;
}

function sortedFlags(flags: string): string {
  return [...new Set(flags)].sort().join("");
}

/** Of the 255 octets that a file name may have, this leaves room for sizes, flags and what others add. */
const HOST_OCTETS_MAX = 128;

/**
 * Makes unique parts: `<seconds>.M<microseconds>P<pid>Q<n>.<host>`. The microseconds strictly increase within
 * the process, so that no two are alike even when the clock stands still or is set back; they have six digits, so
 * that names in the order of their characters are in the order of their delivery.
 *
 * @param host the host's name; `/`, `:` and `,` would end a path, a base name or a unique part and are written as
 *   `\057`, `\072` and `\054`, and so is what is not printable. A very long one is cut.
 * @param now milliseconds since 1970, as Date.now gives them
 */
export function uniqueNames(host: string, pid: number, now: () => number): () => string {
  const safeHost = host
    .replace(/[/:,]|[^!-~]/g, (c) => `\\${(c.charCodeAt(0) & 0xff).toString(8).padStart(3, "0")}`)
    .slice(0, HOST_OCTETS_MAX);
  let last = 0;
  let count = 0;
  return () => {
    last = Math.max(last + 1, Math.floor(now() * 1000));
    count++;
    const seconds = Math.floor(last / 1_000_000);
    const microseconds = String(last % 1_000_000).padStart(6, "0");
    return `${seconds}.M${microseconds}P${pid}Q${count}.${safeHost}`;
  };
}

/** The order of a maildrop: by time of delivery (the number that a name begins with), then by name. */
export function compareNames(a: string, b: string): number {
  const difference = leadingNumber(a) - leadingNumber(b);
  if (difference !== 0) return difference;
  return a < b ? -1 : a > b ? 1 : 0;
}

function leadingNumber(name: string): number {
  const value = Number.parseInt(name, 10);
  return Number.isNaN(value) ? 0 : value;
}

/** The path of a latin1 `filename` in `directory`: a string where it is ASCII, else a Buffer of its very octets. */
export function pathOf(directory: string, filename: string): Path {
  if (isAscii(filename)) return `${directory}/${filename}`;
  return Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(filename, "latin1")]);
}
