import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type AssignedId, assignUniqueIds, recallUniqueIds } from "../../pop3d/assign-unique-ids.js";
import { parseName } from "../../shared/maildir/name.js";

test("what was given out before prevails, then the former server's, then our own", () => {
  const ids = assigned(["1.a", "2.b", "3.c"], { "1.a": "kept" }, { "1.a": "other", "2.b": "theirs" });
  assert.deepEqual(ids, [
    { uniqueId: "kept", source: "remembered" },
    { uniqueId: "theirs", source: "courier" },
    { uniqueId: "3.c", source: "own" },
  ]);
});

test("a hash stands for what cannot be sent", () => {
  for (const bad of ["", "a b", "caf\xe9", "x".repeat(71), "a\n"]) {
    const [id] = assigned(["1.a"], {}, { "1.a": bad });
    assert.match(id?.uniqueId ?? "", /^[\w-]{43}$/);
    assert.deepEqual([id?.source, id?.notKept], ["own", bad]);
  }
});

test("of messages that would have one unique-id, none takes it", () => {
  const ids = assigned(["1.a", "2.b", "same"], {}, { "1.a": "same", "2.b": "same" });
  assert.equal(new Set(ids.map(({ uniqueId }) => uniqueId)).size, 3);
  for (const { uniqueId, notKept } of ids) assert.deepEqual([uniqueId.length, notKept], [43, "same"]);
});

test("but one that has had it keeps it", () => {
  const [first, second] = assigned(["1.a", "2.b"], { "1.a": "same" }, { "2.b": "same" });
  assert.deepEqual(first, { uniqueId: "same", source: "remembered" });
  assert.equal(second?.notKept, "same");
});

test("a message is the same when fields of its name have been taken away or changed, as long as it is clear which", () => {
  const before = { "1.a,S=5": "a", "2.b,S=5": "b", "2.b,S=6": "c", "3.c": "d" };
  const ids = assigned(["1.a", "2.b", "3.c", "3.c,S=1"], before, {});
  assert.deepEqual(ids.map(({ source }) => source), ["remembered", "own", "remembered", "own"]); // biome-ignore format: a row
  assert.deepEqual([ids[0]?.uniqueId, ids[2]?.uniqueId], ["a", "d"]);
  assert.equal(assigned(["1.a,W=9"], before, {})[0]?.uniqueId, "a");
});

test("in any maildrop unique-ids are allowed and unique, and stay while messages and lists come and go", () => {
  const word = fc.constantFrom("a", "b", "c", "a,S=1", "a,S=2", "b,U=1", "d e", "f\xe9");
  const id = fc.constantFrom("a", "b", "x", "y", "z z", "", "x".repeat(80));
  const step = fc.record({ names: fc.uniqueArray(word), list: fc.dictionary(word, id) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 6 }), (steps) => {
      let remembered = new Map<string, string>();
      for (const { names, list } of steps) {
        const named = new Map(names.map((name) => [parseName(name).identity, name]));
        const ids = assigned([...named.values()], Object.fromEntries(remembered), list);
        const now = new Map([...named.keys()].map((identity, i) => [identity, ids[i]?.uniqueId ?? ""]));
        for (const uniqueId of now.values()) assert.match(uniqueId, /^[!-~]{1,70}$/);
        assert.equal(new Set(now.values()).size, now.size);
        for (const [identity, uniqueId] of remembered) {
          if (now.has(identity)) assert.equal(now.get(identity), uniqueId);
        }
        remembered = now;
      }
    }),
  );
});

function assigned(
  filenames: readonly string[],
  remembered: Readonly<Record<string, string>>,
  list: Readonly<Record<string, string>>,
): AssignedId[] {
  const messages = filenames.map((filename) => ({ filename, ...parseName(filename) }));
  const recalled = recallUniqueIds(messages, new Map(Object.entries(remembered)));
  return assignUniqueIds(messages, recalled, (filename) => {
    const uniqueId = list[filename];
    return uniqueId === undefined ? undefined : { uniqueId, source: "courier" };
  });
}
