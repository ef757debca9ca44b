/** Dialogues of every kind, and what other programs do meanwhile, for fast-check. */
import fc from "fast-check";

export type Event =
  | { readonly kind: "lines"; readonly lines: readonly string[] }
  /** Another program removes a message, moves it to cur/ with a flag, delivers one: of those there are, the n-th. */
  | { readonly kind: "remove" | "flag"; readonly nth: number }
  | { readonly kind: "deliver" };

export const USERNAME = "alice";
export const PASSWORD = "correct horse";

const LOGINS = [
  [`USER ${USERNAME}`, `PASS ${PASSWORD}`],
  [`user ${USERNAME}`, "NOOP", `pass ${PASSWORD}`],
  [`AUTH PLAIN ${base64(`\0${USERNAME}\0${PASSWORD}`)}`],
  ["AUTH PLAIN", base64(`${USERNAME}\0${USERNAME}\0${PASSWORD}`)],
  ["auth login", base64(USERNAME), base64(PASSWORD)],
  [`AUTH LOGIN ${base64(USERNAME)}`, base64(PASSWORD)],
];

const REFUSED_LOGINS = [
  [`USER ${USERNAME}`, "PASS wrong"],
  ["USER nobody", `PASS ${PASSWORD}`],
  [`USER ${USERNAME}`, `PASS  ${PASSWORD}`],
  [`USER ${USERNAME}`, "AUTH", `PASS ${PASSWORD}`],
  ["PASS x"],
  [`AUTH PLAIN ${base64(`bob\0${USERNAME}\0${PASSWORD}`)}`],
  ["AUTH PLAIN", "*"],
  ["AUTH PLAIN", "STAT"],
  ["AUTH PLAIN ="],
  ["AUTH PLAIN", base64(`\0${USERNAME}\0${PASSWORD}\0`)],
  ["AUTH PLAIN", base64("\0\xff\0x")],
  ["AUTH LOGIN", base64(USERNAME), `${base64(PASSWORD).slice(0, -1)}!`],
  ["AUTH LOGIN", ""],
  ["AUTH SCRAM-SHA-256", "*"],
  ["AUTH SCRAM-SHA-256", base64("n,,r=x")],
  ["AUTH X"],
];

const SINGLE = [
  ...["CAPA", "AUTH", "AUTH ", "UTF8", "LANG", "LANG de-AT", "LANG JA", "LANG *", "LANG tlh", "STLS", "QUIT"],
  ...[
    "STAT",
    "LIST",
    "UIDL",
    "RSET",
    "NOOP",
    "LAST",
    "XTND XLST From",
    "RPOP x",
    "APOP alice 0",
    "stat",
    "Top 1 0",
  ],
];

const WRONG = [
  ...[
    "",
    " ",
    "XYZZY",
    "USER",
    "USER ",
    "USER a b",
    "USER \xe4",
    "PASS",
    "PASS ",
    "PASS \xff",
    "AUTH PLAIN x y",
  ],
  ...[
    "CAPA x",
    "UTF8 1",
    "LANG _",
    "LANG a b",
    "STLS now",
    "QUIT now",
    "STAT 1",
    "NOOP ",
    "RSET 1",
    "RETR",
    "DELE",
  ],
  ...[
    "TOP 1",
    "TOP 1 -1",
    "TOP 1 1 1",
    "LIST 1.5",
    "UIDL +1",
    "RETR 0x1",
    "DELE 1e0",
    "LIST  1",
    "UIDL 1 ",
    "\0",
  ],
];

const number = fc.oneof(
  { weight: 9, arbitrary: fc.nat(6).map(String) },
  { weight: 1, arbitrary: fc.constantFrom("01", "4294967297", "18446744073709551617") },
);
const numbered = fc.oneof(
  fc.tuple(fc.constantFrom("LIST", "UIDL", "RETR", "DELE", "dele"), number),
  fc.tuple(fc.constant("TOP"), number, fc.nat(3).map(String)),
);

const lines: fc.Arbitrary<readonly string[]> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...LOGINS) },
  { weight: 1, arbitrary: fc.constantFrom(...REFUSED_LOGINS) },
  { weight: 4, arbitrary: fc.constantFrom(...SINGLE).map((line) => [line]) },
  { weight: 1, arbitrary: fc.constantFrom(...WRONG).map((line) => [line]) },
  { weight: 9, arbitrary: numbered.map((words) => [words.join(" ")]) },
);

const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 9, arbitrary: lines.map((lines) => ({ kind: "lines", lines }) as const) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom("remove" as const, "flag" as const), nth: fc.nat(5) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "deliver" } as const) },
);

/** What was said before TLS is forgotten. */
const ACROSS_TLS: readonly Event[] = [
  { kind: "lines", lines: [`USER ${USERNAME}`, "LANG de", "STLS"] },
  { kind: "lines", lines: [`PASS ${PASSWORD}`] },
];

/** Many of them log in and have time for something before they end, with QUIT or without. */
export const dialogue: fc.Arbitrary<readonly Event[]> = fc
  .tuple(
    fc.oneof(
      { weight: 9, arbitrary: fc.array(event, { maxLength: 6 }) },
      { weight: 1, arbitrary: fc.constant(ACROSS_TLS) },
    ),
    fc.option(fc.constantFrom(...LOGINS), { nil: [] }),
    fc.array(event, { maxLength: 25 }),
    fc.constantFrom(["QUIT"], []),
  )
  .map(([before, login, after, end]) => [
    ...before,
    { kind: "lines", lines: login },
    ...after,
    { kind: "lines", lines: end },
  ]);

function base64(text: string): string {
  return Buffer.from(text, "latin1").toString("base64");
}
