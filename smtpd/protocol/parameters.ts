/**
 * The parameters of MAIL and RCPT: their syntax (RFC 5321 §4.1.2) and the ones that we take. Pure.
 *
 *   esmtp-param   = esmtp-keyword ["=" esmtp-value]
 *   esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
 *   esmtp-value   = 1*(%d33-60 / %d62-126)
 *
 * A parameter that is not ours is refused with 555 (RFC 5321 §4.1.1.11), never ignored: a client that asks for
 * something must not believe that it got it.
 */
import type { ReversePath } from "./receiver.js";
import { BAD_ARGUMENT, MESSAGE_TOO_BIG, type Reply, reply } from "./reply.js";

export type Parameters = ReadonlyMap<string, string | undefined>;
export type MailParameters = Omit<ReversePath, "mailbox">;

export const UNKNOWN_PARAMETER = reply(555, "5.4", "parameter not recognized");

const PARAMETER = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~]+))?$/;
/** RFC 1870 §3: `size-value ::= 1*20DIGIT`. */
const SIZE = /^\d{1,20}$/;
/** RFC 3461 §4, RFC 4954 §5: xtext, or the empty mailbox. */
const XTEXT_OR_NULL = /^(?:<>|(?:[!-*,-<>-~]|\+[0-9A-F]{2})+)$/;

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

/** What a parameter changes in the reverse-path, or the reply that refuses it. */
type Reading = (value: string | undefined, offer: MailOffer) => Partial<MailParameters> | Reply;

/** What was announced to the client. */
export interface MailOffer {
  /** Octets. */
  readonly messageSize: number;
  readonly auth: boolean;
}

const MAIL_PARAMETERS: ReadonlyMap<string, Reading> = new Map<string, Reading>([
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
      return value !== undefined && XTEXT_OR_NULL.test(value) ? {} : BAD_ARGUMENT;
    },
  ],
]);

/** Reads the parameters of MAIL; a reply where they are refused. */
export function readMailParameters(text: string, offer: MailOffer): MailParameters | Reply {
  const parameters = parseParameters(text);
  if (parameters === undefined) return BAD_ARGUMENT;
  let result: MailParameters = {
    size: undefined,
    body: "7BIT",
    smtputf8: false,
    ret: undefined,
    envid: undefined,
  };
  for (const [keyword, value] of parameters) {
    const reading = MAIL_PARAMETERS.get(keyword)?.(value, offer) ?? UNKNOWN_PARAMETER;
    if ("code" in reading) return reading;
    result = { ...result, ...reading };
  }
  return result;
}

/** RCPT takes none yet; a reply where there is one. */
export function readRcptParameters(text: string): Reply | undefined {
  const parameters = parseParameters(text);
  if (parameters === undefined) return BAD_ARGUMENT;
  return parameters.size === 0 ? undefined : UNKNOWN_PARAMETER;
}
