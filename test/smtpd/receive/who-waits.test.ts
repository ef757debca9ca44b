import assert from "node:assert/strict";
import { test } from "node:test";
import { type Group, isAccepted, whoWaits } from "../../../smtpd/receive/who-waits.js";

const group = (accounts: string, queued = false): Group => ({ accounts: [...accounts], queued });

/** Groups of accounts of one letter; `*` for one with somebody in the queue anyhow. */
const rows: readonly (readonly [
  groups: readonly string[],
  failed: string,
  waiting: string,
  accepted: string,
])[] = [
  [["abc"], "", "", "y"],
  [["abc"], "b", "b", "y"],
  [["abc"], "abc", "", "n"],
  [["abc*"], "abc", "abc", "y"],
  [["*"], "", "", "y"],
  [["a", "b"], "b", "", "yn"],
  [["a", "ab"], "a", "a", "yy"],
  [["ab", "bc", "cd", "e"], "bcde", "bcd", "yyyn"],
  [["cd", "bc", "ab"], "bcd", "bcd", "yyy"],
];

for (const [groups, failed, waiting, accepted] of rows)
  test(`${groups.join(" ")} without ${failed || "nobody"}`, () => {
    const all = groups.map((text) => group(text.replace("*", ""), text.endsWith("*")));
    const without = new Set(failed);
    const found = whoWaits(all, without);
    assert.equal([...found].sort().join(""), waiting);
    assert.equal(all.map((one) => (isAccepted(one, without, found) ? "y" : "n")).join(""), accepted);
  });
