/** As whom accounts may send. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Account } from "../../../shared/accounts/account.js";
import { maildirAt } from "../../../shared/maildir/maildir.js";
import { parseAliases } from "../../../smtpd/receive/aliases.js";
import type { Directory } from "../../../smtpd/receive/route.js";
import { maySendAs, wrongSendAs } from "../../../smtpd/receive/sender-rights.js";
import { mailboxOf } from "./receiver-site.js";

function account(address: string, sendAs?: string): Account {
  const extra = new Map(sendAs === undefined ? [] : [["userdb_send_as", sendAs]]);
  return { address, password: "", home: "/h", maildir: maildirAt("/h/Maildir"), extra };
}

const ACCOUNTS = new Map(
  [
    account("alice@us.example"),
    account("bob@us.example"),
    account("carol@us.example", "info@them.example,@lists.example,*@also.example,bob@us.example"),
    account("root@us.example", "*"),
  ].map((one) => [one.address, one]),
);

const DIRECTORY: Directory = {
  domains: new Set(["us.example", "catch.example"]),
  defaultDomain: "us.example",
  accounts: { size: ACCOUNTS.size, find: (address) => ACCOUNTS.get(address), all: () => ACCOUNTS.values() },
  aliases: parseAliases(
    [
      "sales: alice, bob",
      "all: sales",
      "bob: bob, alice",
      "away: someone@them.example",
      "both: alice, someone@them.example",
      "@catch.example: alice",
    ].join("\n"),
    "us.example",
  ).aliases,
};

const rows: readonly (readonly [who: string, as: string, may: boolean])[] = [
  ["alice", "alice@us.example", true],
  ["alice", "ALICE@US.example", true],
  ["alice", "alice+shop@us.example", true],
  ["alice", '"alice"@us.example', true],
  ["alice", "sales@us.example", true],
  ["alice", "sales+q3@us.example", true],
  ["alice", "all@us.example", true],
  ["alice", "both@us.example", true],
  ["alice", "whoever@catch.example", true],
  ["alice", "away@us.example", false],
  // An alias that copies bob's mail to alice.
  ["alice", "bob@us.example", false],
  ["alice", "bob+x@us.example", false],
  ["alice", "carol@us.example", false],
  ["alice", "nobody@us.example", false],
  ["alice", "alice@them.example", false],
  ["alice", "alice@sub.us.example", false],
  ["alice", "alice@[192.0.2.1]", false],
  ["alice", "alice%us.example@them.example", false],
  ["alice", '"alice@us.example"@us.example', false],
  ["bob", "bob@us.example", true],
  ["bob", "sales@us.example", true],
  ["bob", "alice@us.example", false],
  ["carol", "info@them.example", true],
  ["carol", "info+x@them.example", true],
  ["carol", "other@them.example", false],
  ["carol", "any@lists.example", true],
  ["carol", "any@sub.lists.example", false],
  ["carol", "any@also.example", true],
  ["carol", "bob@us.example", true],
  ["carol", "alice@us.example", false],
  ["root", "alice@us.example", true],
  ["root", "anyone@anywhere.example", true],
];
for (const [who, as, may] of rows)
  test(`${who} ${may ? "may" : "may not"} send as ${as}`, () => {
    const sender = ACCOUNTS.get(`${who}@us.example`);
    assert.ok(sender);
    assert.equal(maySendAs(sender, mailboxOf(as), DIRECTORY), may);
  });

test("what is wrong with the field is told", () => {
  for (const [value, wrong] of [
    ["a@us.example,@us.example,*@us.example,*", 0],
    ["a", 1],
    ["@", 1],
    ["a@us.example,,b@us.example", 1],
    ["*.us.example,a b@us.example", 2],
  ] as const)
    assert.equal(wrongSendAs(new Map([["userdb_send_as", value]])).length, wrong, value);
  assert.deepEqual(wrongSendAs(new Map()), []);
});
