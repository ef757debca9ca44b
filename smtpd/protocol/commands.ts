/**
 * The commands: a row each, and the dispatcher. A verb that has no row is no command, whatever methods the classes of
 * smtp-server have.
 */
import { auth } from "./auth.js";
import { bdat, COUNTLESS } from "./bdat.js";
import { data } from "./data.js";
import { ehlo, helo, lhlo } from "./hello.js";
import { mail } from "./mail.js";
import type { Outcome } from "./outcome.js";
import { rcpt } from "./rcpt.js";
import { GREET_FIRST, SYNTAX_ERROR, UNKNOWN_COMMAND } from "./reply.js";
import type { Session } from "./session.js";
import { help, noop, notImplemented, notSmtp, quit, rset, starttls, vrfy } from "./small-verbs.js";

interface Command {
  readonly run: <D>(session: Session<D>, argument: Buffer) => Outcome | Promise<Outcome>;
  /** Whether HELO, EHLO or LHLO must have come before. */
  readonly greeted?: true;
  /** The protocol that has it (RFC 2033 §4.1); undefined for both. */
  readonly only?: "SMTP" | "LMTP";
  /** True for what brings no message nearer; a client may do only so much of it. */
  readonly idle?: true;
  /** True for arguments that nobody but the client and us may see. */
  readonly secret?: true;
}

const COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  ["EHLO", { run: ehlo, idle: true, only: "SMTP" }],
  ["HELO", { run: helo, idle: true, only: "SMTP" }],
  ["LHLO", { run: lhlo, idle: true, only: "LMTP" }],
  ["STARTTLS", { run: starttls }],
  ["AUTH", { run: auth, greeted: true, secret: true }],
  ["MAIL", { run: mail, greeted: true }],
  ["RCPT", { run: rcpt, greeted: true }],
  ["DATA", { run: data, greeted: true }],
  ["BDAT", { run: bdat }],
  ["RSET", { run: rset, idle: true }],
  ["NOOP", { run: noop, idle: true }],
  ["QUIT", { run: quit }],
  ["VRFY", { run: vrfy, idle: true }],
  ["EXPN", { run: notImplemented }],
  ["HELP", { run: help, idle: true }],
  ...["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"].map(
    (verb): [string, Command] => [verb, { run: notSmtp }],
  ),
]);

/** As much of a command line as is worth a place in the log. */
const LOGGED_CHARACTERS_MAX = 500;

/** A command line, taken apart. */
export interface CommandLine {
  readonly line: Buffer;
  /** In upper case; undefined when the line holds what no command line may hold. */
  readonly verb: string | undefined;
  /** What follows the first space, without white space at its end (RFC 5321 §4.1.1 asks for that leniency). */
  readonly argument: Buffer;
}

export function parseCommandLine(line: Buffer): CommandLine {
  const trimmed = trimEnd(line);
  const space = trimmed.indexOf(0x20);
  const verbEnd = space < 0 ? trimmed.length : space;
  const control = trimmed.some((octet) => octet < 0x20 || octet === 0x7f);
  return {
    line,
    verb: control ? undefined : trimmed.toString("latin1", 0, verbEnd).toUpperCase(),
    argument: trimmed.subarray(verbEnd + 1),
  };
}

/** Runs a command. Rejects when whoever takes the mail does. */
export function runCommand<D>(
  session: Session<D>,
  { line, verb, argument }: CommandLine,
): Outcome | Promise<Outcome> {
  // What follows such a BDAT is not to be taken for commands.
  if (verb === undefined) return /^BDAT\b/i.test(line.toString("latin1")) ? COUNTLESS : SYNTAX_ERROR;
  const command = COMMANDS.get(verb);
  if (command === undefined || (command.only ?? session.protocol) !== session.protocol)
    return UNKNOWN_COMMAND;
  if (command.greeted && session.helo === "") return GREET_FIRST;
  return command.run(session, argument);
}

/** True for a command that brings no message nearer. */
export function isIdle({ verb }: CommandLine): boolean {
  return COMMANDS.get(verb ?? "")?.idle ?? false;
}

/**
 * A command line as it may be logged. What is no command of ours is left out: it may be a password from an AUTH that
 * was refused while the rest of it was on its way.
 */
export function loggable({ line, verb }: CommandLine): string {
  const command = COMMANDS.get(verb ?? "");
  if (command === undefined) return `(${line.length} octets that are no command)`;
  const text = line.toString().slice(0, LOGGED_CHARACTERS_MAX);
  return (command.secret ? text.replace(/^(\S+ +\S+ ).+/, "$1***") : text).replace(/[\p{Cc}\p{Cf}]/gu, "?");
}

function trimEnd(line: Buffer): Buffer {
  let end = line.length;
  while (end > 0 && (line[end - 1] === 0x20 || line[end - 1] === 0x09)) end--;
  return line.subarray(0, end);
}
