/**
 * Where Dovecot 2.3 and pop3d differ, each with the sentence that says who is right. A row that no longer describes what
 * happens fails the test, as a difference without a row does.
 */

export interface Difference {
  /** The line that is answered differently; "" is the greeting, "left" what lies in the Maildir afterwards. */
  readonly at: string;
  /** The dialogues in which it is seen. */
  readonly dialogues: RegExp;
  readonly dovecot: RegExp;
  readonly ours: RegExp;
  /** The sentence, with its source. */
  readonly because: string;
}

const ONE_SPACE = "RFC 1939 §3: Keywords and arguments are each separated by a single SPACE character.";
const NO_ARGUMENT =
  "RFC 1939 §3: A server MUST respond to a … syntactically invalid command by responding with a negative status indicator; the command has no arguments.";
const CREDENTIALS_ONLY =
  "RFC 3206 §4: AUTH informs of a problem with the user's credentials; here there were none that could be checked.";
const ALL = /^/;

export const DIFFERENCES: readonly Difference[] = [
  {
    at: "CAPA",
    dialogues: /before login|between USER and PASS/,
    dovecot:
      /^\+OK "AUTH-RESP-CODE" "CAPA" "PIPELINING" "RESP-CODES" "SASL SCRAM-SHA-256 PLAIN LOGIN" "STLS" "TOP" "UIDL" "USER"$/,
    ours: /^\+OK "AUTH-RESP-CODE" "EXPIRE NEVER" "IMPLEMENTATION pillarbox" "LANG" "PIPELINING" "RESP-CODES" "SASL SCRAM-SHA-256 PLAIN LOGIN" "STLS" "TOP" "UIDL" "USER" "UTF8 USER"$/,
    because:
      "RFC 2449 §5: CAPA lists what the server has, and CAPA itself is no capability; EXPIRE, LANG, UTF8 are what Dovecot lacks.",
  },
  {
    at: "CAPA",
    dialogues: /after login/,
    dovecot: /^\+OK "AUTH-RESP-CODE" "CAPA" "PIPELINING" "RESP-CODES" "TOP" "UIDL"$/,
    ours: /^\+OK "AUTH-RESP-CODE" "EXPIRE NEVER" "IMPLEMENTATION pillarbox" "LANG" "PIPELINING" "RESP-CODES" "SASL [^"]*" "TOP" "UIDL" "USER" "UTF8 USER"$/,
    because: "RFC 2449 §6.2, §6.3: USER and SASL are announced in both states.",
  },
  {
    at: "USER",
    dialogues: /^USER without a name$/,
    dovecot: /^\+OK$/,
    ours: /^-ERR$/,
    because: "RFC 1939 §7: USER's argument is a string identifying a mailbox (required).",
  },
  { at: "PASS", dialogues: ALL, dovecot: /^-ERR \[AUTH\]$/, ours: /^-ERR$/, because: CREDENTIALS_ONLY },
  ...["!!!!", "AUTH PLAIN =", "AUTH PLAIN {base64:{user}\\0correct horse}", "AUTH XYZZY"].map((at) => ({
    at,
    dialogues: ALL,
    dovecot: /^-ERR \[AUTH\]$/,
    ours: /^-ERR$/,
    because: CREDENTIALS_ONLY,
  })),
  {
    at: "AUTH PLAIN {base64:\\0{user}\\0correct horse} more",
    dialogues: ALL,
    dovecot: /^-ERR \[AUTH\]$/,
    ours: /^-ERR$/,
    because:
      "RFC 5034 §4: AUTH mechanism [initial-response], and nothing behind it; no credentials were looked at.",
  },
  ...["QUIT now", "STAT x", "RSET x", "NOOP x", "QUIT x", "CAPA x", "STLS now"].map((at) => ({
    at,
    dialogues: ALL,
    dovecot: /^\+OK/,
    ours: /^-ERR$/,
    because: NO_ARGUMENT,
  })),
  ...["LIST ", "UIDL ", "STAT ", "RETR  1", "LIST  1", "TOP 1  0"].map((at) => ({
    at,
    dialogues: ALL,
    dovecot: /^\+OK/,
    ours: /^-ERR$/,
    because: ONE_SPACE,
  })),
  {
    at: "UIDL",
    dialogues: /^what there is \(sizes\)$/,
    dovecot: /^\+OK "1 1700000001\.one,S=6,W=9" "2 1700000002\.two,S=50,W=54"$/,
    ours: /^\+OK "1 1700000001\.one" "2 1700000002\.two"$/,
    because: "RFC 1939 §7: the unique-id is an arbitrary server-determined string; both are unique and stay.",
  },
  {
    at: "RETR 2",
    dialogues: /^RETR 2 \(dots\)$/,
    dovecot: /^\+OK "\.dot"/,
    ours: /^\+OK "\.\.dot"/,
    because:
      "RFC 1939 §3: If any line of the multi-line response begins with the termination octet, the line is byte-stuffed.",
  },
  {
    at: "TOP 2 1",
    dialogues: /\(dots\)$/,
    dovecot: /^\+OK "\.dot"/,
    ours: /^\+OK "\.\.dot"/,
    because:
      "RFC 1939 §3: If any line of the multi-line response begins with the termination octet, the line is byte-stuffed.",
  },
  {
    at: "RETR 1",
    dialogues: /an empty message/,
    dovecot: /^\+OK ""$/,
    ours: /^\+OK$/,
    because:
      "RFC 6856 §2.1: The octet count reported by LIST SHOULD match the actual number of octets sent; it is 0.",
  },
];
