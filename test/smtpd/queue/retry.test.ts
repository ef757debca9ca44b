import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { dueAt, nextAttempt, type RetryTimes } from "../../../smtpd/queue/retry.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const DEFAULT: RetryTimes = {
  intervals: [5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 40 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR],
  lifetime: 5 * DAY,
};
const ARRIVED = 1_763_769_600_000;

/** When the attempts of a message are that always fail at once, the first at its arrival. */
function attemptsOf(queueId: string, times: RetryTimes): number[] {
  const all = [ARRIVED];
  for (;;) {
    const now = all.at(-1) ?? 0;
    const next = nextAttempt(times, { queueId, arrivedAt: ARRIVED, attempts: all.length, now });
    if (next === undefined) return all;
    all.push(next);
  }
}

test("the intervals are those of the list, each up to an eighth longer; the last repeats", () => {
  const all = attemptsOf("01JDXK6M2W9QF0", DEFAULT);
  for (const [i, at] of all.slice(1, -1).entries()) {
    const interval = DEFAULT.intervals[Math.min(i, DEFAULT.intervals.length - 1)] ?? 0;
    const waited = at - (all[i] ?? 0);
    assert.ok(waited >= interval && waited <= interval * 1.125, `${i}: ${waited}`);
  }
  assert.ok(all.length > 20 && all.length < 40, String(all.length));
});

test("the last attempt is when the lifetime ends, whatever the list", () => {
  const interval = fc.integer({ min: 100, max: 3 * DAY });
  const times = fc.record({
    intervals: fc.array(interval, { minLength: 1, maxLength: 5 }),
    lifetime: fc.integer({ min: 100, max: 10_000 }),
  });
  fc.assert(
    fc.property(times, fc.string(), (these, queueId) => {
      const all = attemptsOf(queueId, these);
      assert.equal(all.at(-1), ARRIVED + these.lifetime);
      for (const [i, at] of all.slice(1).entries()) assert.ok(at > (all[i] ?? 0));
    }),
  );
});

test("an attempt that comes late, after a night without power, is the last one", () => {
  const facts = { queueId: "x", arrivedAt: ARRIVED, attempts: 2 };
  assert.equal(nextAttempt(DEFAULT, { ...facts, now: ARRIVED + 6 * DAY }), undefined);
  assert.equal(nextAttempt(DEFAULT, { ...facts, now: ARRIVED + 5 * DAY - 1 }), ARRIVED + 5 * DAY);
});

test("messages that are deferred together do not return together, and return at the same time after a restart", () => {
  const ids = Array.from({ length: 1000 }, (_, i) => `01JDXK6M2W${String(i).padStart(4, "0")}`);
  const wait = (queueId: string) =>
    (nextAttempt(DEFAULT, { queueId, arrivedAt: ARRIVED, attempts: 1, now: ARRIVED }) ?? 0) - ARRIVED;
  const waits = ids.map(wait);
  assert.deepEqual(waits, ids.map(wait));
  const perTenth = new Map<number, number>();
  for (const one of waits) {
    const tenth = Math.floor(((one - 5 * MINUTE) / (5 * MINUTE * 0.125)) * 10);
    perTenth.set(tenth, (perTenth.get(tenth) ?? 0) + 1);
  }
  for (let tenth = 0; tenth < 10; tenth++) {
    const share = perTenth.get(tenth) ?? 0;
    assert.ok(share > 50 && share < 150, `${share} in tenth ${tenth}`);
  }
});

test("a next attempt further away than any interval was set by a clock that was wrong", () => {
  assert.equal(dueAt(DEFAULT, ARRIVED + 4 * HOUR, ARRIVED), ARRIVED + 4 * HOUR);
  assert.equal(dueAt(DEFAULT, ARRIVED + 4.5 * HOUR, ARRIVED), ARRIVED + 4.5 * HOUR);
  assert.equal(dueAt(DEFAULT, ARRIVED + DAY, ARRIVED), ARRIVED);
  assert.equal(dueAt(DEFAULT, ARRIVED - DAY, ARRIVED), ARRIVED - DAY);
});
