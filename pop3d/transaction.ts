/** The TRANSACTION state (RFC 1939 §5 and §7): a table of commands over the maildrop. Pure. */
import {
  anything,
  type Command,
  command,
  dispatch,
  messageAndLines,
  messageNumber,
  nothing,
  optionalMessageNumber,
} from "./command.js";
import type { Text } from "./language/texts.js";
import { type Maildrop, type Message, type NonAsciiHeaders, octetsOf } from "./maildrop.js";
import {
  ask,
  mistake,
  notSupported,
  type Result,
  type ResultOf,
  type Step,
  say,
  troubleReply,
} from "./protocol.js";
import { err, ok, okData, type Reply } from "./reply.js";
import { TEXT_COMMANDS } from "./text-commands.js";
import type { TextMode } from "./text-mode.js";

export class Transaction {
  readonly maildrop: Maildrop;
  /** What CAPA lists in this state. */
  readonly capabilities: readonly string[];
  /** Whether it is in UTF-8 mode, and its language. */
  readonly textMode: TextMode;
  /** The message that RETR is sending. */
  retrieving: Message | undefined;

  constructor(maildrop: Maildrop, capabilities: readonly string[], textMode: TextMode) {
    this.maildrop = maildrop;
    this.capabilities = capabilities;
    this.textMode = textMode;
  }

  line(octets: Buffer): Step {
    return dispatch(COMMANDS, this, octets);
  }

  result(result: Result): Step {
    switch (result.kind) {
      case "send message":
        return messageSent(this, result.outcome);
      case "update":
        return updated(result.outcome);
      default:
        throw new Error(`${result.kind} has no place in TRANSACTION`);
    }
  }
}

const COMMANDS: readonly Command<Transaction>[] = [
  command("STAT", nothing, stat),
  command("LIST", optionalMessageNumber, list),
  command("UIDL", optionalMessageNumber, uidl),
  command("RETR", messageNumber, retr),
  command("TOP", messageAndLines, top),
  command("DELE", messageNumber, dele),
  command("RSET", nothing, rset),
  command("NOOP", nothing, () => say(ok("nothing done"))),
  command("CAPA", nothing, ({ capabilities }) => say(ok("capabilities follow", capabilities))),
  command("QUIT", nothing, ({ maildrop }) => ask({ kind: "update", maildrop })),
  ...TEXT_COMMANDS,
  // RFC 1725 removed LAST; XTND is of RFC 1082, its XLST and XMIT of Berkeley's popper.
  ...["LAST", "XTND"].map((verb) => command(verb, anything, notSupported)),
  // These have had their time (RFC 5034 §4 says so of AUTH, RFC 2595 §4 of STLS).
  ...["USER", "PASS", "AUTH", "APOP", "RPOP", "STLS"].map((verb) => command(verb, anything, tooLate)),
];

function tooLate(): Step {
  return mistake("already logged in");
}

function stat({ maildrop, textMode }: Transaction): Step {
  return say(okData(`${maildrop.count} ${maildrop.octets(textMode.nonAsciiHeaders)}`));
}

function list(
  { maildrop, textMode: { nonAsciiHeaders } }: Transaction,
  { number }: { readonly number: number | undefined },
): Step {
  if (number !== undefined && isRefused(maildrop.find(number), nonAsciiHeaders)) return say(needsUtf8());
  const scanListing = (message: Message) => `${message.number} ${octetsOf(message, nonAsciiHeaders)}`;
  const [count, octets] = [maildrop.count, maildrop.octets(nonAsciiHeaders)];
  return say(listing(maildrop, number, scanListing, { text: "maildrop listing", count, octets }));
}

function uidl({ maildrop }: Transaction, { number }: { readonly number: number | undefined }): Step {
  const uniqueIdListing = ({ number, uniqueId }: Message) => `${number} ${uniqueId}`;
  const { count } = maildrop;
  return say(listing(maildrop, number, uniqueIdListing, { text: "unique-ids follow", count }));
}

/** A line about one message, or one about each that is not marked as deleted. */
function listing(
  maildrop: Maildrop,
  number: number | undefined,
  line: (message: Message) => string,
  heading: Text,
): Reply {
  if (number === undefined) return ok(heading, linesOf(maildrop, line));
  const message = maildrop.find(number);
  return message === undefined ? noSuchMessage() : okData(line(message));
}

function* linesOf(maildrop: Maildrop, line: (message: Message) => string): Generator<string> {
  for (const message of maildrop.listed()) yield line(message);
}

function retr(transaction: Transaction, number: number): Step {
  const message = transaction.maildrop.find(number);
  const { nonAsciiHeaders } = transaction.textMode;
  if (message === undefined) return say(noSuchMessage());
  if (isRefused(message, nonAsciiHeaders)) return say(needsUtf8());
  transaction.retrieving = message;
  const reply = okData(`${octetsOf(message, nonAsciiHeaders)} octets`);
  return ask({ kind: "send message", message, reply, bodyLines: undefined, nonAsciiHeaders });
}

function top(
  { maildrop, textMode: { nonAsciiHeaders } }: Transaction,
  { number, lines }: { readonly number: number; readonly lines: number },
): Step {
  const message = maildrop.find(number);
  if (message === undefined) return say(noSuchMessage());
  if (isRefused(message, nonAsciiHeaders)) return say(needsUtf8());
  const reply = ok("top of message follows");
  return ask({ kind: "send message", message, reply, bodyLines: lines, nonAsciiHeaders });
}

function messageSent(transaction: Transaction, outcome: ResultOf<"send message">["outcome"]): Step {
  const retrieved = transaction.retrieving;
  transaction.retrieving = undefined;
  switch (outcome) {
    case "sent":
      if (retrieved !== undefined) transaction.maildrop.markRetrieved(retrieved);
      return say();
    case "gone":
      return say(err("another program has removed this message"));
    case "needs UTF8":
      return say(needsUtf8());
    default:
      return say(troubleReply(outcome, "message cannot be read"));
  }
}

function dele({ maildrop }: Transaction, number: number): Step {
  const message = maildrop.find(number);
  if (message === undefined) return say(noSuchMessage());
  maildrop.markDeleted(message);
  return say(ok({ text: "message deleted", number }));
}

function rset({ maildrop, textMode }: Transaction): Step {
  maildrop.unmarkAll();
  const [count, octets] = [maildrop.count, maildrop.octets(textMode.nonAsciiHeaders)];
  return say(ok({ text: "maildrop has", count, octets }));
}

/** RFC 1939 §6: the reply to QUIT says what came of the deletions. */
function updated(outcome: ResultOf<"update">["outcome"]): Step {
  const reply = outcome === "complete" ? ok("goodbye") : err("some deleted messages not removed", "SYS/TEMP");
  return { replies: [reply], effect: { kind: "close", reason: "QUIT" } };
}

function isRefused(message: Message | undefined, nonAsciiHeaders: NonAsciiHeaders): boolean {
  return nonAsciiHeaders === "refuse" && message?.surrogateOctets !== undefined;
}

/** RFC 6856 §5. */
function needsUtf8(): Reply {
  return err("this message needs UTF-8 mode", "UTF8");
}

function noSuchMessage(): Reply {
  return err("no such message");
}
