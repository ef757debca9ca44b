/** Names that people log in by. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOfUser } from "../../../shared/accounts/username.js";

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
