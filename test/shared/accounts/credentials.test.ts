/** Stand-ins for unknown users: settings that are in use, as often as they are, the same for a name each time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Account, Accounts } from "../../../shared/accounts/account.js";
import { Credentials } from "../../../shared/accounts/credentials.js";
import { hashScramSha256 } from "../../../shared/accounts/schemes/scram.js";
import { maildirAt } from "../../../shared/maildir/maildir.js";

const KEY = Buffer.alloc(32, 7);
const CHEAP = hashScramSha256("x", 4096);
const COSTLY = hashScramSha256("x", 8192);

/** Accounts `0@x`, `1@x` … with these password fields. */
function accountsOf(passwords: readonly string[]): Accounts {
  const accounts = passwords.map((password, i): Account => {
    return { address: `${i}@x`, password, home: "/x", maildir: maildirAt("/x/Maildir"), extra: new Map() };
  });
  return { size: accounts.length, find: () => undefined, all: () => accounts };
}

const UNKNOWN = Array.from({ length: 2000 }, (_, i) => `unknown${i}@x`);

test("an account's own password field", () => {
  const credentials = new Credentials(accountsOf([CHEAP, "*", COSTLY]));
  assert.deepEqual(credentials.fieldFor("0@x", KEY), { stored: CHEAP, own: true });
  assert.deepEqual(credentials.fieldFor("2@x", KEY), { stored: COSTLY, own: true });
  assert.equal(credentials.fieldFor("1@x", KEY).own, false);
});

test("unknown names have the settings of the file in the same proportion", () => {
  const passwords = Array.from({ length: 100 }, (_, i) => (i % 10 === 0 ? COSTLY : CHEAP));
  const credentials = new Credentials(accountsOf(passwords));
  const fields = UNKNOWN.map((name) => credentials.fieldFor(name, KEY));
  assert.ok(fields.every(({ own }) => !own));
  const costly = fields.filter(({ stored }) => stored === COSTLY).length;
  assert.ok(costly > UNKNOWN.length * 0.07 && costly < UNKNOWN.length * 0.13, `${costly}`);
  assert.equal(fields.filter(({ stored }) => stored === CHEAP).length, UNKNOWN.length - costly);
});

test("a name keeps its settings when accounts are read again, and nearly all do when there is one more", () => {
  const passwords = Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? COSTLY : CHEAP));
  const before = new Credentials(accountsOf(passwords));
  const again = new Credentials(accountsOf([...passwords].reverse()));
  const more = new Credentials(accountsOf([...passwords, COSTLY]));
  const differs = (other: Credentials) =>
    UNKNOWN.filter((name) => other.fieldFor(name, KEY).stored !== before.fieldFor(name, KEY).stored).length;
  assert.equal(differs(again), 0);
  assert.ok(differs(more) < UNKNOWN.length * 0.02, `${differs(more)}`);
});

test("without the key nobody can tell which", () => {
  const passwords = [COSTLY, CHEAP];
  const credentials = new Credentials(accountsOf(passwords));
  const other = Buffer.alloc(32, 8);
  const differs = (name: string) =>
    credentials.fieldFor(name, KEY).stored !== credentials.fieldFor(name, other).stored;
  assert.ok(UNKNOWN.some(differs));
});
