import assert from "node:assert/strict";
import { test } from "node:test";
import { Recent } from "../../shared/recent.js";

test("what was set is there for its lifetime, counted from the last time", () => {
  const recent = new Recent<string>({ entries: 10, lifetimeMs: 1000 });
  recent.set("a", "first", 0);
  assert.equal(recent.get("a", 999), "first");
  assert.equal(recent.get("a", 1000), undefined);
  recent.set("a", "second", 999);
  assert.equal(recent.get("a", 1998), "second");
  recent.delete("a");
  assert.equal(recent.get("a", 1998), undefined);
});

test("beyond so many, what was not set for longest goes, however often it was looked at", () => {
  const recent = new Recent<number>({ entries: 3, lifetimeMs: 1000 });
  for (const key of ["a", "b", "c", "a"]) recent.set(key, 1, 0);
  recent.get("b", 0);
  recent.set("d", 1, 0);
  assert.deepEqual(
    ["a", "b", "c", "d"].filter((key) => recent.get(key, 0) === 1),
    ["a", "c", "d"],
  );
});
