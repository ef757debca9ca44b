/** What a client asks to be told of a message (RFC 3461 §4), as it travels from MAIL and RCPT to whoever tells it. Types only. */

/** RFC 3461 §4.1: the events of NOTIFY, but NEVER, which is a list of none. */
export type NotifyEvent = "SUCCESS" | "FAILURE" | "DELAY";

/** The parameters of MAIL. */
export interface MailDsnRequest {
  /** RFC 3461 §4.3: how much of the message a failure notice returns; undefined where it was not said. */
  readonly ret: "FULL" | "HDRS" | undefined;
  /** RFC 3461 §4.4: the sender's name for the message, decoded from xtext: printable US-ASCII. */
  readonly envid: string | undefined;
}

/** The parameters of RCPT. */
export interface RcptDsnRequest {
  /** Undefined where it was not said, which asks for failures and leaves delays to us (RFC 3461 §4.1). */
  readonly notify: readonly NotifyEvent[] | undefined;
  /** RFC 3461 §4.2: the recipient as the sender knew it, `rfc822;bob@example.org` or `utf-8;…`, decoded. */
  readonly orcpt: string | undefined;
}
