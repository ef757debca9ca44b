/** What the cache of logins keeps, and for how long. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LoginCache } from "../../../shared/accounts/login-cache.js";

const MINUTE_MS = 60_000;

test("a login is kept for a minute from its check, however often it is used", () => {
  const cache = new LoginCache();
  const name = cache.nameOf("alice@example.org", "{PLAIN}x", "x");
  assert.equal(cache.has(name, 0), false);
  cache.add(name, 1000);
  assert.equal(cache.has(name, 1000), true);
  assert.equal(cache.has(name, 1000 + MINUTE_MS - 1), true);
  assert.equal(cache.has(name, 1000 + MINUTE_MS), false);
});

test("each part of a login makes it another, and each process has names of its own", () => {
  const cache = new LoginCache();
  const names = [
    cache.nameOf("alice@example.org", "{PLAIN}x", "x"),
    cache.nameOf("alicf@example.org", "{PLAIN}x", "x"),
    cache.nameOf("alice@example.org", "{PLAIN}y", "x"),
    cache.nameOf("alice@example.org", "{PLAIN}x", "y"),
    cache.nameOf("alice@example.org", "{PLAIN}", "xx"),
    new LoginCache().nameOf("alice@example.org", "{PLAIN}x", "x"),
  ];
  assert.equal(new Set(names).size, names.length);
  assert.equal(names[0], cache.nameOf("alice@example.org", "{PLAIN}x", "x"));
});

test("the number of logins is bounded; the oldest go first", () => {
  const cache = new LoginCache();
  for (let i = 0; i < 20_000; i++) cache.add(`${i}`, i / 1000);
  const kept = Array.from({ length: 20_000 }, (_, i) => i).filter((i) => cache.has(`${i}`, 20));
  assert.equal(kept.length, 10_000);
  assert.equal(kept[0], 10_000);
});
