/**
 * The flags of sendmail(1), as the programs that call it use them: a row for each, and a parser in the manner of getopt(3).
 * Pure.
 *
 *   -t -i          flags without an argument, also together: -ti
 *   -f ADDRESS     an argument, in the next word or in the same one: -fADDRESS
 *   --             what follows are recipients
 *
 * Flags may stand behind recipients as well. What is accepted and changes nothing has a row, so that an unknown flag is an
 * error and no surprise.
 */
import type { NotifyEvent } from "../protocol/dsn-request.js";

/** What sendmail is called for. */
export type Mode =
  /** -bm: a message on standard input. */
  | "submit"
  /** -bs: SMTP on standard input and output. */
  | "smtp"
  /** -bp, mailq: what is in the queue. */
  | "list"
  /** -bi, newaliases: there is no table to build. */
  | "newaliases"
  /** -q: try the queue now. */
  | "flush";

export interface Invocation {
  readonly mode: Mode;
  /** -C */
  readonly config: string | undefined;
  /** -t */
  readonly recipientsFromHeader: boolean;
  /** -i, -oi: a line of a single dot is a line like others. */
  readonly dotIsText: boolean;
  /** -f, -r, as given; empty or `<>` for the null reverse-path. */
  readonly sender: string | undefined;
  /** -F */
  readonly fullName: string | undefined;
  /** -G: a gateway's message, to which nothing is added that it lacks. */
  readonly gateway: boolean;
  /** -N; undefined where it was not said. */
  readonly notify: readonly NotifyEvent[] | undefined;
  /** -R */
  readonly ret: "FULL" | "HDRS" | undefined;
  /** -V */
  readonly envid: string | undefined;
  /** -qI, -qR, -qS */
  readonly flushed: Readonly<Partial<Record<"queueId" | "recipient" | "sender", string>>>;
  /** As given. */
  readonly recipients: readonly string[];
}

export type Parsed =
  | { readonly kind: "invocation"; readonly invocation: Invocation }
  /** It cannot be done; the reason for whoever called. */
  | { readonly kind: "error"; readonly reason: string };

/** What a flag changes, or why it cannot be. */
type Reading = (value: string, so: Invocation) => Partial<Invocation> | string;

interface Flag {
  /**
   * `none`; `needed`, from the rest of the word or the next one; `attached`, the rest of the word, which may be empty.
   */
  readonly argument: "none" | "needed" | "attached";
  readonly read: Reading;
}

const ignored: Reading = () => ({});
const sender: Reading = (value) => ({ sender: value });

const MODES: ReadonlyMap<string, Mode> = new Map<string, Mode>([
  ["m", "submit"],
  ["s", "smtp"],
  ["p", "list"],
  ["i", "newaliases"],
]);

const NOTIFY_EVENTS: ReadonlyMap<string, NotifyEvent> = new Map<string, NotifyEvent>([
  ["success", "SUCCESS"],
  ["failure", "FAILURE"],
  ["delay", "DELAY"],
]);

/** RFC 3461 §4.4: an envid is printable, and 100 characters at most. */
const ENVID = /^[!-~]{1,100}$/;

export const FLAGS: ReadonlyMap<string, Flag> = new Map<string, Flag>([
  ["A", { argument: "needed", read: ignored }],
  ["B", { argument: "needed", read: bodyType }],
  ["b", { argument: "needed", read: mode }],
  ["C", { argument: "needed", read: (config) => ({ config }) }],
  ["d", { argument: "attached", read: ignored }],
  ["e", { argument: "needed", read: ignored }],
  ["F", { argument: "needed", read: (fullName) => ({ fullName }) }],
  ["f", { argument: "needed", read: sender }],
  ["G", { argument: "none", read: () => ({ gateway: true }) }],
  ["h", { argument: "needed", read: ignored }],
  ["I", { argument: "none", read: () => ({ mode: "newaliases" }) }],
  ["i", { argument: "none", read: () => ({ dotIsText: true }) }],
  ["L", { argument: "needed", read: ignored }],
  ["m", { argument: "none", read: ignored }],
  ["N", { argument: "needed", read: notify }],
  ["n", { argument: "none", read: ignored }],
  ["O", { argument: "needed", read: longOption }],
  ["o", { argument: "needed", read: (value) => (value.startsWith("i") ? { dotIsText: true } : {}) }],
  ["p", { argument: "needed", read: ignored }],
  ["q", { argument: "attached", read: queueRun }],
  ["R", { argument: "needed", read: ret }],
  ["r", { argument: "needed", read: sender }],
  ["t", { argument: "none", read: () => ({ recipientsFromHeader: true }) }],
  ["U", { argument: "none", read: ignored }],
  ["V", { argument: "needed", read: envid }],
  ["v", { argument: "none", read: ignored }],
  ["X", { argument: "needed", read: ignored }],
]);

const NOTHING_SAID: Invocation = {
  mode: "submit",
  config: undefined,
  recipientsFromHeader: false,
  dotIsText: false,
  sender: undefined,
  fullName: undefined,
  gateway: false,
  notify: undefined,
  ret: undefined,
  envid: undefined,
  flushed: {},
  recipients: [],
};

/** Reads the words after the program's name. @param mode what the program is for, by the name it was called by */
export function parseFlags(words: readonly string[], mode: Mode = "submit"): Parsed {
  let invocation: Invocation = { ...NOTHING_SAID, mode };
  const recipients: string[] = [];
  const left = [...words];
  for (let word = left.shift(); word !== undefined; word = left.shift()) {
    if (word === "--") {
      recipients.push(...left);
      break;
    }
    if (word.startsWith("--config")) {
      const value = word === "--config" ? left.shift() : /^--config=(.*)$/s.exec(word)?.[1];
      if (value === undefined || value === "") return wrong("--config needs a file");
      invocation = { ...invocation, config: value };
    } else if (!word.startsWith("-") || word === "-") {
      recipients.push(word);
    } else {
      const read = readWord(word, left, invocation);
      if (typeof read === "string") return wrong(read);
      invocation = read;
    }
  }
  return { kind: "invocation", invocation: { ...invocation, recipients } };
}

function wrong(reason: string): Parsed {
  return { kind: "error", reason };
}

/** The flags of a word; takes an argument from the words that are left. */
function readWord(word: string, left: string[], invocation: Invocation): Invocation | string {
  let result = invocation;
  for (let at = 1; at < word.length; ) {
    const letter = word.charAt(at++);
    const flag = FLAGS.get(letter);
    if (flag === undefined) return `there is no flag -${letter}`;
    let value = "";
    if (flag.argument !== "none") {
      value = word.slice(at);
      at = word.length;
      if (value === "" && flag.argument === "needed") {
        const next = left.shift();
        if (next === undefined) return `-${letter} needs an argument`;
        value = next;
      }
    }
    const change = flag.read(value, result);
    if (typeof change === "string") return change;
    result = { ...result, ...change };
  }
  return result;
}

function mode(value: string): Partial<Invocation> | string {
  const known = MODES.get(value);
  return known === undefined ? `-b${value} is not offered; -bm, -bs, -bp and -bi are` : { mode: known };
}

function bodyType(value: string): Partial<Invocation> | string {
  return /^(?:7BIT|8BITMIME)$/i.test(value) ? {} : `-B ${value} is not offered; 7BIT and 8BITMIME are`;
}

function notify(value: string): Partial<Invocation> | string {
  const words = value.toLowerCase().split(",");
  if (words.length === 1 && words[0] === "never") return { notify: [] };
  const events = words.map((word) => NOTIFY_EVENTS.get(word.trim()));
  const known = events.filter((event) => event !== undefined);
  if (known.length < events.length) return "-N is never, or a list of success, failure and delay";
  return { notify: [...new Set(known)] };
}

function ret(value: string): Partial<Invocation> | string {
  const word = value.toUpperCase();
  return word === "FULL" || word === "HDRS" ? { ret: word } : "-R is full or hdrs";
}

function envid(value: string): Partial<Invocation> | string {
  return ENVID.test(value) ? { envid: value } : "-V is 100 printable characters at most";
}

/** -O IgnoreDots=true is -oi by its long name; the rest changes nothing. */
function longOption(value: string): Partial<Invocation> {
  return /^IgnoreDots(?:=t|=y|=1|$)/i.test(value) ? { dotIsText: true } : {};
}

/** -q, -qIid, -qRdomain, -qSsender; an interval (-q15m) is for a daemon, and ours has its own. */
function queueRun(value: string, { flushed }: Invocation): Partial<Invocation> | string {
  const [, kind, text = ""] = /^([IRS])(.+)$/s.exec(value) ?? [];
  if (kind === "I") return { mode: "flush", flushed: { ...flushed, queueId: text } };
  if (kind === "R") return { mode: "flush", flushed: { ...flushed, recipient: text } };
  if (kind === "S") return { mode: "flush", flushed: { ...flushed, sender: text } };
  return /^[IRS]$/.test(value) ? `-q${value} needs an argument` : { mode: "flush" };
}
