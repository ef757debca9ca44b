import assert from "node:assert/strict";
import { test } from "node:test";
import { LoginFailures } from "../../shared/login-failures.js";

const DAY_MS = 86_400_000;

/** `count` addresses that nobody has come from. */
function* strangers(count: number): Generator<string> {
  for (let i = 0; i < count; i++) yield `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
}

test("each further failure of an address waits twice as long, up to half a minute", () => {
  const failures = new LoginFailures(1000, () => 0);
  const waits = Array.from({ length: 7 }, () => failures.failed("192.0.2.1", undefined));
  assert.deepEqual(waits, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  for (let i = 0; i < 2000; i++) failures.failed("192.0.2.1", undefined);
  assert.equal(failures.failed("192.0.2.1", undefined), 30_000);
});

test("other addresses do not pay for it, and all of an IPv6 /64 do", () => {
  const failures = new LoginFailures(1000, () => 0);
  failures.failed("192.0.2.1", undefined);
  assert.equal(failures.failed("192.0.2.2", undefined), 1000);
  failures.failed("2001:db8::1", undefined);
  assert.equal(failures.failed("2001:db8::2", undefined), 2000);
  assert.equal(failures.failed("2001:db8:0:1::1", undefined), 1000);
});

test("one's own success is a new start, and so is a quarter of an hour", () => {
  let now = 0;
  const failures = new LoginFailures(1000, () => now);
  failures.failed("192.0.2.1", "alice@x");
  failures.failed("192.0.2.1", "alice@x");
  failures.succeeded("192.0.2.1", "alice@x");
  assert.equal(failures.failed("192.0.2.1", "alice@x"), 1000);
  now += 15 * 60_000 - 1;
  assert.equal(failures.failed("192.0.2.1", "alice@x"), 2000);
  now += 15 * 60_000;
  assert.equal(failures.failed("192.0.2.1", "alice@x"), 1000);
});

test("a success does not pay for guesses at others", () => {
  for (const guesses of [["alice@x"], ["mallory@x", "alice@x"], ["alice@x", "mallory@x"], [undefined]]) {
    const failures = new LoginFailures(1000, () => 0);
    for (const name of guesses) failures.failed("192.0.2.1", name);
    failures.succeeded("192.0.2.1", "mallory@x");
    assert.equal(failures.failed("192.0.2.1", "mallory@x"), 1000 * 2 ** guesses.length, String(guesses));
  }
});

test("guesses at one name from everywhere wait longer and longer", () => {
  const failures = new LoginFailures(1000, () => 0);
  const waits = [...strangers(7)].map((address) => failures.failed(address, "alice@x"));
  assert.deepEqual(waits, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  assert.equal(failures.failed("192.0.2.1", "bob@x"), 1000, "another name");
});

test("nobody else's failures slow down a user where he has logged in before", () => {
  const failures = new LoginFailures(1000, () => 0);
  failures.succeeded("192.0.2.1", "alice@x");
  failures.succeeded("2001:db8::1", "alice@x");
  for (const address of strangers(100)) failures.failed(address, "alice@x");
  for (const home of ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::2"]) {
    assert.equal(failures.waitBefore(home, "alice@x"), 0, home);
  }
  assert.equal(failures.failed("192.0.2.1", "alice@x"), 1000);
  assert.ok(failures.waitBefore("192.0.2.2", "alice@x") > 0);
  assert.ok(failures.waitBefore("192.0.2.1", "alice@y") === 0, "and no other name is slowed");
  failures.succeeded("192.0.2.1", "bob@x");
  for (const address of strangers(100)) failures.failed(address, "carol@x");
  assert.ok(failures.waitBefore("192.0.2.1", "carol@x") > 0, "another user's address is none of one's own");
});

test("nor does an old password at home slow down the user elsewhere", () => {
  const failures = new LoginFailures(1000, () => 0);
  failures.succeeded("192.0.2.1", "alice@x");
  for (let i = 0; i < 100; i++) failures.failed("192.0.2.1", "alice@x");
  assert.equal(failures.waitBefore("192.0.2.2", "alice@x"), 0);
  assert.equal(failures.failed("192.0.2.2", "alice@x"), 1000);
});

test("a success during an attack ends it for that address alone", () => {
  const failures = new LoginFailures(1000, () => 0);
  for (const address of strangers(100)) failures.failed(address, "alice@x");
  failures.succeeded("192.0.2.1", "alice@x");
  assert.equal(failures.waitBefore("192.0.2.1", "alice@x"), 0);
  assert.ok(failures.waitBefore("192.0.2.2", "alice@x") > 0);
});

test("a check waits only for a name under attack, for seconds, and until it is quiet", () => {
  let now = 0;
  const failures = new LoginFailures(1000, () => now);
  for (const address of strangers(9)) failures.failed(address, "alice@x");
  assert.equal(failures.waitBefore("192.0.2.1", "alice@x"), 0);
  for (const address of strangers(1000)) failures.failed(address, "alice@x");
  assert.equal(failures.waitBefore("192.0.2.1", "alice@x"), 4000);
  now += 15 * 60_000;
  assert.equal(failures.waitBefore("192.0.2.1", "alice@x"), 0);
});

test("an address stays known for weeks, and not for ever", () => {
  let now = 0;
  const failures = new LoginFailures(1000, () => now);
  const underAttack = () => {
    for (const address of strangers(20)) failures.failed(address, "alice@x");
    return failures.waitBefore("192.0.2.1", "alice@x") > 0;
  };
  failures.succeeded("192.0.2.1", "alice@x");
  now += 30 * DAY_MS;
  assert.equal(underAttack(), false);
  now += 31 * DAY_MS;
  assert.equal(underAttack(), true);
});

test("no more than ten thousand addresses and names are remembered, the latest", () => {
  const failures = new LoginFailures(1000, () => 0);
  failures.failed("192.0.2.1", undefined);
  for (const address of strangers(9_999)) failures.failed(address, undefined);
  assert.equal(failures.failed("192.0.2.1", undefined), 2000, "still known");
  for (const address of strangers(10_000)) failures.failed(address, undefined);
  assert.equal(failures.failed("192.0.2.1", undefined), 1000, "forgotten");

  failures.failed("192.0.2.2", "alice@x");
  for (const address of strangers(10_000)) failures.failed(address, `${address}@x`);
  assert.equal(failures.failed("192.0.2.3", "alice@x"), 1000, "forgotten, too");
});

test("so are a user's addresses: who has an account cannot make us forget those of others", () => {
  const failures = new LoginFailures(1000, () => 0);
  failures.succeeded("192.0.2.1", "alice@x");
  failures.succeeded("192.0.2.1", "mallory@x");
  for (const address of strangers(100_000)) failures.succeeded(address, "mallory@x");
  for (const name of ["alice@x", "mallory@x"]) {
    for (const address of strangers(20)) failures.failed(`2001:db8:${address.split(".")[3]}::1`, name);
  }
  assert.equal(failures.waitBefore("192.0.2.1", "alice@x"), 0);
  assert.ok(failures.waitBefore("192.0.2.1", "mallory@x") > 0);
});

test("a delay of nothing stays nothing", () => {
  const failures = new LoginFailures(0, () => 0);
  for (let i = 0; i < 2000; i++) assert.equal(failures.failed("192.0.2.1", "alice@x"), 0);
  assert.equal(failures.waitBefore("192.0.2.2", "alice@x"), 0);
});
