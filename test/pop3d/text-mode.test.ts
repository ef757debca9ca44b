/** The language of replies: through the pure session, over real connections, and with a client of others. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { english } from "../../pop3d/language/english.js";
import { type Language, textIn } from "../../pop3d/language/language.js";
import { lookUp } from "../../pop3d/language/language-range.js";
import { LANGUAGES } from "../../pop3d/language/languages.js";
import type { Text } from "../../pop3d/language/texts.js";
import { PASSWORD, type Pop3d, Site } from "../daemons/site.js";
import { succeed } from "../interop/run.js";
import { without } from "../peers.js";
import { Client } from "./client.js";
import { PureServer } from "./pure-server.js";
import { RULES } from "./session-rules.js";
import { linesOf } from "./transcript.js";

const TIMEOUT = { timeout: 60_000 };

for (const [range, tag] of [
  ["en", "en"],
  ["de-at", "de"],
  ["ja-jp", "ja"],
  ["de-x-private", "de"],
  ["de-de-1996", "de"],
  ["deu", undefined],
  ["d", undefined],
  ["sv-de", undefined],
] as const) {
  test(`the range ${range} finds ${tag ?? "nothing"}`, () => assert.equal(lookUp(range)?.tag, tag));
}

test("English is spoken until another language is chosen, whatever the administrator prefers", () => {
  const { say } = served();
  assert.deepEqual(say("RPOP"), [refusal(english)]);
});

test("the language stays in force when another is refused, and after login", () => {
  const { say } = served();
  say("LANG de");
  const not = (text: Text) => `-ERR ${textIn(LANGUAGES.de, text)}`;
  assert.deepEqual(say("LANG sv", "LANG d_e"), [
    not("language not available"),
    not({ text: "wrong arguments", verb: "LANG" }),
  ]);
  say("USER alice", `PASS ${PASSWORD}`);
  assert.deepEqual(say("RETR 1"), [not("no such message")]);
});

test("a language that was chosen before TLS is forgotten", () => {
  const { server, say } = served();
  say("LANG de");
  assert.deepEqual(say("STLS"), [`+OK ${textIn(LANGUAGES.de, "begin TLS")}`]);
  server.beginTls();
  assert.deepEqual(say("RPOP"), [refusal(english)]);
});

for (const language of Object.values(LANGUAGES)) {
  test(
    `${language.name} arrives as it is written, in whatever pieces it was asked for`,
    TIMEOUT,
    async (t) => {
      const { pop3, pop3s, site } = await started(t);
      await site.deliver("alice", "Subject: a\n\nb\n");
      for (const length of [1, 7, 1000]) {
        for (const connect of [() => Client.connect(pop3), () => Client.connectTls(pop3s)]) {
          const client = await connect();
          await client.expect("+OK");
          const dialogue = dialogueIn(language);
          const sent = dialogue.map(([command]) => `${command}\r\n`).join("");
          await client.sendInPieces(Buffer.from(sent), repeat(length));
          for (const [command, ...reply] of dialogue) {
            for (const line of reply) assert.equal(utf8(await client.line()), line, command);
          }
          assert.equal(await client.rest(), "");
        }
      }
    },
  );
}

test("Python's poplib turns UTF-8 mode on and reads replies in each language", {
  ...TIMEOUT,
  skip: without("python3"),
}, async (t) => {
  const { pop3 } = await started(t);
  const printed = await succeed("python3", ["-c", POPLIB, String(pop3), PASSWORD]);
  assert.deepEqual(printed.trimEnd().split("\n"), Object.values(LANGUAGES).map(refusal));
});

test("who goes on sending nonsense waits, and others do not wait with it", TIMEOUT, async (t) => {
  const { pop3 } = await started(t, '[limits]\nbad_command_delay = "8s"');
  const nonsense = await Client.loggedIn(pop3, "bob");
  nonsense.send("XYZZY\r\n".repeat(6));
  nonsense.send("NOOP\r\n");
  for (let n = 1; n <= 5; n++) await nonsense.expect("-ERR");
  let answered = false;
  const sixth = nonsense.line().then(
    () => (answered = true),
    () => {},
  );
  const other = await Client.loggedIn(pop3);
  await other.command("NOOP", "+OK");
  await other.command("QUIT", "+OK");
  await other.rest();
  assert.equal(answered, false);
  nonsense.destroy();
  await sixth;
});

const POPLIB = `
import poplib, sys
pop = poplib.POP3("127.0.0.1", int(sys.argv[1]), timeout=20)
capabilities = pop.capa()
assert "LANG" in capabilities and capabilities["UTF8"] == ["USER"], capabilities
assert pop.utf8().startswith(b"+OK ")
pop.user("alice")
pop.pass_(sys.argv[2])
_, listing, _ = pop._longcmd("LANG")
for line in listing:
    tag, name = line.decode("utf-8").split(" ", 1)
    assert pop._shortcmd("LANG " + tag).decode("utf-8").startswith("+OK " + tag + " ")
    try:
        pop._shortcmd("LAST")
    except poplib.error_proto as refusal:
        sys.stdout.buffer.write(refusal.args[0] + b"\\n")
pop.quit()
`;

/** Commands, and the lines that come of each. */
function dialogueIn(language: Language): [command: string, ...reply: string[]][] {
  const ok = (text: Text) => `+OK ${textIn(language, text)}`;
  const err = (text: Text) => `-ERR ${textIn(language, text)}`;
  return [
    [`LANG ${language.tag}`, `+OK ${language.tag} ${textIn(language, "replies are in English now")}`],
    ["RPOP", refusal(language)],
    ["XYZZY", err("command not understood, or not at this time")],
    ["USER alice", ok("password please")],
    [`PASS ${PASSWORD}`, ok({ text: "maildrop has", count: 1, octets: 17 })],
    ["STAT", "+OK 1 17"],
    ["LIST", ok({ text: "maildrop listing", count: 1, octets: 17 }), "1 17", "."],
    ["TOP 1 0", ok("top of message follows"), "Subject: a", "", "."],
    ["RETR 1", "+OK 17 octets", "Subject: a", "", "b", "."],
    ["RETR 2", err("no such message")],
    ["QUIT", ok("goodbye")],
  ];
}

function refusal(language: Language): string {
  return `-ERR ${textIn(language, "this command is not supported")}`;
}

function served() {
  const server = new PureServer({ ...RULES, stls: true, language: "ja" }, []);
  server.takeSent();
  const say = (...commands: string[]) => {
    server.feed(Buffer.from(commands.map((command) => `${command}\r\n`).join("")));
    return linesOf(server.takeSent()).map(utf8);
  };
  return { server, say };
}

/** A line as `Client` and `linesOf` give it. */
function utf8(latin1: string): string {
  return Buffer.from(latin1, "latin1").toString();
}

function* repeat(length: number): Generator<number> {
  for (;;) yield length;
}

async function started(t: TestContext, tables = ""): Promise<Pop3d & { site: Site }> {
  const site = await Site.make();
  t.after(() => site.remove());
  const pop3d = await site.pop3d({ tables });
  t.after(() => pop3d.daemon.kill());
  return { ...pop3d, site };
}
