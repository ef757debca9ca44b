/** Where forward-paths lead; above all, that no spelling leads out of our domains. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Account } from "../../../shared/accounts/account.js";
import { parseMailbox } from "../../../shared/address.js";
import { maildirAt } from "../../../shared/maildir/maildir.js";
import { parseAliases } from "../../../smtpd/receive/aliases.js";
import { type Directory, type Route, route } from "../../../smtpd/receive/route.js";

function directory(addresses: readonly string[], aliasText = ""): Directory {
  const accounts = new Map(
    addresses.map((address): [string, Account] => [
      address,
      {
        address,
        password: "{PLAIN}x",
        home: `/h/${address}`,
        maildir: maildirAt(`/h/${address}/Maildir`),
        extra: new Map(),
      },
    ]),
  );
  const { aliases, errors } = parseAliases(aliasText, "us.example");
  assert.deepEqual(errors, []);
  return {
    domains: new Set(["us.example", "also.example"]),
    defaultDomain: "us.example",
    accounts: { size: accounts.size, find: (address) => accounts.get(address), all: () => accounts.values() },
    aliases,
  };
}

function way(address: string, of: Directory, localAddress = "192.0.2.1"): string {
  const mailbox = parseMailbox(address);
  assert.ok(mailbox, `${address} is an address`);
  return told(route(mailbox, localAddress, of));
}

function told(found: Route): string {
  return found.kind === "local" ? found.accounts.map(({ address }) => address).join(" ") : found.kind;
}

const people = directory(
  ["alice@us.example", "bob@us.example", "carol+x@us.example", "postmaster@also.example"],
  [
    "sales: alice, bob",
    "all@us.example: sales, carol+x@us.example",
    "keep: bob, keep",
    "bob: bob, alice",
    "out@us.example: someone@them.example, alice",
    "dangling: nobody",
    "half: nobody, alice",
    "@also.example: alice",
  ].join("\n"),
);

const ways: readonly (readonly [string, string])[] = [
  ["alice@us.example", "alice@us.example"],
  ["ALICE@US.EXAMPLE", "alice@us.example"],
  ["alice+lists@us.example", "alice@us.example"],
  ["carol+x@us.example", "carol+x@us.example"],
  ["carol@us.example", "unknown"],
  ["sales+q3@us.example", "alice@us.example bob@us.example"],
  ["all@us.example", "alice@us.example bob@us.example carol+x@us.example"],
  ["bob@us.example", "bob@us.example alice@us.example"],
  ["out@us.example", "forwarded"],
  ["dangling@us.example", "unknown"],
  ["half@us.example", "alice@us.example"],
  ["whoever@also.example", "alice@us.example"],
  ["postmaster@also.example", "postmaster@also.example"],
  ["nobody@us.example", "unknown"],
  // Spellings that have fooled relays.
  ["u%them.example@us.example", "unknown"],
  ["them.example!u@us.example", "unknown"],
  ['"u@them.example"@us.example', "unknown"],
  ["@us.example:u@them.example".replace(/^@[^:]+:/, ""), "remote"],
  ["u@them.example", "remote"],
  ["u@sub.us.example", "remote"],
  ["u@us.example.them.example", "remote"],
  ["alice@[192.0.2.1]", "alice@us.example"],
  ["u@[192.0.2.1]", "unknown"],
  ["u@[192.0.2.2]", "remote"],
  ["alice@[IPv6:2001:db8::1]", "remote"],
  ['"alice"@us.example', "alice@us.example"],
  ['"../../etc/passwd"@us.example', "unknown"],
];
for (const [address, expected] of ways) {
  test(`${address} → ${expected}`, () => assert.equal(way(address, people), expected));
}

test("an alias tells which of its targets do not exist", () => {
  const mailbox = parseMailbox("half@us.example");
  assert.ok(mailbox);
  const found = route(mailbox, "", people);
  assert.ok(found.kind === "local");
  assert.deepEqual(found.missing, [{ localPart: "nobody", domain: "us.example" }]);
});

test("a catch-all whose target does not exist ends, and is unknown", () => {
  assert.equal(way("x@us.example", directory([], "@us.example: nobody")), "unknown");
});
