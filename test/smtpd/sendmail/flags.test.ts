/** sendmail's flags, as programs write them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { FLAGS, type Invocation, parseFlags } from "../../../smtpd/sendmail/flags.js";

/** What is said by none of the flags. */
const PLAIN: Invocation = {
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

const ti = { recipientsFromHeader: true, dotIsText: true };

const LINES: readonly (readonly [string, readonly string[], Partial<Invocation>])[] = [
  ["nothing", [], {}],
  [
    "cron",
    ["-i", "-FCronDaemon", "-B8BITMIME", "-oem", "root"],
    { dotIsText: true, fullName: "CronDaemon", recipients: ["root"] },
  ],
  [
    "vixie cron",
    ["-FCronDaemon", "-i", "-odi", "-oem", "-oi", "-t", "-f", "root"],
    { ...ti, fullName: "CronDaemon", sender: "root" },
  ],
  ["PHP", ["-t", "-i"], ti],
  ["PHP with an envelope sender", ["-t", "-i", "-fweb@example.org"], { ...ti, sender: "web@example.org" }],
  [
    "git send-email",
    ["-f", "a@x.example", "-i", "b@x.example", "c@x.example"],
    { dotIsText: true, sender: "a@x.example", recipients: ["b@x.example", "c@x.example"] },
  ],
  [
    "mutt",
    [
      "-oem",
      "-oi",
      "-f",
      "a@x.example",
      "-B8BITMIME",
      "-N",
      "failure,delay",
      "-R",
      "hdrs",
      "--",
      "b@x.example",
    ],
    {
      dotIsText: true,
      sender: "a@x.example",
      notify: ["FAILURE", "DELAY"],
      ret: "HDRS",
      recipients: ["b@x.example"],
    },
  ],
  [
    "s-nail",
    ["-i", "-m", "-v", "-f", "a@x.example", "--", "b@x.example"],
    { dotIsText: true, sender: "a@x.example", recipients: ["b@x.example"] },
  ],
  ["at", ["-i", "alice"], { dotIsText: true, recipients: ["alice"] }],
  ["several in a word", ["-tivU"], ti],
  ["several in a word, an argument last", ["-tif", "a@x.example"], { ...ti, sender: "a@x.example" }],
  ["several in a word, its argument with it", ["-tifa@x.example"], { ...ti, sender: "a@x.example" }],
  ["-oi apart", ["-o", "i"], { dotIsText: true }],
  ["-O", ["-O", "DeliveryMode=q", "-OIgnoreDots=True"], { dotIsText: true }],
  ["-r", ["-r", "a@x.example"], { sender: "a@x.example" }],
  ["no sender", ["-f", ""], { sender: "" }],
  ["no sender, with brackets", ["-f<>"], { sender: "<>" }],
  ["a sender that looks like a flag", ["-f", "-t"], { sender: "-t" }],
  ["flags behind recipients", ["bob", "-f", "a@x.example"], { sender: "a@x.example", recipients: ["bob"] }],
  ["recipients that look like flags", ["--", "-t", "--"], { recipients: ["-t", "--"] }],
  ["the last of two", ["-fa@x.example", "-f", "b@x.example"], { sender: "b@x.example" }],
  ["-N never", ["-N", "never"], { notify: [] }],
  ["-N in any case", ["-NSUCCESS,Failure"], { notify: ["SUCCESS", "FAILURE"] }],
  ["-R", ["-RFULL"], { ret: "FULL" }],
  ["-V", ["-V", "x+y=1"], { envid: "x+y=1" }],
  [
    "what changes nothing",
    [
      "-oem",
      "-odb",
      "-om",
      "-h",
      "3",
      "-Ltag",
      "-n",
      "-m",
      "-d0.1",
      "-Ac",
      "-em",
      "-v",
      "-X",
      "log",
      "-p",
      "x",
    ],
    {},
  ],
  ["-G", ["-G"], { gateway: true }],
  ["-C", ["-C", "/etc/x"], { config: "/etc/x" }],
  ["--config", ["--config", "/etc/x", "bob"], { config: "/etc/x", recipients: ["bob"] }],
  ["--config=", ["--config=/etc/x"], { config: "/etc/x" }],
  ["-bm", ["-bm"], {}],
  ["-bs", ["-bs"], { mode: "smtp" }],
  ["-bp", ["-bp"], { mode: "list" }],
  ["-bi", ["-bi"], { mode: "newaliases" }],
  ["-I", ["-I"], { mode: "newaliases" }],
  ["-q", ["-q"], { mode: "flush" }],
  ["-q with an interval", ["-q15m"], { mode: "flush" }],
  ["-qR", ["-qRexample.org"], { mode: "flush", flushed: { recipient: "example.org" } }],
  [
    "-qI and -qS",
    ["-qI01JDXK6M2W9QF0", "-qSa@x.example"],
    { mode: "flush", flushed: { queueId: "01JDXK6M2W9QF0", sender: "a@x.example" } },
  ],
];

describe("flags", () => {
  for (const [name, words, expected] of LINES) {
    test(name, () => {
      assert.deepEqual(parseFlags(words), { kind: "invocation", invocation: { ...PLAIN, ...expected } });
    });
  }

  test("the name it was called by says what it is for, and flags may say otherwise", () => {
    assert.deepEqual(parseFlags([], "list"), { kind: "invocation", invocation: { ...PLAIN, mode: "list" } });
    assert.deepEqual(parseFlags(["-bm"], "list"), { kind: "invocation", invocation: PLAIN });
  });
});

describe("no flags", () => {
  for (const words of [
    ["-Z"],
    ["-tZ"],
    ["--help-me"],
    ["-f"],
    ["-tif"],
    ["-bd"],
    ["-bt"],
    ["-b"],
    ["-B", "BINARYMIME"],
    ["-N", "sometimes"],
    ["-N", "never,delay"],
    ["-N", ""],
    ["-R", "half"],
    ["-V", "a b"],
    ["-V", "x".repeat(101)],
    ["-qR"],
    ["--config"],
    ["--config="],
  ])
    test(words.join(" "), () => assert.equal(parseFlags(words).kind, "error"));
});

test("each flag has a line here", () => {
  const words = LINES.flatMap(([, line]) => line.filter((word) => word.startsWith("-"))).join("");
  for (const letter of FLAGS.keys()) assert.ok(words.includes(letter), letter);
});

test("any words are read without an error, and all that follow -- are recipients", () => {
  const word = fc.oneof(fc.string(), fc.stringMatching(/^-[A-Za-z]{0,4}$/));
  fc.assert(
    fc.property(fc.array(word), fc.array(fc.string()), (before, after) => {
      const parsed = parseFlags([...before.filter((one) => one !== "--"), "-i", "--", ...after]);
      if (parsed.kind === "invocation" && after.length > 0)
        assert.deepEqual(parsed.invocation.recipients.slice(-after.length), after);
    }),
  );
});
