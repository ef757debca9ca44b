/**
 * What the protocol asks of whoever takes the mail: the seam between smtpd/protocol/ (octets, syntax, order of
 * commands, limits) and smtpd/receive/ (who may send, where a message goes, how it is stored). Types only.
 *
 * The protocol calls one thing at a time for a session and waits for its answer. An error that one of these rejects
 * with is trouble that nobody foresaw: the client is told 451 4.3.0 and the log the cause.
 */
import type { Account } from "../../shared/accounts/account.js";
import type { Mailbox } from "../../shared/address.js";
import type { Log } from "../../shared/log.js";
import type { Check, Checked } from "../../shared/sasl/mechanism.js";
import type { LoginOffer } from "../../shared/sasl/mechanisms.js";
import type { Role } from "../config.js";
import type { MailDsnRequest, RcptDsnRequest } from "./dsn-request.js";
import type { Reply } from "./reply.js";

/** TLS in use. */
export interface TlsFacts {
  readonly version: string;
  readonly cipher: string;
  /** What SCRAM can bind to (RFC 9266); undefined where this TLS does not give it. */
  readonly channelBinding?: Buffer | undefined;
}

/** What is known of a session by now. */
export interface SessionFacts {
  readonly role: Role;
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** The argument of HELO, EHLO or LHLO, as sent. */
  readonly helo: string;
  /** True after EHLO and LHLO. */
  readonly esmtp: boolean;
  readonly tls: TlsFacts | undefined;
  /** The account that has logged in. */
  readonly account: Account | undefined;
  /** The log, bound to the session. */
  readonly log: Log;
}

/** `MAIL FROM:` (RFC 5321 §4.1.1.2) and the parameters that we take. */
export interface ReversePath extends MailDsnRequest {
  /** Undefined for the null reverse-path `<>`. */
  readonly mailbox: Mailbox | undefined;
  /** RFC 1870: the octets that the client declares. */
  readonly size: number | undefined;
  readonly body: "7BIT" | "8BITMIME";
  /** RFC 6531 */
  readonly smtputf8: boolean;
}

/** `RCPT TO:` (RFC 5321 §4.1.1.3). `<Postmaster>` without a domain arrives with the default domain. */
export interface ForwardPath extends RcptDsnRequest {
  readonly mailbox: Mailbox;
}

/** A recipient that was accepted, with whatever the receiver needs to remember of it. */
export interface Recipient<Destination> {
  readonly forwardPath: ForwardPath;
  readonly destination: Destination;
}

export interface Envelope<Destination> {
  readonly reversePath: ReversePath;
  readonly recipients: readonly Recipient<Destination>[];
}

export type RcptAnswer<Destination> =
  | { readonly kind: "accepted"; readonly reply: Reply; readonly destination: Destination }
  | { readonly kind: "refused"; readonly reply: Reply };

export type DataAnswer =
  | { readonly kind: "accepted"; readonly message: IncomingMessage }
  | { readonly kind: "refused"; readonly reply: Reply };

/**
 * What becomes of a message: one reply for all of its recipients, or, where the session is LMTP (RFC 2033 §4.2), one for
 * each in the order in which they were accepted.
 */
export type MessageAnswer = Reply | readonly Reply[];

/** A message while it arrives. Ended or abandoned, once. */
export interface IncomingMessage {
  /**
   * Takes a piece of the message with LF line ends and without dot-stuffing; resolves when there is room for more.
   * Never rejects: what goes wrong is remembered and told by `end`.
   */
  write(octets: Buffer): Promise<void>;
  /**
   * All of it has come. Resolves to the reply or replies; a 250 only when it is durable. In LMTP one reply alone is given to
   * each recipient; elsewhere there must be one alone.
   */
  end(): Promise<MessageAnswer>;
  /** It will not come whole, or is not wanted. Leaves nothing behind. */
  abandon(): Promise<void>;
}

export interface Receiver<Destination> {
  /** What logins can be checked now. */
  readonly logins: LoginOffer;
  /** Makes a check that a login needs. Delays for repeated failures are the protocol's affair, not this one's. */
  authenticate(session: SessionFacts, check: Check): Promise<Checked>;
  /** Whether a client may submit without logging in. */
  isTrusted(session: SessionFacts): boolean;
  /** A reply below 400 accepts. */
  mail(session: SessionFacts, reversePath: ReversePath): Promise<Reply>;
  rcpt(
    session: SessionFacts,
    envelope: Envelope<Destination>,
    forwardPath: ForwardPath,
  ): Promise<RcptAnswer<Destination>>;
  /** Called after DATA, before 354. */
  data(session: SessionFacts, envelope: Envelope<Destination>): Promise<DataAnswer>;
}
