import assert from "node:assert/strict";
import { test } from "node:test";
import { Mistakes } from "../../pop3d/mistakes.js";
import { Session } from "../../pop3d/session.js";
import { RULES } from "./session-rules.js";

test("five cost nothing, then each waits twice as long as the one before, up to a bound", () => {
  const mistakes = new Mistakes({ most: 20, delayMs: 1000 });
  const delays = Array.from({ length: 20 }, () => mistakes.add().delayMs);
  assert.deepEqual(delays.slice(0, 10), [0, 0, 0, 0, 0, 1000, 2000, 4000, 8000, 8000]);
  assert.deepEqual(new Set(delays.slice(10)), new Set([8000]));
});

test("the last one is told, and told again", () => {
  const mistakes = new Mistakes({ most: 3, delayMs: 1000 });
  assert.deepEqual(
    Array.from({ length: 4 }, () => mistakes.add().last),
    [false, false, true, true],
  );
});

test("the reply to a mistake that waits comes after the pause, the last one with the end of the session", () => {
  const session = new Session({ ...RULES, mistakes: { most: 7, delayMs: 1000 } });
  const mistake = () => session.step({ kind: "line", octets: Buffer.from("XYZZY") });
  for (let n = 1; n <= 5; n++) assert.equal(mistake().replies.length, 1);
  for (const [milliseconds, effect] of [
    [1000, undefined],
    [2000, { kind: "close", reason: "too many errors" }],
  ] as const) {
    assert.deepEqual(mistake(), { replies: [], effect: { kind: "pause", milliseconds } });
    const step = session.step({ kind: "pause" });
    assert.deepEqual([step.replies.length, step.effect], [1, effect]);
  }
});

test("without a delay there is none, however many there are", () => {
  const mistakes = new Mistakes({ most: 10_000, delayMs: 0 });
  for (let n = 1; n < 10_000; n++) assert.deepEqual(mistakes.add(), { delayMs: 0, last: false });
});

test("what is refused and logged each time counts as well, so that nobody fills the log", () => {
  const mistakes = { most: 3, delayMs: 0 };
  const refused = new Session({ ...RULES, plaintextAuth: false, mistakes });
  const user = () => refused.step({ kind: "line", octets: Buffer.from("USER alice") });
  const cannotCheck = new Session({ ...RULES, plaintextAuth: true, mistakes });
  const pass = () => {
    for (const line of ["USER alice", "PASS a"])
      cannotCheck.step({ kind: "line", octets: Buffer.from(line) });
    const checked = { kind: "unavailable", cause: "no reason" } as const;
    return cannotCheck.step({ kind: "authenticate", checked });
  };
  for (const ask of [user, pass]) {
    const effects = [ask(), ask(), ask()].map(({ effect }) => effect);
    assert.deepEqual(effects, [undefined, undefined, { kind: "close", reason: "too many errors" }]);
  }
});
