/**
 * The seam between who chooses hosts (send/sender.ts) and who speaks to them (send/transport.ts): one host, one mail
 * transaction, and what happened to each of its recipients. Types only; what to make of it says disposition.ts.
 */
import type { RemoteReply } from "../queue/envelope.js";
import type { Job, Relay, TlsPolicy } from "./delivery.js";

/** One host at one address: nothing is looked up any more. */
export interface Hop {
  /** An IP address, or the path of a Unix socket. */
  readonly address: string;
  /** Undefined for a Unix socket. */
  readonly port: number | undefined;
  /** Its name, for its certificate and for the log; undefined where it is known by its address alone. */
  readonly name: string | undefined;
  readonly protocol: "smtp" | "lmtp";
  readonly tls: TlsPolicy;
  readonly login: Relay["login"];
}

/** A message for recipients who have the same next host. */
export type Transaction = Omit<Job, "destination">;

export interface TransactionResult {
  /** One for each recipient of the transaction, in its order. */
  readonly recipients: readonly Happening[];
  /** True when the host offers DSN (RFC 3461) and so was told what the sender asked for. */
  readonly dsn: boolean;
}

/** Where in a session something happened, in its order. */
export type Stage =
  /** Before anything was said about the message: it cannot be sent to this host, or not be read. */
  | "prepare"
  | "connect"
  | "greeting"
  /** EHLO, HELO or LHLO. */
  | "hello"
  /** STARTTLS and the handshake. */
  | "tls"
  /** AUTH */
  | "login"
  | "mail"
  | "rcpt"
  | "data"
  /** While the octets of the message were sent; its end was not. */
  | "message"
  /** After the end of the message was sent. */
  | "end";

/** What was the last thing about a recipient: a reply of the host, or a failure to get one. */
export type Happening =
  | { readonly kind: "reply"; readonly stage: Stage; readonly reply: RemoteReply }
  | { readonly kind: "failure"; readonly stage: Stage; readonly failure: Failure };

export type Failure =
  /** Nobody listens there, or the network does not lead there. */
  | "unreachable"
  /** Nothing came within the time that the stage has. */
  | "timeout"
  /** The host has closed the connection, or it broke. */
  | "closed"
  /** What came was no reply of SMTP. */
  | "protocol"
  /** TLS must be, and is not offered, or its handshake failed, or the certificate is not of that host. */
  | "tls"
  /** A login must be, and cannot be: no password to read, no mechanism that both know, no TLS to hide it. */
  | "login"
  /** The host announced that it takes no message of this size (RFC 1870). */
  | "too big"
  /** The message needs SMTPUTF8, which the host does not offer (RFC 6531 §3.5). */
  | "needs SMTPUTF8"
  /** The message could not be read to its end. */
  | "unreadable"
  /** smtpd is about to end. */
  | "stopping"
  /** What nobody foresaw. */
  | "unknown";
