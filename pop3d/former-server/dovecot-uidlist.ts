/**
 * Dovecot's list of the messages of a Maildir, `dovecot-uidlist`. Pure.
 *
 *     3 V1795317529 N15 Gbe5c2835195f026bdc26000083ecc375         UIDVALIDITY, next UID, the mailbox's GUID
 *     11 W2101 Pold-id :1700000018.M1P18.host,S=2048              UID, fields, base name
 *
 *     1 1795317529 15                                             version 1, up to Dovecot 1.0
 *     11 1700000018.M1P18.host,S=2048
 *
 * Of the fields, P is a unique-id that was given out before (empty: the base name), and G a GUID other than the base name.
 * O, an order of messages, is not looked at: a message-number holds for a session, and no client may rely on it.
 *
 * Dovecot replaces the file by a rename, or appends lines to it: a last line without an end is being written, and none
 * yet. It takes a file in which anything else is amiss for damaged, and so do we.
 */
import { baseNameOf, type InfoSeparator } from "../../shared/maildir/name.js";

export interface UidlistEntry {
  readonly uid: number;
  /** `P`, as it stands. */
  readonly uidl: string | undefined;
  /** `G`. */
  readonly guid: string | undefined;
}

export interface Uidlist {
  readonly uidValidity: number;
  /** By base name. */
  readonly entries: ReadonlyMap<string, UidlistEntry>;
}

const UID_MAX = 2 ** 32 - 2;
const VERSION_1 = /^1 (\d{1,10}) (\d{1,10})$/;
const VERSION_3 = /^3((?: [A-Z][^ ]*)*) *$/;
const LINE_1 = /^(\d{1,10}) ()(.+)$/s;
const LINE_3 = /^(\d{1,10})((?: [A-Z][^ ]*)*) :(.+)$/s;

/** Reads a list; undefined for one that is damaged. `text` is latin1. */
export function parseUidlist(text: string, separator: InfoSeparator): Uidlist | undefined {
  const [header = "", ...lines] = text.split("\n");
  // What follows the last line end: nothing, or a line that is being written.
  if (lines.pop() === undefined) return undefined;
  const uidValidity = uidValidityOf(header);
  if (uidValidity === undefined) return undefined;

  const pattern = VERSION_1.test(header) ? LINE_1 : LINE_3;
  const entries = new Map<string, UidlistEntry>();
  let last = 0;
  for (const line of lines) {
    const [, digits, fields = "", filename = ""] = pattern.exec(line) ?? [];
    const uid = Number(digits);
    if (!(uid > last && uid <= UID_MAX) || filename.includes("/")) return undefined;
    last = uid;
    // A file that was put back has a line for each of its stays, and the last holds. Old versions wrote flags, too.
    entries.set(baseNameOf(filename, separator), {
      uid,
      uidl: fieldOf(fields, "P"),
      guid: fieldOf(fields, "G"),
    });
  }
  return { uidValidity, entries };
}

function uidValidityOf(header: string): number | undefined {
  const version1 = VERSION_1.exec(header)?.[1];
  const version3 = fieldOf(VERSION_3.exec(header)?.[1] ?? "", "V");
  const digits = version1 ?? version3;
  if (digits === undefined || !/^\d{1,10}$/.test(digits)) return undefined;
  const uidValidity = Number(digits);
  return uidValidity > 0 && uidValidity < 2 ** 32 ? uidValidity : undefined;
}

function fieldOf(fields: string, key: string): string | undefined {
  return fields
    .split(" ")
    .find((field) => field.startsWith(key))
    ?.slice(1);
}
