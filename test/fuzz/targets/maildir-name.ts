/** File names in a Maildir, of any octets: "/" parts them in the input, as it cannot stand in one. */
import assert from "node:assert/strict";
import { uniqueIds } from "../../../pop3d/unique-id.js";
import { compareNames, formatBaseName, parseName, pathOf, withFlags } from "../../../shared/maildir/name.js";
import type { Target } from "../target.js";

/** What one name may have; Maildirs of more names would only take longer. */
const NAME_OCTETS_MAX = 255;
const NAMES_MAX = 12;

export const maildirName: Target = {
  name: "maildir-name",
  tokens: [
    "/",
    ",S=12",
    ",W=13",
    ",U=7",
    ":2,",
    ":2,S",
    ":2,FS",
    ":1,x",
    "1763769600.M1P2Q3.host",
    ",",
    ":",
    ";2,",
    "!2,",
  ],
  check: (octets) => {
    const names = octets
      .toString("latin1")
      .replaceAll("\0", "")
      .split("/")
      .filter((name) => name !== "")
      .map((name) => name.slice(0, NAME_OCTETS_MAX))
      .slice(0, NAMES_MAX);
    for (const name of names) checkName(name);
    checkOrder(names);
    checkUniqueIds(names);
  },
};

function checkName(name: string): void {
  const read = parseName(name);
  const { unique, identity, size, wireSize, flags } = read;
  assert.ok(name.startsWith(unique) && identity.startsWith(unique) && !/[,:]/.test(unique));
  assert.ok(!/,U=\d+(?:,|$)/.test(identity), "mbsync's field in an identity");
  for (const octets of [size, wireSize]) assert.ok(octets === undefined || Number.isSafeInteger(octets));

  const seen = withFlags(name, "S");
  assert.equal(withFlags(seen, "S"), seen);
  assert.deepEqual({ ...parseName(seen), flags }, read, "flags change nothing but flags");
  const versioned = /^[^:]*(?:$|:2,)/.test(name);
  const sorted = [...new Set(`${flags}S`)].sort().join("");
  assert.equal(parseName(seen).flags, versioned ? sorted : "");
  assert.equal(parseName(identity).identity, identity);

  if (unique !== "" && size !== undefined && wireSize !== undefined) {
    const again = parseName(formatBaseName(unique, size, wireSize));
    assert.deepEqual([again.unique, again.size, again.wireSize], [unique, size, wireSize]);
  }
  const path = pathOf("/d", name);
  assert.equal((typeof path === "string" ? Buffer.from(path) : path).toString("latin1"), `/d/${name}`);
}

/** An order: of two names one way or the other, and no circle. */
function checkOrder(names: readonly string[]): void {
  for (const a of names) {
    for (const b of names) {
      assert.ok(compareNames(a, b) === -compareNames(b, a), `${a} and ${b}`);
      for (const c of names) {
        if (compareNames(a, b) <= 0 && compareNames(b, c) <= 0) assert.ok(compareNames(a, c) <= 0);
      }
    }
  }
}

function checkUniqueIds(names: readonly string[]): void {
  const messages = [...new Map(names.map((name) => [parseName(name).identity, parseName(name)])).values()];
  for (const folder of ["", ".Spam"]) {
    const ids = uniqueIds(messages, folder);
    for (const id of ids) assert.match(id, /^[\x21-\x7e]{1,70}$/);
    assert.equal(new Set(ids).size, messages.length, "two messages, two unique-ids");
    assert.deepEqual(uniqueIds(messages.toReversed(), folder).reverse(), ids, "in any order");
    const flagged = messages.map(({ identity }) => parseName(`${identity}:2,FS`));
    assert.deepEqual(uniqueIds(flagged, folder), ids, "with any flags");
  }
}
