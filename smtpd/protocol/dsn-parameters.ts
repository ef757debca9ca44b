/**
 * The parameters of DSN (RFC 3461 §4), read. Pure. Undefined for whatever their grammar does not allow.
 *
 *   RET=    "FULL" / "HDRS"
 *   ENVID=  xtext
 *   NOTIFY= "NEVER" / 1#("SUCCESS" / "FAILURE" / "DELAY")
 *
 * ORCPT is read in orcpt.ts, since it is written too.
 */
import { parseXtext } from "../xtext.js";
import type { MailDsnRequest, NotifyEvent } from "./dsn-request.js";

/** RFC 3461 §4.4: characters of the parameter, as it is sent. */
const ENVID_CHARACTERS_MAX = 100;
/** RFC 3461 §4.4 asks for "graphic and white space"; of the latter the space alone survives a header field. */
const PRINTABLE = /^[\x20-\x7e]+$/;

const NOTIFY_EVENTS: readonly NotifyEvent[] = ["SUCCESS", "FAILURE", "DELAY"];

export function parseRet(value: string): MailDsnRequest["ret"] {
  const ret = value.toUpperCase();
  return ret === "FULL" || ret === "HDRS" ? ret : undefined;
}

/** The sender's name for the message, decoded. */
export function parseEnvid(value: string): string | undefined {
  const envid = value.length > ENVID_CHARACTERS_MAX ? undefined : parseXtext(value);
  return envid !== undefined && PRINTABLE.test(envid) ? envid : undefined;
}

/** The events, in the order they are given; none for NEVER. */
export function parseNotify(value: string): readonly NotifyEvent[] | undefined {
  const words = value.toUpperCase().split(",");
  if (words.length === 1 && words[0] === "NEVER") return [];
  const events = words.flatMap((word) => NOTIFY_EVENTS.filter((event) => event === word));
  return events.length === words.length && new Set(events).size === words.length ? events : undefined;
}
