/**
 * The list in which Courier's pop3d keeps sizes and unique-ids, `courierpop3dsizelist`. Pure.
 *
 *     /3 5 1795317347                                            version, next number, the list's own number
 *     1700000001.M1P1.host,S=17:2,S 24 1:1795317347:0            file name, octets, number:list (":" UTF-8 in version 3)
 *
 * The unique-id of that message is `UID1-1795317347`; where the list's number is 0, `UID1`. A message with number 0 was
 * listed before there were numbers, and is known by its base name, in which what is not sendable, and `'`, `"` and `+`, is
 * written `+` and two hexadecimal digits.
 *
 * Courier begins anew where it finds another version or no header (its releases up to 2003), and drops lines that it cannot
 * read. It replaces the file by a rename.
 */
import { baseNameOf, type InfoSeparator } from "../../shared/maildir/name.js";

/** Unique-ids by base name; undefined for what Courier would not read. `text` is latin1. */
export function parseCourierList(
  text: string,
  separator: InfoSeparator,
): ReadonlyMap<string, string> | undefined {
  const [header = "", ...lines] = text.split("\n");
  const version = /^\/([23]) \d+ \d+$/.exec(header)?.[1];
  if (version === undefined) return undefined;
  const pattern = version === "3" ? LINE_3 : LINE_2;
  const ids = new Map<string, string>();
  for (const line of lines) {
    const [, filename, number, list] = pattern.exec(line) ?? [];
    if (filename === undefined || number === undefined || list === undefined) continue;
    const base = baseNameOf(filename, separator);
    ids.set(base, uniqueIdOf(base, number, list));
  }
  return ids;
}

const LINE_2 = /^(.+) \d+ (\d{1,20}):(\d{1,20})$/;
const LINE_3 = /^(.+) \d+ (\d{1,20}):(\d{1,20}):\d+$/;

function uniqueIdOf(base: string, number: string, list: string): string {
  if (Number(number) === 0) {
    return base.replace(
      /[^!-~]|['"+]/g,
      (c) => `+${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
    );
  }
  return Number(list) === 0 ? `UID${number}` : `UID${number}-${list}`;
}
