/** The pure session at its edges; what it answers is in interleavings.test.ts and the transcripts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PureServer } from "./pure-server.js";
import { RULES } from "./session-rules.js";
import { linesOf, type StoredMessage } from "./transcript.js";

const TEXTS = ["one\n", "", ".two\n\n.\n", "three"];

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

function messages(): StoredMessage[] {
  return TEXTS.map((text, i) => ({
    within: "",
    folder: "new",
    filename: `u${i + 1}`,
    octets: Buffer.from(text),
  }));
}
