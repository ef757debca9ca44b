/**
 * The commands of POP3 and what they may carry, in each state, as regular expressions over a line of one character per
 * octet: RFC 1939, RFC 2449 §3, RFC 2595 §4, RFC 5034 §4, RFC 6856. Knows nothing of pop3d. Pure.
 */

export type State = "AUTHORIZATION" | "TRANSACTION";

const WORD = "[^\\0-\\x20\\x7f]+";
const TEXT = "[^\\0-\\x1f\\x7f]+";
const NUMBER = "[0-9]+";
const ANYTHING = "[^]*";
/** RFC 4647 §2.1 */
const RANGE = "\\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*";

const IN_BOTH = { CAPA: "", QUIT: "", UTF8: "", LANG: `(?: (${RANGE}))?` };

const ARGUMENTS: Readonly<Record<State, Readonly<Record<string, string>>>> = {
  AUTHORIZATION: {
    ...IN_BOTH,
    USER: ` (${WORD})`,
    PASS: ` (${TEXT})`,
    // RFC 5034 §4; alone it lists the mechanisms, with a space as well, as some clients send it.
    AUTH: `(?: |(?: (${WORD})(?: (${WORD}))?)?)`,
    STLS: "",
    // Refused, and no error: clients try for them.
    RPOP: `(?: ${ANYTHING})?`,
    APOP: `(?: ${ANYTHING})?`,
  },
  TRANSACTION: {
    ...IN_BOTH,
    STAT: "",
    LIST: `(?: (${NUMBER}))?`,
    UIDL: `(?: (${NUMBER}))?`,
    RETR: ` (${NUMBER})`,
    TOP: ` (${NUMBER}) (${NUMBER})`,
    DELE: ` (${NUMBER})`,
    RSET: "",
    NOOP: "",
    LAST: `(?: ${ANYTHING})?`,
    XTND: `(?: ${ANYTHING})?`,
  },
};

/** Every verb of either state. */
export const VERBS = [...new Set(Object.values(ARGUMENTS).flatMap(Object.keys))];

export function mayStandIn(state: State, verb: string): boolean {
  return ARGUMENTS[state][verb] !== undefined;
}

export function verbOf(line: string): string {
  return (line.split(" ")[0] ?? "").toUpperCase();
}

/** The arguments of a line; undefined when it is not what its verb takes in this state. */
export function argumentsIn(state: State, line: string): readonly (string | undefined)[] | undefined {
  const form = ARGUMENTS[state][verbOf(line)];
  if (form === undefined) return undefined;
  const match = new RegExp(`^[A-Za-z0-9]+${form}$`).exec(line);
  // RFC 6856 §2.2: text is UTF-8.
  return match === null || (!form.includes(ANYTHING) && !isUtf8(line)) ? undefined : match.slice(1);
}

export function isUtf8(text: string): boolean {
  const octets = Buffer.from(text, "latin1");
  return Buffer.from(octets.toString("utf8")).equals(octets);
}
