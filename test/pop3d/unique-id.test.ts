import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { uniqueIds } from "../../pop3d/unique-id.js";
import { parseName } from "../../shared/maildir/name.js";

test("a name's unique part is its unique-id, whatever fields and flags follow", () => {
  const unique = "1763769600.M123456P4711Q1.mail.example.org";
  const names = [unique, `${unique},S=5,W=6`, `${unique},S=5,W=6:2,`, `${unique},S=5,W=6,U=9:2,FS`];
  for (const name of names) assert.deepEqual(idsOf([name]), [unique]);
});

const HASHED: readonly [name: string, filename: string][] = [
  ["a unique part of 71 octets", "x".repeat(71)],
  ["a space", "a b"],
  ["an octet above 0x7E", "caf\xe9"],
  ["a control character", "a\x01b"],
  ["DEL", "a\x7f"],
  ["no unique part at all", ",S=5,W=6"],
];

for (const [name, filename] of HASHED) {
  test(`a hash stands for ${name}`, () => {
    const [id = ""] = idsOf([filename]);
    assert.match(id, /^[\x21-\x7e]{1,70}$/);
    assert.deepEqual(idsOf([`${filename}:2,FS`]), [id], "the flags do not change it");
    assert.notDeepEqual(idsOf([`${filename}x`]), [id]);
  });
}

test("fields that other programs add or take away do not change a hash, in whatever folder", () => {
  const unique = "x".repeat(71);
  const names = [unique, `${unique},S=5`, `${unique},S=5,W=6:2,`, `${unique},U=9:2,FS`];
  for (const folder of ["", ".Spam"]) {
    const ids = new Set(names.flatMap((name) => uniqueIds([parseName(name)], folder)));
    assert.equal(ids.size, 1);
  }
});

test("a unique part of 70 octets stands for itself", () => {
  assert.deepEqual(idsOf(["x".repeat(70)]), ["x".repeat(70)]);
});

test("messages that share a unique part have unique-ids of their own", () => {
  const ids = idsOf(["a,S=1", "b", "a,S=2"]);
  assert.equal(new Set(ids).size, 3);
  assert.equal(ids[1], "b");
  assert.deepEqual(idsOf(["a,S=2", "a,S=1"]), [ids[2], ids[0]], "in whatever order they are found");
});

test("the unique-ids of any maildrop are allowed, unique, and do not depend on their order", () => {
  const filename = fc.string({ unit: "binary-ascii", minLength: 1, maxLength: 80 });
  fc.assert(
    fc.property(fc.array(filename, { maxLength: 20 }), (filenames) => {
      const named = [
        ...new Map(filenames.map((name) => [parseName(name).identity, parseName(name)])).values(),
      ];
      const ids = uniqueIds(named);
      for (const id of ids) assert.match(id, /^[\x21-\x7e]{1,70}$/);
      assert.equal(new Set(ids).size, named.length);
      assert.deepEqual(uniqueIds([...named].reverse()), [...ids].reverse());
    }),
  );
});

function idsOf(filenames: readonly string[]): string[] {
  return uniqueIds(filenames.map((name) => parseName(name)));
}
