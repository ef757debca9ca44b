/** Names that people log in by. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { addressOfLogin, addressOfUser } from "../../../shared/accounts/username.js";

for (const [name, address] of [
  ["alice", "alice@example.org"],
  ["ALICE", "alice@example.org"],
  ["alice@Example.NET", "alice@example.net"],
  ["alice@bücher.example", "alice@xn--bcher-kva.example"],
  // The same letter, composed and decomposed.
  ["zo\u00eb", "zo\u00eb@example.org"],
  ["zoe\u0308", "zo\u00eb@example.org"],
  ['"alice"', "alice@example.org"],
  ['"alice@home"', '"alice@home"@example.org'],
  ['"alice@home"@example.net', '"alice@home"@example.net'],
  ["", undefined],
  ["@", undefined],
  ["@example.org", undefined],
  ["alice@", undefined],
  ["alice@@example.org", undefined],
  ["alice@example.org@example.net", undefined],
  [" alice", undefined],
  ["alice ", undefined],
  ["alice\0", undefined],
  ["alice\r\nbob", undefined],
  ["alice\ufffd", undefined],
  ["\ud800", undefined],
  ["a".repeat(256), undefined],
  [`a@${"b".repeat(1_000_000)}`, undefined],
  ['"'.repeat(1_000_000), undefined],
] as const) {
  test(JSON.stringify(name.slice(0, 40)), () => assert.equal(addressOfUser(name, "example.org"), address));
}

describe("who logs in", () => {
  for (const [name, address] of [
    ["alice@Example.NET", "alice@example.net"],
    ["ａl\u00adice", "alice@example.org"],
    ["\u2168@example.net", "ix@example.net"],
    ["\ufb01", "\ufb01@example.org"],
    ["\ufb02", "fl@example.org"],
    // Right to left, in a domain that is not.
    ["\u05e9\u05dc@example.net", "\u05e9\u05dc@example.net"],
    ["\u05e91", undefined],
    ["a\u200eb", undefined],
    ["a\ue000b@example.net", undefined],
    ["\u00ad@example.net", undefined],
    ["@example.net", undefined],
    ["", undefined],
    ["\u00ad".repeat(1_000_000), undefined],
  ] as const) {
    test(JSON.stringify(name.slice(0, 40)), () => {
      const exists = (known: string) => known === "\ufb01@example.org";
      assert.equal(addressOfLogin(name, "example.org", exists), address);
    });
  }
});
