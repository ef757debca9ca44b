/**
 * The dialogues of the differential test. In a line, `{user}` is the account's address, `{local}` its local-part, and
 * `{base64:…}` what stands there in base64, `\0` for NUL. Unless a dialogue says otherwise it begins with a login.
 */
import { PASSWORD } from "../daemons/site.js";
import type { MaildropName } from "./maildrops.js";

export interface ServerDialogue {
  readonly name: string;
  readonly maildrop: MaildropName;
  readonly lines: readonly string[];
  readonly password: string;
  readonly pipelined: boolean;
}

const LOGIN = (password: string) => ["USER {user}", `PASS ${password}`];

/** Before login. */
function stranger(name: string, ...lines: string[]): ServerDialogue {
  return { name, maildrop: "three", lines, password: PASSWORD, pipelined: false };
}

function loggedIn(maildrop: MaildropName, name: string, ...lines: string[]): ServerDialogue {
  const all = [...LOGIN(PASSWORD), ...lines];
  return { name: `${name} (${maildrop})`, maildrop, lines: all, password: PASSWORD, pipelined: false };
}

function withPassword(name: string, password: string): ServerDialogue {
  const lines = [...LOGIN(password), "STAT", "QUIT"];
  return { name, maildrop: "three", lines, password, pipelined: false };
}

function pipelined(dialogue: ServerDialogue): ServerDialogue {
  return { ...dialogue, name: `pipelined: ${dialogue.name}`, pipelined: true };
}

const PLAIN = "{base64:\\0{user}\\0correct horse}";

const STRANGERS = [
  stranger("CAPA before login", "CAPA", "QUIT"),
  stranger("QUIT before login", "QUIT"),
  ...["STAT", "LIST", "UIDL", "RETR 1", "DELE 1", "TOP 1 0", "RSET", "NOOP", "LIST 1"].map((verb) =>
    stranger(`${verb} before login`, verb, "QUIT"),
  ),
  stranger("USER without a name", "USER", "QUIT"),
  stranger("PASS without USER", `PASS ${PASSWORD}`, "QUIT"),
  stranger("PASS without a password", "USER {user}", "PASS", "QUIT"),
  stranger("USER twice", "USER nobody", "USER {user}", `PASS ${PASSWORD}`, "STAT", "QUIT"),
  stranger("something between USER and PASS", "USER {user}", "CAPA", `PASS ${PASSWORD}`, "STAT", "QUIT"),
  stranger("verbs in lower case", "user {user}", `pass ${PASSWORD}`, "stat", "list 1", "quit"),
  stranger("verbs in any case", "uSeR {user}", `PaSs ${PASSWORD}`, "sTaT", "QuiT"),
  stranger("a bare local-part", "USER {local}", "QUIT"),
  stranger("wrong password", "USER {user}", "PASS wrong", "QUIT"),
  stranger(
    "wrong, then right",
    "USER {user}",
    "PASS wrong",
    "USER {user}",
    `PASS ${PASSWORD}`,
    "STAT",
    "QUIT",
  ),
  stranger("a failed PASS forgets the user", "USER {user}", "PASS wrong", `PASS ${PASSWORD}`, "QUIT"),
  stranger("unknown user", "USER nobody@pillarbox.test", "PASS x", "QUIT"),
  stranger("an unknown verb before login", "XYZZY", "QUIT"),
  stranger("an empty line before login", "", "QUIT"),
  stranger("a space before the verb", " QUIT", "QUIT"),
  stranger("QUIT with an argument before login", "QUIT now"),
  stranger("STLS", "STLS"),
  stranger("STLS with an argument", "STLS now"),
  stranger("APOP without a timestamp", "APOP {user} c4c9334bac560ecc979e58001b3e22fb", "QUIT"),
  stranger("AUTH without a mechanism", "AUTH", "QUIT"),
  stranger("AUTH and a space", "AUTH ", "QUIT"),
  stranger("AUTH of an unknown mechanism", "AUTH XYZZY", "QUIT"),
  stranger("AUTH PLAIN", "AUTH PLAIN", PLAIN, "STAT", "QUIT"),
  stranger("AUTH PLAIN with an initial response", `AUTH PLAIN ${PLAIN}`, "STAT", "QUIT"),
  stranger("auth plain in lower case", `auth plain ${PLAIN}`, "STAT", "QUIT"),
  stranger("AUTH PLAIN with an empty initial response", "AUTH PLAIN =", "QUIT"),
  stranger("AUTH PLAIN cancelled", "AUTH PLAIN", "*", `AUTH PLAIN ${PLAIN}`, "STAT", "QUIT"),
  stranger("AUTH PLAIN that is no base64", "AUTH PLAIN", "!!!!", "QUIT"),
  stranger("AUTH PLAIN with a wrong password", "AUTH PLAIN {base64:\\0{user}\\0wrong}", "QUIT"),
  stranger("AUTH PLAIN of another user", "AUTH PLAIN {base64:other\\0{user}\\0correct horse}", "QUIT"),
  stranger("AUTH PLAIN for oneself", "AUTH PLAIN {base64:{user}\\0{user}\\0correct horse}", "STAT", "QUIT"),
  stranger("AUTH PLAIN with too few parts", "AUTH PLAIN {base64:{user}\\0correct horse}", "QUIT"),
  stranger("AUTH PLAIN with one more argument", `AUTH PLAIN ${PLAIN} more`, "QUIT"),
  stranger("AUTH LOGIN", "AUTH LOGIN", "{base64:{user}}", "{base64:correct horse}", "STAT", "QUIT"),
  stranger(
    "AUTH LOGIN with an initial response",
    "AUTH LOGIN {base64:{user}}",
    "{base64:correct horse}",
    "STAT",
    "QUIT",
  ),
  stranger("AUTH LOGIN cancelled at the name", "AUTH LOGIN", "*", "QUIT"),
  stranger("AUTH LOGIN cancelled at the password", "AUTH LOGIN", "{base64:{user}}", "*", "QUIT"),
  stranger("AUTH LOGIN with a wrong password", "AUTH LOGIN", "{base64:{user}}", "{base64:wrong}", "QUIT"),
  withPassword("a password with spaces at either end", "  two words "),
  withPassword("a password with umlauts", Buffer.from("größer").toString("latin1")),
  withPassword("a password that looks like a command", "QUIT"),
  withPassword("a password of 200 octets", "x".repeat(200)),
];

const NUMBERS = [
  "0",
  "-1",
  "+1",
  "1.0",
  "1.5",
  "1e0",
  "0x1",
  "01",
  "4",
  "x",
  "1x",
  "4294967297",
  "18446744073709551617",
  "",
];

const MEMBERS = [
  ...["LIST", "UIDL", "RETR", "DELE"].flatMap((verb) =>
    NUMBERS.map((number) =>
      loggedIn("three", `${verb} ${number || "and a space"}`, `${verb} ${number}`, "STAT", "QUIT"),
    ),
  ),
  ...["0 0", "4 0", "1", "1 -1", "1 x", "x 1", "1 1.5", "1 0 0", "1  0", ""].map((args) =>
    loggedIn("three", `TOP ${args || "and a space"}`, `TOP ${args}`, "STAT", "QUIT"),
  ),
  ...["RETR", "DELE", "TOP"].map((verb) => loggedIn("three", `${verb} alone`, verb, "STAT", "QUIT")),
  ...["STAT x", "RSET x", "NOOP x", "LIST 1 2", "UIDL 1 2", "RETR 1 2", "DELE 1 2", "CAPA x"].map((line) =>
    loggedIn("three", `one argument too many: ${line}`, line, "STAT", "QUIT"),
  ),
  ...["RETR  1", "LIST  1", "STAT ", "RETR\t1", "RETR 1 "].map((line) =>
    loggedIn("three", `white space: ${JSON.stringify(line)}`, line, "STAT", "QUIT"),
  ),
  ...[
    "USER {user}",
    `PASS ${PASSWORD}`,
    "AUTH PLAIN",
    "STLS",
    "APOP a b",
    "XYZZY",
    "",
    "LAST",
    "RPOP x",
    "XTND XLST",
  ].map((line) => loggedIn("three", `after login: ${line || "an empty line"}`, line, "STAT", "QUIT")),
  loggedIn("three", "CAPA after login", "CAPA", "QUIT"),
  ...(["empty", "three", "sizes", "dots", "odd", "nul", "nothing", "many"] as const).map((maildrop) =>
    loggedIn(maildrop, "what there is", "STAT", "LIST", "UIDL", "QUIT"),
  ),
  ...(["three", "dots", "odd"] as const).flatMap((maildrop) =>
    [1, 2, 3].map((n) => loggedIn(maildrop, `RETR ${n}`, `RETR ${n}`, "QUIT")),
  ),
  ...[4, 5, 6, 7, 8].map((n) => loggedIn("odd", `RETR ${n}`, `LIST ${n}`, `RETR ${n}`, "QUIT")),
  loggedIn("nul", "RETR of a NUL", "LIST 1", "RETR 1", "TOP 1 1", "QUIT"),
  loggedIn("nothing", "RETR of an empty message", "RETR 1", "RETR 2", "QUIT"),
  loggedIn("sizes", "RETR where names tell sizes", "RETR 1", "RETR 2", "QUIT"),
  ...[0, 1, 2, 3, 100].map((lines) => loggedIn("three", `TOP 1 ${lines}`, `TOP 1 ${lines}`, "QUIT")),
  ...[0, 1].flatMap((lines) =>
    [1, 2, 3, 4, 5, 6, 8].map((n) => loggedIn("odd", `TOP ${n} ${lines}`, `TOP ${n} ${lines}`, "QUIT")),
  ),
  ...[1, 2, 3].map((n) => loggedIn("dots", `TOP ${n} 1`, `TOP ${n} 1`, "QUIT")),
  loggedIn(
    "three",
    "a deleted message is gone from everything",
    ...["DELE 1", "STAT", "LIST", "UIDL", "LIST 1", "UIDL 1"],
    ...["RETR 1", "TOP 1 0", "DELE 1", "LIST 2", "UIDL 2", "QUIT"],
  ),
  loggedIn("three", "the last one deleted", "DELE 3", "STAT", "LIST", "LIST 3", "QUIT"),
  loggedIn("three", "all deleted", "DELE 1", "DELE 2", "DELE 3", "STAT", "LIST", "UIDL", "QUIT"),
  loggedIn("three", "RSET brings them back", "DELE 1", "DELE 2", "RSET", "STAT", "LIST", "RETR 1", "QUIT"),
  loggedIn("three", "RSET of nothing", "RSET", "STAT", "QUIT"),
  loggedIn("three", "RETR and DELE", "RETR 2", "DELE 2", "QUIT"),
  loggedIn("three", "no QUIT", "RETR 1", "DELE 2", "STAT"),
  loggedIn("three", "NOOP", "NOOP", "QUIT"),
  loggedIn("three", "QUIT with an argument", "QUIT x"),
  loggedIn(
    "many",
    "every tenth",
    ...Array.from({ length: 10 }, (_, i) => `DELE ${10 * i + 1}`),
    "STAT",
    "LIST",
    "QUIT",
  ),
];

export const DIALOGUES: readonly ServerDialogue[] = [
  ...STRANGERS,
  ...MEMBERS,
  ...[
    loggedIn(
      "three",
      "a whole session",
      ...["STAT", "LIST", "UIDL", "RETR 1", "TOP 2 1", "RETR 3"],
      ...["DELE 1", "LIST", "RETR 1", "QUIT"],
    ),
    loggedIn("odd", "everything there is", ...Array.from({ length: 8 }, (_, i) => `RETR ${i + 1}`), "QUIT"),
    loggedIn("many", "fifty messages", ...Array.from({ length: 50 }, (_, i) => `RETR ${i + 1}`), "QUIT"),
  ].map(pipelined),
];
