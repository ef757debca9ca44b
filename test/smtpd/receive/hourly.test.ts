import assert from "node:assert/strict";
import { test } from "node:test";
import { HourlyLimit } from "../../../smtpd/receive/hourly.js";

const MINUTE = 60_000;

function takes(limit: HourlyLimit, sender: string, times: number, now: number): number {
  let taken = 0;
  for (let i = 0; i < times; i++) if (limit.take(sender, now) !== "too many") taken++;
  return taken;
}

test("so many in an hour, and the last is told as such", () => {
  const limit = new HourlyLimit(3);
  const verdicts = [1, 2, 3, 4, 5].map(() => limit.take("alice", 0));
  assert.deepEqual(verdicts, ["taken", "taken", "last", "too many", "too many"]);
  assert.equal(limit.take("bob", 0), "taken");
});

test("the window slides: what was sent an hour ago counts no more, what was sent since does", () => {
  const limit = new HourlyLimit(10);
  assert.equal(takes(limit, "alice", 6, 0), 6);
  assert.equal(takes(limit, "alice", 9, 30 * MINUTE), 4);
  assert.equal(takes(limit, "alice", 1, 59 * MINUTE), 0);
  assert.equal(takes(limit, "alice", 9, 60 * MINUTE), 6);
  assert.equal(takes(limit, "alice", 9, 90 * MINUTE), 4);
});

test("never more than the limit in any hour, but for the last five minutes of it", () => {
  const limit = new HourlyLimit(60);
  const taken: number[] = [];
  for (let minute = 0; minute < 600; minute++)
    for (let i = 0; i < 7; i++) if (limit.take("alice", minute * MINUTE) !== "too many") taken.push(minute);
  for (let minute = 0; minute < 540; minute++)
    assert.ok(taken.filter((when) => when >= minute && when < minute + 55).length <= 60);
  assert.ok(taken.length >= 600);
});

test("no limit is no limit", () => {
  assert.equal(takes(new HourlyLimit(Number.POSITIVE_INFINITY), "alice", 5000, 0), 5000);
});
