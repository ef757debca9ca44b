/**
 * The fields that smtpd puts on top of a message. Pure: text with LF line ends.
 *
 *   Return-Path: <alice@example.com>
 *   Delivered-To: bob@example.org
 *   Received: from mail.example.com ([192.0.2.1])
 *     by mail.example.org with ESMTPS (TLSv1.3 TLS_AES_256_GCM_SHA384)
 *     id 01JDXK6M2W9QF for <bob@example.org>; Sun, 22 Nov 2026 08:00:00 +0000
 */
import { isIPv6 } from "node:net";
import { formatMailbox, type Mailbox, parseDomain } from "../../shared/address.js";
import type { Role } from "../config.js";

/** What a Received field tells. */
export interface Reception {
  readonly hostname: string;
  /** As sent. */
  readonly helo: string;
  /** "" at a Unix socket. */
  readonly remoteAddress: string;
  readonly role: Role;
  readonly esmtp: boolean;
  readonly smtputf8: boolean;
  readonly authenticated: boolean;
  readonly tls: { readonly version: string; readonly cipher: string } | undefined;
  readonly queueId: string;
  /** Named only when it is the only one, lest a copy tell of the others (RFC 5321 §7.2). */
  readonly recipients: readonly Mailbox[];
  readonly date: Date;
}

type ProtocolFacts = Pick<Reception, "role" | "esmtp" | "smtputf8" | "tls" | "authenticated">;

/** RFC 5321 §4.4: the reverse-path, as the final delivery leaves it on the message. */
export function returnPath(reversePath: Mailbox | undefined): string {
  return `Return-Path: <${reversePath === undefined ? "" : formatMailbox(reversePath)}>\n`;
}

/** The mailbox that it was delivered to: what loops are known by. */
export function deliveredTo(address: string): string {
  return `Delivered-To: ${address}\n`;
}

/** RFC 5321 §4.4 Time-stamp-line. */
export function received(reception: Reception): string {
  const { hostname, queueId, recipients, date, tls } = reception;
  const [recipient] = recipients;
  const forClause =
    recipients.length === 1 && recipient !== undefined ? ` for <${formatMailbox(recipient)}>` : "";
  const tlsComment = tls === undefined ? "" : ` (${commentText(tls.version)} ${commentText(tls.cipher)})`;
  return [
    `Received: from ${extendedDomain(reception)}`,
    `\tby ${hostname} with ${protocolName(reception)}${tlsComment}`,
    `\tid ${queueId}${forClause}; ${formatDate(date)}\n`,
  ].join("\n");
}

/** RFC 5321 §4.4, of a message that a program on this host handed in: by whom is said in a comment, as Postfix does. */
export function receivedLocally(from: {
  readonly hostname: string;
  readonly uid: number;
  readonly queueId: string;
  readonly date: Date;
}): string {
  const { hostname, uid, queueId, date } = from;
  return `Received: by ${hostname} (pillarbox, from userid ${uid}) with local\n\tid ${queueId}; ${formatDate(date)}\n`;
}

/**
 * The protocol's name in the `with` clause: RFC 3848 for ESMTP and LMTP with S for TLS and A for AUTH, RFC 6531 §4.3
 * for UTF8SMTP and UTF8LMTP, which stand in place of these.
 */
export function protocolName({ role, esmtp, smtputf8, tls, authenticated }: ProtocolFacts): string {
  if (!esmtp) return "SMTP";
  const name = role === "lmtp" ? "LMTP" : "SMTP";
  const extended = smtputf8 ? `UTF8${name}` : name.replace("SMTP", "ESMTP");
  return `${extended}${tls === undefined ? "" : "S"}${authenticated ? "A" : ""}`;
}

/**
 * `Extended-Domain`: what the client called itself, then where it came from. A name that is none is put in a
 * comment, so that it cannot end the field or pretend to be another part of it. At a Unix socket there is no address.
 */
function extendedDomain({ helo, remoteAddress }: Reception): string {
  const literal = remoteAddress === "" ? undefined : addressLiteral(remoteAddress);
  const domain = parseDomain(helo);
  if (domain !== undefined) return literal === undefined ? domain : `${domain} (${literal})`;
  return `${literal ?? "localhost"} (HELO ${commentText(helo)})`;
}

function addressLiteral(address: string): string {
  return isIPv6(address) ? `[IPv6:${address}]` : `[${address}]`;
}

/** Text that is safe inside a comment: printable US-ASCII without parentheses and backslashes. */
function commentText(text: string): string {
  return text.slice(0, 255).replace(/[^\x21-\x27\x2a-\x5b\x5d-\x7e]/g, "?");
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** RFC 5322 §3.3 date-time, in UTC. */
export function formatDate(date: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${DAYS[date.getUTCDay()]}, ${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
  return `${day} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000`;
}
