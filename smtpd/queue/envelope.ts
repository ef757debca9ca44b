/**
 * The envelope of a queued message: who sent it, who is still to get it, and how that went so far. Pure.
 *
 * A value never changes; what an attempt came to makes a new one, which replaces the old one on disk (queue.ts).
 * Times are milliseconds since 1970.
 */
import type { Mailbox } from "../../shared/address.js";
import type { MailDsnRequest, RcptDsnRequest } from "../protocol/dsn-request.js";

export interface QueueEnvelope extends MailDsnRequest {
  /** Also the name of its file (queue-id.ts). */
  readonly queueId: string;
  /** The base name of the message's file in new/ or cur/ (shared/maildir/name.ts), which tells its size on the wire. */
  readonly message: string;
  readonly arrivedAt: number;
  /** Undefined for the null reverse-path. */
  readonly reversePath: Mailbox | undefined;
  readonly body: "7BIT" | "8BITMIME";
  readonly smtputf8: boolean;
  /** The account that submitted it, `alice@example.org`; for the log and the administrator. */
  readonly account: string | undefined;
  /** True while an administrator keeps it from being tried. */
  readonly held: boolean;
  /** Those who still wait for the message. */
  readonly recipients: readonly QueuedRecipient[];
  /** Notices that must be in the queue before anything else is done about this message. */
  readonly owed: readonly OwedNotice[];
}

export interface QueuedRecipient extends RcptDsnRequest {
  readonly forwardPath: Mailbox;
  /** The account whose Maildir it goes to, aliases already followed; undefined where the forward-path decides. */
  readonly account: string | undefined;
  /** The reverse-path for this recipient where it differs from the envelope's (SRS). */
  readonly rewrittenReversePath: Mailbox | undefined;
  /** How often it was tried. */
  readonly attempts: number;
  readonly nextAttempt: number;
  /** What the last attempt met. */
  readonly trouble: Trouble | undefined;
  /** True once a delay notice was owed for it. */
  readonly delayTold: boolean;
}

/** Why a recipient could not be reached, for people and for notices. */
export interface Trouble {
  /** RFC 3463, `4.4.1`. */
  readonly status: string;
  /** What happened, in our words: one line, nothing of the other side's in it. */
  readonly text: string;
  /** The host that said or did it, `mx.example.net` or an address literal; undefined where none was reached. */
  readonly host: string | undefined;
  /** What that host replied. */
  readonly reply: RemoteReply | undefined;
}

/** A reply of another host, made safe: bounded, each line without controls. Never trusted as text. */
export interface RemoteReply {
  readonly code: number;
  /** Its enhanced status code where it has one whose class fits the code, `5.1.1`. */
  readonly status: string | undefined;
  /** The texts of its lines, code and enhanced status code removed. */
  readonly lines: readonly string[];
}

/** RFC 3464 §2.3.3 */
export type Action = "failed" | "delayed" | "delivered" | "relayed" | "expanded";

/**
 * A notice that is owed to the reverse-path, with the queue id that it will have: whoever comes back after a crash sees by
 * it whether it was put in the queue already.
 */
export interface OwedNotice {
  readonly queueId: string;
  readonly action: Action;
  readonly reports: readonly RecipientReport[];
}

/** What a notice says of a recipient (RFC 3464 §2.3). */
export interface RecipientReport {
  readonly forwardPath: Mailbox;
  readonly orcpt: string | undefined;
  /** RFC 3463. */
  readonly status: string;
  /** Of a failure or delay, what there is to tell; of a success, the host that took it and its reply. */
  readonly text: string;
  readonly host: string | undefined;
  readonly reply: RemoteReply | undefined;
  /** When that was. */
  readonly at: number;
  /** Of a delay: until when it will be tried. */
  readonly willRetryUntil: number | undefined;
}
