/**
 * nodemailer's SMTPConnection, with those of its methods that Session (session.ts) overrides or calls and that its
 * types leave out. Its version is pinned for their sake; should one vanish all the same, nothing is sent at all rather
 * than something that nobody thought of.
 *
 * What it does for us: the order of greeting, EHLO or LHLO or HELO, STARTTLS and AUTH, the upgrade of the socket, and
 * the ways in which a connection can end. What a reply is, how long it may take, and the mail transactions are ours: it
 * gives all recipients of a message the same DSN parameters, does not tell their replies apart, has one timeout for all
 * stages, and takes two writes for a message that fits into one.
 */
import SMTPConnection, { type SMTPConnectionOptions } from "nodemailer/lib/smtp-connection";

export interface Internals {
  /** What takes the next replies, one each. */
  _responseActions: ((this: unknown, reply: string) => void)[];
  /** Takes octets of the socket. */
  _onData(octets: Buffer): void;
  /** @param logged what may be logged in place of a line with a secret */
  _sendCommand(line: string, logged?: string): void;
}

const METHODS = ["_onData", "_sendCommand"];
/** Those that each connection has from the beginning. */
const FIELDS = ["_responseActions", "_socket", "secure", "destroyed"];

/** Whether the library still has what we build upon. */
export function hasInternals(
  library: unknown,
): library is new (
  options: SMTPConnectionOptions,
) => SMTPConnection & Internals {
  if (typeof library !== "function") return false;
  const methods: unknown = library.prototype;
  const fields: unknown = Reflect.construct(library, [{}]);
  return (
    isObject(methods) &&
    isObject(fields) &&
    METHODS.every((name) => typeof Reflect.get(methods, name) === "function") &&
    FIELDS.every((name) => Reflect.has(fields, name)) &&
    Array.isArray(Reflect.get(fields, "_responseActions"))
  );
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

const library: unknown = SMTPConnection;
if (!hasInternals(library)) throw new Error("nodemailer has changed: see smtpd/send/library.ts");

export const Library = library;
