/**
 * The unique-ids that the former server gave to the messages of a Maildir, from what it has left there. Nothing of it is
 * changed.
 *
 * A list that is damaged is passed over, as the former server itself would have done; the log says so. One that cannot be
 * read, or is no file, is trouble, and nobody gets in until somebody has seen to it: to go on without would mean other
 * unique-ids for every message, and clients that download them all again.
 */
import type { Log } from "../../shared/log.js";
import type { Maildir } from "../../shared/maildir/maildir.js";
import { baseNameOf, parseName } from "../../shared/maildir/name.js";
import { readWhole } from "../../shared/read-whole.js";
import { parseCourierList } from "./courier-list.js";
import { parseUidlist } from "./dovecot-uidlist.js";
import type { FormerServer } from "./former-server.js";
import type { UidlFormat } from "./uidl-format.js";

/** Where a unique-id of a former server comes from. */
export type FormerSource = "dovecot, stored" | "dovecot, by format" | "courier" | "qmail";

export interface FormerId {
  readonly uniqueId: string;
  readonly source: FormerSource;
}

/** The unique-id that a file of this name had; undefined for one that the former server has never seen. */
export type FormerIds = (filename: string) => FormerId | undefined;

const DOVECOT_LIST = "dovecot-uidlist";
const COURIER_LIST = "courierpop3dsizelist";
/** Half a million messages. */
const LIST_OCTETS_MAX = 64 * 1024 * 1024;

const none: FormerIds = () => undefined;

/** Reads the list of the former server, once and whole. Rejects where that cannot be done. */
export async function readFormerIds(server: FormerServer, maildir: Maildir, log: Log): Promise<FormerIds> {
  if (server.kind === "qmail") {
    return (filename) => ({ uniqueId: baseNameOf(filename, maildir.infoSeparator), source: "qmail" });
  }
  const path = `${maildir.path}/${server.kind === "dovecot" ? DOVECOT_LIST : COURIER_LIST}`;
  const octets = await readWhole(path, LIST_OCTETS_MAX);
  if (octets === undefined) return none;
  const text = octets === "too large" ? "" : octets.toString("latin1");
  const ids =
    server.kind === "dovecot" ? dovecotIds(text, maildir, server.format) : courierIds(text, maildir);
  if (ids !== undefined) return ids;
  log.warn({ file: path }, "the list of the former server is damaged: its unique-ids are not kept");
  return none;
}

function dovecotIds(text: string, maildir: Maildir, format: UidlFormat): FormerIds | undefined {
  const list = parseUidlist(text, maildir.infoSeparator);
  if (list === undefined) return undefined;
  const { uidValidity, entries } = list;
  const entryOf = byName(entries, maildir);
  return (filename) => {
    const entry = entryOf(filename);
    if (entry === undefined) return undefined;
    const { uid, uidl, guid } = entry;
    const baseName = baseNameOf(filename, maildir.infoSeparator);
    if (uidl !== undefined) return { uniqueId: uidl === "" ? baseName : uidl, source: "dovecot, stored" };
    const uniqueId = format({ uid, uidValidity, baseName, guid: guid ?? baseName });
    return { uniqueId, source: "dovecot, by format" };
  };
}

function courierIds(text: string, maildir: Maildir): FormerIds | undefined {
  const ids = parseCourierList(text, maildir.infoSeparator);
  if (ids === undefined) return undefined;
  const idOf = byName(ids, maildir);
  return (filename) => {
    const uniqueId = idOf(filename);
    return uniqueId === undefined ? undefined : { uniqueId, source: "courier" };
  };
}

/** Looks a file up by its base name, or else, should mbsync have numbered it since, without that number. */
function byName<T>(
  list: ReadonlyMap<string, T>,
  { infoSeparator }: Maildir,
): (filename: string) => T | undefined {
  const byIdentity = new Map<string, T>();
  for (const [base, value] of list) byIdentity.set(parseName(base, infoSeparator).identity, value);
  return (filename) =>
    list.get(baseNameOf(filename, infoSeparator)) ??
    byIdentity.get(parseName(filename, infoSeparator).identity);
}
