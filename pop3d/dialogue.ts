/** The dialogue as the log shows it at level "trace": no password, and no part of a message. Pure. */
import { splitLine } from "./command.js";
import { english } from "./language/english.js";
import { firstLine, type Reply } from "./reply.js";

/** Verbs whose arguments are no secret. What else a client sends may be a password that missed its PASS. */
const OPEN_VERBS = new Set([
  ...["USER", "STAT", "LIST", "UIDL", "RETR", "TOP", "DELE"],
  ...["RSET", "NOOP", "CAPA", "STLS", "QUIT"],
  ...["UTF8", "LANG", "LAST", "XTND", "RPOP"],
]);
const SHOWN_OCTETS_MAX = 255;

/** @param awaitsResponse whether the line is the client's part of a SASL exchange */
export function shownLine(octets: Buffer, awaitsResponse: boolean): string {
  if (awaitsResponse) return "(SASL response)";
  const { verb } = splitLine(octets);
  if (OPEN_VERBS.has(verb)) return octets.toString("latin1", 0, SHOWN_OCTETS_MAX);
  if (verb === "PASS" || verb === "AUTH" || verb === "APOP") return `${verb} (masked)`;
  return `(${octets.length} octets, not a command)`;
}

/** In English, whatever language the client has chosen. */
export function shownReply(reply: Reply): string {
  // What SCRAM says is enough to guess a password by.
  if (reply.status === "+" && reply.data !== "") return "+ (SASL challenge)";
  const shown = firstLine(reply, english);
  return reply.lines === undefined ? shown : `${shown} (and further lines)`;
}
