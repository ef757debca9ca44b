/**
 * The whole pure session: each line is answered by one reply, well formed; nobody logs in without a verdict; nothing
 * happens after the end; and no cut of the input changes an octet of the output. `<TLS>` in the input is a handshake, if
 * the server waits for one.
 */
import assert from "node:assert/strict";
import type { SessionRules } from "../../../pop3d/authorization.js";
import { Maildrop } from "../../../pop3d/maildrop.js";
import type { Input, Step } from "../../../pop3d/protocol.js";
import { encode, type Reply } from "../../../pop3d/reply.js";
import type { Session } from "../../../pop3d/session.js";
import { type PureMaildrop, PureServer } from "../../pop3d/pure-server.js";
import { RULES } from "../../pop3d/session-rules.js";
import type { StoredMessage } from "../../pop3d/transcript.js";
import { assertOneLine, inPieces, type Target } from "../target.js";

const OPEN: SessionRules = { ...RULES, stls: true, mistakes: { most: 30, delayMs: 5 } };
const TLS_FIRST: SessionRules = { ...OPEN, plaintextAuth: false, language: "ja" };
const SITES: readonly (readonly [SessionRules, PureMaildrop])[] = [
  [OPEN, { folders: [""], deletion: "unlink", extra: new Map() }],
  [OPEN, { folders: [""], deletion: "unlink", extra: new Map(), trouble: "in use" }],
  [TLS_FIRST, { folders: [""], deletion: "unlink", extra: new Map() }],
];
const TLS = "<TLS>";

export const pop3Session: Target = {
  name: "pop3-session",
  tokens: [
    ...[
      "USER alice\r\n",
      "PASS correct horse\r\n",
      "PASS wrong\r\n",
      "QUIT\r\n",
      "CAPA\r\n",
      "NOOP\r\n",
      "RSET\r\n",
    ],
    ...[
      "STAT\r\n",
      "LIST\r\n",
      "LIST 2\r\n",
      "UIDL\r\n",
      "UIDL 1\r\n",
      "RETR 1\r\n",
      "RETR 4\r\n",
      "TOP 3 1\r\n",
    ],
    ...["DELE 1\r\n", "DELE 2\r\n", "UTF8\r\n", "LANG ja\r\n", "LANG\r\n", "STLS\r\n", TLS, `STLS\r\n${TLS}`],
    ...[
      "AUTH\r\n",
      "AUTH PLAIN\r\n",
      "AUTH LOGIN\r\n",
      "AUTH SCRAM-SHA-256\r\n",
      "AUTH OAUTHBEARER\r\n",
      "*\r\n",
    ],
    ...[
      "AUTH PLAIN AGFsaWNlAGNvcnJlY3QgaG9yc2U=\r\n",
      "AGFsaWNlAGNvcnJlY3QgaG9yc2U=\r\n",
      "YWxpY2U=\r\n",
      "=\r\n",
    ],
    ...[
      "AUTH SCRAM-SHA-256 biwsbj1hbGljZSxyPWFiYw==\r\n",
      "LAST\r\n",
      "XTND XLST\r\n",
      "APOP a b\r\n",
      "y".repeat(4096),
    ],
  ],
  check: (octets, chance) => {
    const phases = octets
      .toString("latin1")
      .split(TLS)
      .map((phase) => Buffer.from(phase, "latin1"));
    for (const [rules, maildrop] of SITES) {
      const whole = served(
        rules,
        maildrop,
        phases.map((phase) => [phase]),
      );
      const cut = served(
        rules,
        maildrop,
        phases.map((phase) => inPieces(phase, chance)),
      );
      assert.ok(cut.sent.equals(whole.sent), "the cut matters");
      assert.deepEqual(cut.left, whole.left);
    }
  },
};

const TEXTS = ["one\n", "", ".two\r\n\n.\n", "t\rh\0r\nee"];
const MESSAGES: readonly StoredMessage[] = TEXTS.map((text, i) => ({
  within: "",
  folder: "new",
  filename: `${i}.m`,
  octets: Buffer.from(text),
}));

function served(rules: SessionRules, maildrop: PureMaildrop, phases: readonly (readonly Buffer[])[]) {
  const witness = new Witness();
  const server = new PureServer(rules, MESSAGES, maildrop, (...step) => witness.see(...step));
  for (const pieces of phases) {
    if (server.awaitsTls) server.beginTls();
    for (const piece of pieces) server.feed(piece);
  }
  return { sent: server.takeSent(), left: server.left };
}

/** Sees that a session keeps to its part. */
class Witness {
  #lines = 0;
  #replies = 0;
  #last: Reply | undefined;
  #granted = false;
  #maildropOpen = false;
  #ended = false;

  see(input: Input, { replies, effect }: Step, session: Session): void {
    assert.ok(!this.#ended, "something after the end");
    if (input.kind === "line" || input.kind === "overlong") this.#lines++;
    const granted = input.kind === "authenticate" && input.checked.kind === "granted";
    this.#granted ||= granted;
    this.#maildropOpen ||= input.kind === "open maildrop" && input.outcome instanceof Maildrop;
    this.#replies += replies.length;
    this.#last = replies.at(-1) ?? this.#last;
    if (input.kind === "send message" && input.outcome === "sent") this.#replies++;
    for (const reply of replies) assertWellFormed(reply, session);

    assert.equal(session.loggedIn, this.#granted && this.#maildropOpen);
    switch (effect?.kind) {
      case undefined:
      case "close":
      case "start TLS":
        assert.equal(this.#replies, this.#lines, "a line, a reply");
        // In the last line, an exchange may have been cut short.
        if (effect?.kind !== "close")
          assert.equal(session.awaitsResponse, this.#last?.status === "+", "an exchange ends with its reply");
        break;
      case "open maildrop":
        assert.ok(this.#granted, "a maildrop for nobody");
        break;
      case "send message":
      case "update":
        assert.ok(session.loggedIn);
        break;
      case "authenticate":
        assert.ok(!session.loggedIn);
        assert.ok(!effect.check.username?.includes("\0"));
    }
    this.#ended = effect?.kind === "close";
  }
}

const REPLY_OCTETS_MAX = 512;
/** RFC 5034 §4 frees challenges from that; ours hold no more than a client's nonce and what belongs to it. */
const CHALLENGE_OCTETS_MAX = 64 * 1024;
const FIRST_LINE = /^(?:\+OK|-ERR(?: \[(?:IN-USE|LOGIN-DELAY|AUTH|SYS\/TEMP|SYS\/PERM|UTF8)\])?) [^[]/;
const CHALLENGE = /^\+ (?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function assertWellFormed(reply: Reply, { language }: Session): void {
  const text = Buffer.concat([...encode(reply, language)]).toString("utf8");
  assert.ok(text.endsWith("\r\n"));
  const [first = "", ...lines] = text.slice(0, -2).split("\r\n");
  const isChallenge = reply.status === "+";
  assert.match(first, isChallenge ? CHALLENGE : FIRST_LINE);
  assertOneLine(first, isChallenge ? CHALLENGE_OCTETS_MAX : REPLY_OCTETS_MAX);
  assert.equal(lines.pop(), reply.lines === undefined ? undefined : ".");
  for (const line of lines) {
    assertOneLine(line, REPLY_OCTETS_MAX);
    assert.notEqual(line, ".");
  }
}
