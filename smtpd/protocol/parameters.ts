/**
 * The parameters of MAIL and RCPT: their syntax (RFC 5321 §4.1.2) and the ones that we take. Pure.
 *
 *   esmtp-param   = esmtp-keyword ["=" esmtp-value]
 *   esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
 *   esmtp-value   = 1*(%d33-60 / %d62-126 / UTF8-non-ascii)        the last by RFC 6531 §3.3; ORCPT alone may have it
 *
 * A parameter that is not ours is refused with 555 (RFC 5321 §4.1.1.11), never ignored: a client that asks for
 * something must not believe that it got it.
 */
import { parseMailbox } from "../../shared/address.js";
import { parseOrcpt } from "../orcpt.js";
import { parseXtext } from "../xtext.js";
import { parseEnvid, parseNotify, parseRet } from "./dsn-parameters.js";
import type { RcptDsnRequest } from "./dsn-request.js";
import type { ReversePath } from "./receiver.js";
import { BAD_ARGUMENT, MESSAGE_TOO_BIG, type Reply, reply } from "./reply.js";

export type Parameters = ReadonlyMap<string, string | undefined>;
export type MailParameters = Omit<ReversePath, "mailbox">;

export const UNKNOWN_PARAMETER = reply(555, "5.4", "parameter not recognized");

const PARAMETER = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~\u0080-\u{10ffff}]+))?$/u;
/** RFC 1870 §3: `size-value ::= 1*20DIGIT`. */
const SIZE = /^\d{1,20}$/;

/**
 * Reads parameters. Keywords come in upper case, each at most once. Undefined for what the grammar does not allow;
 * more spaces than one between them do no harm.
 */
export function parseParameters(text: string): Parameters | undefined {
  const parameters = new Map<string, string | undefined>();
  for (const word of text.split(" ").filter((part) => part !== "")) {
    const [, keyword, value] = PARAMETER.exec(word) ?? [];
    if (keyword === undefined || parameters.has(keyword.toUpperCase())) return undefined;
    parameters.set(keyword.toUpperCase(), value);
  }
  return parameters;
}

/** What a parameter changes in what is read, or the reply that refuses it. */
type Reading<Read, Offer> = (value: string | undefined, offer: Offer) => Partial<Read> | Reply;

/** What was announced to the client. */
export interface MailOffer {
  /** Octets. */
  readonly messageSize: number;
  readonly auth: boolean;
}

/** What the transaction allows. */
export interface RcptOffer {
  readonly smtputf8: boolean;
}

const MAIL_PARAMETERS = new Map<string, Reading<MailParameters, MailOffer>>([
  [
    "SIZE",
    (value, { messageSize }) => {
      if (value === undefined || !SIZE.test(value)) return BAD_ARGUMENT;
      const size = Number(value);
      return size > messageSize ? MESSAGE_TOO_BIG : { size };
    },
  ],
  [
    "BODY",
    (value) => {
      const body = value?.toUpperCase();
      return body === "7BIT" || body === "8BITMIME" ? { body } : BAD_ARGUMENT;
    },
  ],
  ["SMTPUTF8", (value) => (value === undefined ? { smtputf8: true } : BAD_ARGUMENT)],
  [
    // RFC 4954 §5: who is said to have sent it first. We trust nobody's word on that, which the RFC provides for.
    "AUTH",
    (value, { auth }) => {
      if (!auth) return UNKNOWN_PARAMETER;
      return value !== undefined && isMailboxOrNull(value) ? {} : BAD_ARGUMENT;
    },
  ],
  ["RET", (value = "") => valid("ret", parseRet(value))],
  ["ENVID", (value = "") => valid("envid", parseEnvid(value))],
]);

const RCPT_PARAMETERS = new Map<string, Reading<RcptDsnRequest, RcptOffer>>([
  ["NOTIFY", (value = "") => valid("notify", parseNotify(value))],
  ["ORCPT", (value = "", offer) => valid("orcpt", parseOrcpt(value, offer))],
]);

/** Reads the parameters of MAIL; a reply where they are refused. */
export function readMailParameters(text: string, offer: MailOffer): MailParameters | Reply {
  return read(text, offer, MAIL_PARAMETERS, {
    size: undefined,
    body: "7BIT",
    smtputf8: false,
    ret: undefined,
    envid: undefined,
  });
}

/** Reads the parameters of RCPT; a reply where they are refused. */
export function readRcptParameters(text: string, offer: RcptOffer): RcptDsnRequest | Reply {
  return read(text, offer, RCPT_PARAMETERS, { notify: undefined, orcpt: undefined });
}

function read<Read, Offer>(
  text: string,
  offer: Offer,
  known: ReadonlyMap<string, Reading<Read, Offer>>,
  unsaid: Read,
): Read | Reply {
  const parameters = parseParameters(text);
  if (parameters === undefined) return BAD_ARGUMENT;
  let result = unsaid;
  for (const [keyword, value] of parameters) {
    const reading = known.get(keyword)?.(value, offer) ?? UNKNOWN_PARAMETER;
    if ("code" in reading) return reading;
    result = { ...result, ...reading };
  }
  return result;
}

/** RFC 4954 §5: an address as xtext, or `<>` where it is not known who sent it first. */
function isMailboxOrNull(value: string): boolean {
  return value === "<>" || parseMailbox(parseXtext(value) ?? "") !== undefined;
}

function valid<Key extends string, Value>(key: Key, value: Value | undefined) {
  return value === undefined ? BAD_ARGUMENT : { [key]: value };
}
