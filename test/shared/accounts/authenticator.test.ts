/** Logins: who is granted, that nobody learns who exists, and that the cache remembers nothing that it should not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createAuthenticator, PASSWORD_OCTETS_MAX } from "../../../shared/accounts/authenticator.js";
import { hashScramSha256, SCRAM_ITERATIONS } from "../../../shared/accounts/schemes/scram.js";
import { ListingChecker } from "../../fakes/password-checker.js";
import { accountsOf } from "./accounts.js";

const SCRAM = "SCRAM-SHA-256 4096";

/** A site with the accounts alice and bob, whose passwords are their names, and locked, who has none. */
function site() {
  const scram = (password: string) => hashScramSha256(password, 4096);
  const state = { accounts: accountsOf({ alice: scram("alice"), bob: scram("bob"), locked: "*" }) };
  const checker = new ListingChecker();
  const logins = createAuthenticator({
    accounts: () => state.accounts,
    defaultDomain: "example.org",
    checker,
  });
  const kind = async (username: string, password: string) =>
    (await logins.authenticate(username, password)).kind;
  return { state, checker, logins, kind };
}

test("by address and by bare name, in any case", async () => {
  const { logins } = site();
  for (const username of ["alice", "ALICE", "alice@example.org", "Alice@Example.ORG"]) {
    const verdict = await logins.authenticate(username, "alice");
    assert.ok(verdict.kind === "granted", username);
    assert.equal(verdict.account.address, "alice@example.org");
  }
});

test("with the real threads", async (t) => {
  const accounts = accountsOf({ alice: hashScramSha256(" gehäim ") });
  const logins = createAuthenticator({ accounts: () => accounts, defaultDomain: "example.org" });
  t.after(() => logins.close());
  assert.equal((await logins.authenticate("alice", " gehäim ")).kind, "granted");
  assert.equal((await logins.authenticate("alice", "gehäim")).kind, "refused");
  assert.equal((await logins.authenticate("nobody", " gehäim ")).kind, "refused");
  await logins.close();
  assert.equal((await logins.authenticate("bob", "x")).kind, "unavailable");
});

test("a wrong password, an unknown user and a locked one: the same verdict after the same work", async () => {
  const { logins, checker } = site();
  for (const [username, password] of [
    ["alice", "bob"],
    ["nobody", "alice"],
    ["nobody@example.net", "x"],
    ["locked", "*"],
  ] as const) {
    assert.deepEqual(await logins.authenticate(username, password), { kind: "refused" });
    assert.deepEqual(checker.takeWorks(), [SCRAM], username);
  }
});

test("the stand-in's own password lets nobody in as somebody else, now or later", async () => {
  const { state, kind } = site();
  const [alice] = state.accounts.all();
  state.accounts = accountsOf({ alice: alice?.password ?? "" });
  assert.equal(await kind("nobody", "alice"), "refused");
  assert.equal(await kind("nobody", "alice"), "refused");
  assert.equal(await kind("alice", "alice"), "granted");
  assert.equal(await kind("nobody", "alice"), "refused");
});

test("without accounts, a login costs what a new one's would", async () => {
  const { state, kind, checker } = site();
  state.accounts = accountsOf({ locked: "*" });
  assert.equal(await kind("alice", "*"), "refused");
  assert.equal(await kind("locked", "*"), "refused");
  assert.deepEqual(checker.takeWorks(), [
    `SCRAM-SHA-256 ${SCRAM_ITERATIONS}`,
    `SCRAM-SHA-256 ${SCRAM_ITERATIONS}`,
  ]);
});

for (const [username, password] of [
  ["", "alice"],
  ["alice@", "alice"],
  ["alice\0", "alice"],
  ["x".repeat(100_000), "alice"],
  ["alice", "alice\0"],
  ["alice", ""],
  ["alice", "al\tice"],
  ["alice", "al\u2028ice"],
  ["al\u200eice", "alice"],
  ["alice", "x".repeat(PASSWORD_OCTETS_MAX + 1)],
  ["alice", "ä".repeat(PASSWORD_OCTETS_MAX / 2 + 1)],
] as const) {
  test(`refused at once: ${JSON.stringify([username.slice(0, 9), password.slice(0, 9)])}`, async () => {
    const { kind, checker } = site();
    assert.equal(await kind(username, password), "refused");
    assert.deepEqual(checker.takeWorks(), []);
  });
}

test("a password as it was sent or as SASLprep makes it fits, and both are tried whoever it is for", async () => {
  const { state, kind, checker } = site();
  const decomposed = hashScramSha256("u\u0308", 4096);
  state.accounts = accountsOf({ alice: decomposed, bob: hashScramSha256("\u00fc", 4096) });
  assert.equal(await kind("alice", "u\u0308"), "granted", "as Dovecot has hashed it");
  assert.equal(await kind("bob", "u\u0308"), "granted");
  assert.equal(await kind("nobody", "u\u0308"), "refused");
  assert.deepEqual(checker.takeWorks(), Array(6).fill(SCRAM));
  assert.equal(await kind("bob", "\u00fc"), "granted");
  assert.equal(await kind("nobody", "\u00fc"), "refused");
  assert.deepEqual(checker.takeWorks(), [SCRAM, SCRAM]);
});

test("a name as SASLprep makes it is found, and one that the file has otherwise, too", async () => {
  const { state, kind } = site();
  assert.equal(await kind("ａｌｉｃｅ", "alice"), "granted");
  assert.equal(await kind("al\u00adice", "alice"), "granted");
  state.accounts = accountsOf({ "\ufb01": hashScramSha256("x", 4096) });
  assert.equal(await kind("\ufb01", "x"), "granted");
  assert.equal(await kind("fi", "x"), "refused", "which is another name");
});

test("a login that succeeded is not checked again, one that failed is", async () => {
  const { kind, checker } = site();
  assert.equal(await kind("alice", "alice"), "granted");
  assert.equal(await kind("alice@example.org", "alice"), "granted");
  assert.equal(checker.takeWorks().length, 1);
  for (const password of ["Alice", "alice ", "alic", "x"]) {
    assert.equal(await kind("alice", password), "refused");
    assert.equal(await kind("alice", password), "refused");
    assert.equal(checker.takeWorks().length, 2);
  }
  assert.equal(await kind("bob", "alice"), "refused");
  assert.equal(checker.takeWorks().length, 1);
});

test("a changed password counts at once, and so does a removed account", async () => {
  const { state, kind, checker } = site();
  assert.equal(await kind("alice", "alice"), "granted");
  state.accounts = accountsOf({ alice: hashScramSha256("new", 4096), bob: hashScramSha256("bob", 4096) });
  assert.equal(await kind("alice", "alice"), "refused");
  assert.equal(await kind("alice", "new"), "granted");
  state.accounts = accountsOf({ bob: hashScramSha256("bob", 4096) });
  assert.equal(await kind("alice", "new"), "refused");
  assert.equal(checker.takeWorks().length, 4);
});

test("a new home counts at once, though the login is remembered", async () => {
  const { state, kind, logins, checker } = site();
  assert.equal(await kind("alice", "alice"), "granted");
  const account = state.accounts.find("alice@example.org");
  assert.ok(account);
  const moved = { ...account, home: "/elsewhere" };
  state.accounts = { size: 1, find: () => moved, all: () => [moved] };
  assert.deepEqual(await logins.authenticate("alice", "alice"), { kind: "granted", account: moved });
  assert.equal(checker.takeWorks().length, 1);
});

test("an account that is changed or removed while its password is checked is not granted", async () => {
  for (const after of [{}, { alice: hashScramSha256("alice", 4096) }]) {
    const { state, kind, checker } = site();
    const open = hold(checker);
    const login = kind("alice", "alice");
    state.accounts = accountsOf(after);
    open();
    assert.equal(await login, "refused");
  }
});

test("the same login several times at once is one check, whether the user exists or not", async () => {
  for (const [username, verdict] of [
    ["alice", "granted"],
    ["nobody", "refused"],
  ] as const) {
    const { kind, checker } = site();
    const open = hold(checker);
    const logins = Promise.all([kind(username, "alice"), kind(username, "alice"), kind(username, "other")]);
    open();
    assert.deepEqual(await logins, [verdict, verdict, "refused"]);
    assert.equal(checker.takeWorks().length, 2);
  }
});

test("when nobody can say, nobody says wrong, and it is tried again the next time", async () => {
  const { kind, checker, logins } = site();
  const broken = Promise.reject(new Error("as the test wants it"));
  broken.catch(() => {});
  checker.gate = broken;
  for (const username of ["alice", "nobody", "locked"])
    assert.equal(await kind(username, "alice"), "unavailable");
  checker.gate = Promise.resolve();
  assert.equal(await kind("alice", "alice"), "granted");
  await logins.close();
  assert.equal(checker.closed, true);
});

test("accounts that cannot be had are unavailable, not an exception", async () => {
  const fail = () => assert.fail("as the test wants it");
  const checker = new ListingChecker();
  const logins = createAuthenticator({ accounts: fail, defaultDomain: "example.org", checker });
  assert.equal((await logins.authenticate("alice", "alice")).kind, "unavailable");
});

/** Lets no check begin until the function that it gives back is called. */
function hold(checker: ListingChecker): () => void {
  let open = () => {};
  checker.gate = new Promise((resolve) => {
    open = resolve;
  });
  return open;
}
