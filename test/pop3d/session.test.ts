import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LANGUAGE_TAGS } from "../../pop3d/language/language.js";
import { cutInto } from "./arbitraries.js";
import { PureServer } from "./pure-server.js";
import { RULES } from "./session-rules.js";
import { linesOf, type StoredMessage } from "./transcript.js";

const TEXTS = ["one\n", "", ".two\n\n.\n", "three"];
/** What a client reads of each. */
const READ = [["one"], [], [".two", "", "."], ["three"]];
const SIZES = [5, 0, 11, 5];

const number = fc.integer({ min: 0, max: TEXTS.length + 1 });
const commandLine = fc.oneof(
  fc.constantFrom("STAT", "LIST", "UIDL", "RSET", "NOOP", "XYZZY", "RETR", "TOP 1", "stat"),
  fc.tuple(fc.constantFrom("LIST", "UIDL", "RETR", "DELE", "dele"), number).map((parts) => parts.join(" ")),
  number.map((n) => `TOP ${n} 0`),
);
const dialogue = fc.array(commandLine, { maxLength: 30 });
const language = fc.constantFrom(...LANGUAGE_TAGS);

test("any commands, pipelined in any cut and language, are answered in order, as an array with marks would", () => {
  fc.assert(
    fc.property(dialogue, language, fc.infiniteStream(fc.nat(20)), (commands, tag, cuts) => {
      const server = new PureServer(RULES, messages());
      server.feed(Buffer.from(`LANG ${tag}\r\nUSER alice\r\nPASS correct horse\r\n`));
      server.takeSent();
      const sent = commands.map((command) => `${command}\r\n`).join("");
      for (const piece of cutInto(Buffer.from(sent), cuts)) server.feed(piece);
      const answers = linesOf(server.takeSent()).map((line) => line.replace(/^(-ERR).*/, "$1"));
      const expected = new Model().answers(commands);
      assert.deepEqual(withoutWords(answers, expected), expected);
    }),
  );
});

test("a session that has ended says nothing more", () => {
  const server = new PureServer(RULES, messages());
  server.feed(Buffer.from("QUIT\r\nCAPA\r\nUSER alice\r\n"));
  assert.equal(linesOf(server.takeSent()).length, 2, "greeting and farewell");
  assert.equal(server.closed, true);
});

test("any octets at all are answered line by line, or end the session", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 20 }), (pieces) => {
      const server = new PureServer({ ...RULES, mistakes: { most: 5, delayMs: 0 } }, messages());
      for (const piece of pieces) server.feed(Buffer.from(piece));
      for (const line of linesOf(server.takeSent())) assert.match(line, /^(\+OK|-ERR|\+) |^[A-Z .-]+$/i);
    }),
  );
});

/** What RFC 1939 says, in the simplest words; `+OK …` stands for a reply whose text is for people. */
class Model {
  #deleted = new Set<number>();

  answers(commands: readonly string[]): string[] {
    return commands.flatMap((command) => this.#answer(command.toUpperCase()));
  }

  #answer(command: string): string[] {
    const [verb = "", argument] = command.split(" ");
    const left = TEXTS.map((_, i) => i + 1).filter((n) => !this.#deleted.has(n));
    const n = Number(argument);
    switch (argument === undefined ? verb : `${verb} n`) {
      case "STAT":
        return [`+OK ${left.length} ${left.reduce((sum, m) => sum + (SIZES[m - 1] ?? 0), 0)}`];
      case "LIST":
        return ["+OK …", ...left.map((m) => `${m} ${SIZES[m - 1]}`), "."];
      case "UIDL":
        return ["+OK …", ...left.map((m) => `${m} u${m}`), "."];
      case "RSET":
        this.#deleted.clear();
        return ["+OK …"];
      case "NOOP":
        return ["+OK …"];
    }
    if (argument === undefined || !left.includes(n) || command === "TOP 1") return ["-ERR"];
    const stuffed = (READ[n - 1] ?? []).map((line) => (line.startsWith(".") ? `.${line}` : line));
    switch (verb) {
      case "LIST":
        return [`+OK ${n} ${SIZES[n - 1]}`];
      case "UIDL":
        return [`+OK ${n} u${n}`];
      case "DELE":
        this.#deleted.add(n);
        return ["+OK …"];
      case "RETR":
        return ["+OK …", ...stuffed, "."];
      default: {
        const blank = stuffed.indexOf("");
        return ["+OK …", ...(blank < 0 ? stuffed : stuffed.slice(0, blank + 1)), "."];
      }
    }
  }
}

function withoutWords(answers: readonly string[], expected: readonly string[]): string[] {
  return answers.map((line, i) => (expected[i] === "+OK …" && line.startsWith("+OK ") ? "+OK …" : line));
}

function messages(): StoredMessage[] {
  return TEXTS.map((text, i) => ({
    within: "",
    folder: "new",
    filename: `u${i + 1}`,
    octets: Buffer.from(text),
  }));
}
