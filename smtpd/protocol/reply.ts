/**
 * SMTP replies as data, and the one table of those that more than one place gives. Pure.
 *
 * The class of an enhanced status code (RFC 3463 §2) is never written down: it is the first digit of the reply code,
 * so the two cannot disagree.
 */

export interface Reply {
  readonly code: number;
  /** Subject and detail of the enhanced status code, `7.1` of `5.7.1`; undefined where there is none (RFC 2034 §3). */
  readonly status: `${number}.${number}` | undefined;
  readonly text: string;
}

export function reply(code: number, status: Reply["status"], text: string): Reply {
  return { code, status, text };
}

/** The enhanced status code of a reply as it is sent, `5.7.1`. */
export function enhancedCode({ code, status }: Reply): string | undefined {
  return status === undefined ? undefined : `${Math.floor(code / 100)}.${status}`;
}

export function isError({ code }: Reply): boolean {
  return code >= 400;
}

/** A reply's text is printable US-ASCII of this many octets at most: RFC 5321 §4.5.3.1.5 gives the line 512. */
const TEXT_OCTETS_MAX = 490;

/**
 * The lines of a reply as they are sent, without line ends. Whatever `text` and `more` hold, a line stays a line: a
 * control character would let someone else's words become replies of ours.
 */
export function formatReply(answer: Reply, more: readonly string[] = []): string[] {
  const status = enhancedCode(answer);
  const prefix = status === undefined ? "" : `${status} `;
  const texts = [answer.text, ...more].map((text) => `${prefix}${printable(text)}`);
  return texts.map((text, i) => `${answer.code}${i < texts.length - 1 ? "-" : " "}${text}`);
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?").slice(0, TEXT_OCTETS_MAX);
}

/** Whatever we did not foresee is temporary, and what it was is for the log alone. */
export const LOCAL_TROUBLE = reply(451, "3.0", "local trouble, try again later");
/** Temporary, since its owner may collect and remove mail at any time (RFC 3463 §3.3). */
export const MAILBOX_FULL = reply(452, "2.2", "mailbox full, try again later");
export const DISK_FULL = reply(452, "3.1", "insufficient system storage, try again later");

export const OK = reply(250, "0.0", "ok");
export const GOODBYE = reply(221, "0.0", "goodbye");
export const READY_FOR_TLS = reply(220, "0.0", "ready for TLS");
export const SEND_MESSAGE = reply(354, undefined, "send the message, end it with <CRLF>.<CRLF>");

// 421: the connection is closed after it (RFC 5321 §3.8).
export const SHUTTING_DOWN = reply(421, "3.2", "shutting down, try again later");
export const TIMED_OUT = reply(421, "4.2", "you took too long");
export const TOO_MANY_ERRORS = reply(421, "7.0", "too many errors");
export const NOT_SMTP = reply(421, "7.0", "this is not how SMTP is spoken");

export const SYNTAX_ERROR = reply(500, "5.2", "that is not a command");
export const LINE_TOO_LONG = reply(500, "5.2", "command line too long");
export const UNKNOWN_COMMAND = reply(500, "5.2", "unknown command");
export const BAD_ARGUMENT = reply(501, "5.4", "bad argument");
export const NOT_IMPLEMENTED = reply(502, "5.1", "not offered here");
export const BAD_SEQUENCE = reply(503, "5.1", "not now");
export const GREET_FIRST = reply(503, "5.1", "say who you are first");
export const MESSAGE_TOO_BIG = reply(552, "3.4", "message too big");
