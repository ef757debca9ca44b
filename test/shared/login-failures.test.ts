import assert from "node:assert/strict";
import { test } from "node:test";
import { LoginFailures } from "../../shared/login-failures.js";

test("each further failure of an address waits twice as long, up to half a minute", () => {
  const failures = new LoginFailures(1000, () => 0);
  const waits = Array.from({ length: 7 }, () => failures.failed("192.0.2.1"));
  assert.deepEqual(waits, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  for (let i = 0; i < 2000; i++) failures.failed("192.0.2.1");
  assert.equal(failures.failed("192.0.2.1"), 30_000);
});

test("other addresses do not pay for it, and all of an IPv6 /64 do", () => {
  const failures = new LoginFailures(1000, () => 0);
  failures.failed("192.0.2.1");
  assert.equal(failures.failed("192.0.2.2"), 1000);
  failures.failed("2001:db8::1");
  assert.equal(failures.failed("2001:db8::2"), 2000);
  assert.equal(failures.failed("2001:db8:0:1::1"), 1000);
});

test("a success is a new start, and so is a quarter of an hour", () => {
  let now = 0;
  const failures = new LoginFailures(1000, () => now);
  failures.failed("192.0.2.1");
  failures.failed("192.0.2.1");
  failures.succeeded("192.0.2.1");
  assert.equal(failures.failed("192.0.2.1"), 1000);
  now += 15 * 60_000 - 1;
  assert.equal(failures.failed("192.0.2.1"), 2000);
  now += 15 * 60_000;
  assert.equal(failures.failed("192.0.2.1"), 1000);
});

test("no more than ten thousand addresses are remembered, the latest", () => {
  const failures = new LoginFailures(1000, () => 0);
  failures.failed("192.0.2.1");
  for (let i = 0; i < 9_999; i++) failures.failed(`10.0.${i >> 8}.${i & 255}`);
  assert.equal(failures.failed("192.0.2.1"), 2000, "still known");
  for (let i = 0; i < 10_000; i++) failures.failed(`10.1.${i >> 8}.${i & 255}`);
  assert.equal(failures.failed("192.0.2.1"), 1000, "forgotten");
});

test("a delay of nothing stays nothing", () => {
  const failures = new LoginFailures(0, () => 0);
  for (let i = 0; i < 5; i++) assert.equal(failures.failed("192.0.2.1"), 0);
});
