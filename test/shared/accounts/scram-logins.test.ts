/** SCRAM as the authenticator has it: whose keys, when it is offered, and that nobody learns who exists. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Accounts, ScramKeys } from "../../../shared/accounts/account.js";
import { createAuthenticator } from "../../../shared/accounts/authenticator.js";
import { deriveScramKeys, hashScramSha256 } from "../../../shared/accounts/schemes/scram.js";
import { ListingChecker } from "../../fakes/password-checker.js";
import { accountsOf } from "./accounts.js";

const SALT = Buffer.from("twelve octet");
const SHA512 = "{SSHA512}";

function authenticatorOf(state: { accounts: Accounts }) {
  const checker = new ListingChecker();
  return createAuthenticator({ accounts: () => state.accounts, defaultDomain: "example.org", checker });
}

function fixed(passwords: Readonly<Record<string, string>>) {
  return authenticatorOf({ accounts: accountsOf(passwords) });
}

async function lookUp(logins: ReturnType<typeof fixed>, username: string) {
  const lookup = await logins.scramKeys(username);
  assert.ok(lookup.kind === "keys");
  return lookup;
}

/** What a client sees of keys. */
function seen({ iterations, salt }: ScramKeys) {
  return { iterations, salt: salt.toString("base64") };
}

const ssha512 = `${SHA512}${Buffer.alloc(72, 7).toString("base64")}`;

test("the keys of the accounts file, by any spelling of the name", async () => {
  const logins = fixed({ alice: hashScramSha256("secret", 5000, SALT) });
  const expected = await deriveScramKeys(Buffer.from("secret"), SALT, 5000);
  for (const username of ["alice", "ALICE@Example.ORG", "al\u00adice", "ａlice"]) {
    const { keys, account } = await lookUp(logins, username);
    assert.equal(account?.address, "alice@example.org", username);
    assert.deepEqual(keys, expected);
  }
});

test("keys of a password that is stored as it is, prepared as the client prepares it", async () => {
  const logins = fixed({ alice: "{PLAIN}u\u0308" });
  const { keys, account } = await lookUp(logins, "alice");
  assert.equal(account?.address, "alice@example.org");
  assert.deepEqual(keys, await deriveScramKeys(Buffer.from("ü"), keys.salt, 4096));
  assert.deepEqual(seen((await lookUp(logins, "alice")).keys), seen(keys), "the same salt again");
});

test("nobody's keys look like somebody's, are the same each time, and belong to no account", async () => {
  for (const [passwords, iterations, saltLength] of [
    [{ alice: hashScramSha256("secret", 5000, SALT) }, 5000, SALT.length],
    [{ alice: "{PLAIN}secret" }, 4096, 16],
    [{ locked: "!" }, 100_000, 16],
  ] as const) {
    const logins = fixed({ ...passwords, locked: "!" });
    const salts = new Set<string>();
    for (const username of ["nobody", "locked", "no.body@elsewhere.example", "al ice", "\u2028"]) {
      const { keys, account } = await lookUp(logins, username);
      assert.equal(account, undefined, username);
      assert.deepEqual([keys.iterations, keys.salt.length], [iterations, saltLength], username);
      assert.deepEqual(seen((await lookUp(logins, username)).keys), seen(keys));
      salts.add(keys.salt.toString("base64"));
    }
    assert.equal(salts.size, 5, "each name has a salt of its own");
    assert.ok(!salts.has(SALT.toString("base64")));
  }
});

test("salts of different lengths occur for nobody as they do for somebody", async () => {
  const logins = fixed({
    alice: hashScramSha256("a", 4096, SALT),
    bob: hashScramSha256("b", 4096, Buffer.alloc(16, 1)),
  });
  const lengths = new Set<number>();
  for (let i = 0; i < 64; i++) lengths.add((await lookUp(logins, `nobody${i}`)).keys.salt.length);
  assert.deepEqual([...lengths].sort(), [SALT.length, 16]);
});

test("it is offered while every password can do it, from one reading of the accounts to the next", () => {
  const state = { accounts: accountsOf({ alice: hashScramSha256("a", 4096), bob: "{PLAIN}b", locked: "!" }) };
  const logins = authenticatorOf(state);
  assert.equal(logins.takesScram, true);
  state.accounts = accountsOf({ alice: hashScramSha256("a", 4096), bob: ssha512 });
  assert.equal(logins.takesScram, false);
  state.accounts = accountsOf({ alice: hashScramSha256("a", 4096) });
  assert.equal(logins.takesScram, true);
});

test("who was led into it all the same, with a password that cannot do it, is nobody", async () => {
  const { keys, account } = await lookUp(fixed({ alice: ssha512 }), "alice");
  assert.equal(account, undefined);
  assert.equal(keys.iterations, 4096);
});

test("an account that is changed or removed after the look-up is not confirmed; one that has moved is as it is now", async () => {
  const stored = hashScramSha256("secret", 4096);
  const state = { accounts: accountsOf({ alice: stored }) };
  const logins = authenticatorOf(state);
  const { account } = await lookUp(logins, "alice");
  assert.ok(account);
  assert.deepEqual(logins.confirm(account), { kind: "granted", account });
  const moved = { ...account, home: "/elsewhere" };
  state.accounts = { size: 1, find: () => moved, all: () => [moved] };
  assert.deepEqual(logins.confirm(account), { kind: "granted", account: moved });
  state.accounts = accountsOf({ alice: hashScramSha256("secret", 4096) });
  assert.deepEqual(logins.confirm(account), { kind: "refused" });
  state.accounts = accountsOf({});
  assert.deepEqual(logins.confirm(account), { kind: "refused" });
});

test("accounts that cannot be had: nothing is offered, and nobody says wrong", async () => {
  const logins = createAuthenticator({
    accounts: () => assert.fail("as the test wants it"),
    defaultDomain: "example.org",
    checker: new ListingChecker(),
  });
  assert.equal(logins.takesScram, false);
  assert.equal((await logins.scramKeys("alice")).kind, "unavailable");
});
