/** What the cache of logins keeps, and for how long. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LoginCache } from "../../../shared/accounts/login-cache.js";

const MINUTE_MS = 60_000;

test("a login is kept for a minute from its check, however often it is used", () => {
  const cache = new LoginCache<string>();
  const name = cache.nameOf("alice@example.org", "{PLAIN}x", "x");
  assert.equal(cache.get(name, 0), undefined);
  cache.add(name, "known", 1000);
  assert.equal(cache.get(name, 1000), "known");
  assert.equal(cache.get(name, 1000 + MINUTE_MS - 1), "known");
  assert.equal(cache.get(name, 1000 + MINUTE_MS), undefined);
});

test("or for less, where it must", () => {
  const cache = new LoginCache<string>();
  cache.add("brief", "known", 1000, 1010);
  cache.add("long", "known", 1000, 1000 + 2 * MINUTE_MS);
  assert.equal(cache.get("brief", 1009), "known");
  assert.equal(cache.get("brief", 1010), undefined);
  assert.equal(cache.get("long", 1000 + MINUTE_MS), undefined);
});

test("each part of a login makes it another, and each process has names of its own", () => {
  const cache = new LoginCache<string>();
  const names = [
    cache.nameOf("alice@example.org", "{PLAIN}x", "x"),
    cache.nameOf("alicf@example.org", "{PLAIN}x", "x"),
    cache.nameOf("alice@example.org", "{PLAIN}y", "x"),
    cache.nameOf("alice@example.org", "{PLAIN}x", "y"),
    cache.nameOf("alice@example.org", "{PLAIN}", "xx"),
    new LoginCache<string>().nameOf("alice@example.org", "{PLAIN}x", "x"),
  ];
  assert.equal(new Set(names).size, names.length);
  assert.equal(names[0], cache.nameOf("alice@example.org", "{PLAIN}x", "x"));
});

test("the number of logins is bounded; the oldest go first", () => {
  const cache = new LoginCache<string>();
  for (let i = 0; i < 20_000; i++) cache.add(`${i}`, "known", i / 1000);
  const kept = Array.from({ length: 20_000 }, (_, i) => i).filter((i) => cache.get(`${i}`, 20) !== undefined);
  assert.equal(kept.length, 10_000);
  assert.equal(kept[0], 10_000);
});
