/**
 * That the transcripts show every command in each of the ways in which it can be sent: well, where it must be refused,
 * in the wrong state, with arguments that are none; and every capability announced and, where that may be, not announced.
 * What a transcript shows is seen from its lines, by the grammar of the model.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { argumentsIn, mayStandIn, type State, VERBS, verbOf } from "./model/grammar.js";
import { type Transcript, transcripts } from "./transcript.js";

const KINDS = ["good use", "misuse", "wrong state", "bad arguments"] as const;
type Kind = (typeof KINDS)[number];

/** What cannot be: it stands in both states, takes anything, is always done, or never. */
const IMPOSSIBLE: Readonly<Record<string, readonly Kind[]>> = {
  CAPA: ["misuse", "wrong state"],
  // Its failure needs a disk that fails (test/faults/).
  QUIT: ["misuse", "wrong state"],
  UTF8: ["misuse", "wrong state"],
  LANG: ["wrong state"],
  STAT: ["misuse"],
  RSET: ["misuse"],
  NOOP: ["misuse"],
  RPOP: ["good use", "bad arguments"],
  APOP: ["good use", "bad arguments"],
  LAST: ["good use", "bad arguments"],
  XTND: ["good use", "bad arguments"],
};

/** A command and its reply. */
interface Said {
  readonly state: State;
  readonly line: string;
  readonly reply: readonly string[];
}

const dialogues = transcripts().map((transcript) => said(transcript));

describe("the transcripts show each command in every way", () => {
  const shown = new Set(dialogues.flat().map((one) => `${verbOf(one.line)}: ${kindOf(one)}`));
  for (const verb of VERBS) {
    test(verb, () => {
      const possible = KINDS.filter((kind) => !IMPOSSIBLE[verb]?.includes(kind));
      assert.deepEqual(
        KINDS.filter((kind) => shown.has(`${verb}: ${kind}`)),
        possible,
      );
    });
  }
});

describe("the transcripts show each capability", () => {
  const [before, after] = (["AUTHORIZATION", "TRANSACTION"] as const).map((state) =>
    dialogues
      .flat()
      .filter(({ state: its, line, reply }) => its === state && /^CAPA$/i.test(line) && reply.length > 1)
      .map(({ reply }) => reply.slice(1, -1).map((capability) => capability.split(" ")[0])),
  );
  const always = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "EXPIRE", "UTF8", "LANG"];
  const sometimes = ["USER", "SASL", "LOGIN-DELAY", "IMPLEMENTATION", "STLS"];

  for (const capability of always) {
    test(`${capability}, always`, () => {
      for (const list of [...(before ?? []), ...(after ?? [])]) assert.ok(list.includes(capability));
    });
  }
  for (const capability of sometimes) {
    test(`${capability}, announced and not announced`, () => {
      assert.ok(before?.some((list) => list.includes(capability)));
      assert.ok(before?.some((list) => !list.includes(capability)));
      assert.equal(
        after?.some((list) => list.includes(capability)),
        capability !== "STLS",
      );
    });
  }
  // [IN-USE] and [LOGIN-DELAY] take two sessions, and [SYS/…] trouble: rows.test.ts, login-delays.test.ts, test/faults/.
  for (const code of ["AUTH", "UTF8"]) {
    test(`the response code [${code}]`, () => {
      const replies = dialogues.flat().map(({ reply: [first = ""] }) => first);
      assert.ok(replies.some((reply) => reply.startsWith(`-ERR [${code}]`)));
    });
  }
});

/** The commands of a transcript; what is said within a SASL exchange is none. */
function said({ phases }: Transcript): Said[] {
  const commands: Said[] = [];
  let state: State = "AUTHORIZATION";
  let exchanging = false;
  for (const { turns } of phases) {
    for (const [i, turn] of turns.entries()) {
      if (turn.from === "server") continue;
      const line = turn.octets.toString("latin1").replace(/\r\n$/, "");
      const end = turns.findIndex((next, at) => at > i && next.from === "client");
      const reply = turns
        .slice(i + 1, end < 0 ? undefined : end)
        .map((next) => (next.from === "server" ? next.line : ""));
      const [first = ""] = reply;
      if (!exchanging) commands.push({ state, line, reply });
      const logsIn = exchanging || /^(?:PASS .*|AUTH \S+ \S+)$/is.test(line);
      if (logsIn && first.startsWith("+OK")) state = "TRANSACTION";
      exchanging = first.startsWith("+ ");
    }
  }
  return commands;
}

function kindOf({ state, line, reply: [first = ""] }: Said): Kind {
  if (!mayStandIn(state, verbOf(line))) return "wrong state";
  if (argumentsIn(state, line) === undefined) return "bad arguments";
  return first.startsWith("-ERR") ? "misuse" : "good use";
}
