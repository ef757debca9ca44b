/** Logins by token, with a real HTTP server behind them: who is granted, and that trouble is never a refusal or a grant. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Account, Accounts } from "../../../../shared/accounts/account.js";
import { IntrospectionError } from "../../../../shared/accounts/oauth/introspection.js";
import {
  TOKEN_OCTETS_MAX,
  TokenLogins,
  type TokenLoginsOptions,
} from "../../../../shared/accounts/oauth/token-logins.js";
import { maildirAt } from "../../../../shared/maildir/maildir.js";
import { BusyError } from "../../../../shared/slots.js";
import { CLIENT_ID, CLIENT_SECRET, IntrospectionServer } from "../../../fakes/introspection-server.js";

const TIMEOUT = { timeout: 30_000 };
const NOW = Date.UTC(2026, 10, 22, 12);
const SECONDS = NOW / 1000;

function accountsOf(passwords: Readonly<Record<string, string>>): Accounts {
  const accounts = new Map(
    Object.entries(passwords).map(([name, password]): [string, Account] => {
      const address = `${name}@example.org`;
      const home = `/srv/mail/${name}`;
      return [address, { address, password, home, maildir: maildirAt(`${home}/Maildir`), extra: new Map() }];
    }),
  );
  return { size: accounts.size, find: (address) => accounts.get(address), all: () => accounts.values() };
}

async function site(t: TestContext, changed: Partial<TokenLoginsOptions> = {}, deadlineMs = 10_000) {
  const server = await IntrospectionServer.start();
  t.after(() => server.stop());
  const clock = { now: NOW };
  const accounts = accountsOf({ alice: "", bob: "*", carol: "!{PLAIN}x" });
  const logins = new TokenLogins({
    endpoint: { url: server.url, clientId: CLIENT_ID, clientSecret: () => CLIENT_SECRET, deadlineMs },
    rules: { usernameClaim: "username" },
    accounts: () => accounts,
    defaultDomain: "example.org",
    now: () => clock.now,
    ...changed,
  });
  t.after(() => logins.close());
  for (const name of ["alice", "bob", "carol", "dave"]) {
    server.answers.set(`of-${name}`, { active: true, username: `${name}@example.org`, exp: SECONDS + 3600 });
  }
  const kind = async (username: string | undefined, token: string) =>
    (await logins.login(username, token)).kind;
  return { server, clock, logins, kind };
}

test("a token opens the account of its user, whatever the spelling, and no other", TIMEOUT, async (t) => {
  const { logins, kind, server } = await site(t);
  for (const username of [undefined, "alice", "ALICE", "alice@example.org"]) {
    const verdict = await logins.login(username, "of-alice");
    assert.ok(verdict.kind === "granted", username);
    assert.equal(verdict.account.address, "alice@example.org");
  }
  server.answers.set("bare", { active: true, username: "Alice" });
  assert.equal(await kind("alice@example.org", "bare"), "granted");
  for (const username of ["bob", "alice@example.net", "nobody", "", "a@b@c"]) {
    assert.equal(await kind(username, "of-alice"), "refused", username);
  }
});

test("the server is asked as RFC 7662 has it", TIMEOUT, async (t) => {
  const { kind, server } = await site(t);
  const token = "a+b/c~d=&x ";
  server.answers.set(token, { active: true, username: "alice" });
  assert.equal(await kind("alice", token), "granted");
  assert.equal(server.asked.length, 1);
  assert.equal(server.asked[0]?.get("token"), token);
});

test(
  "an account without a password here can have a token; a locked one and none cannot",
  TIMEOUT,
  async (t) => {
    const { kind } = await site(t);
    assert.equal(await kind("bob", "of-bob"), "granted");
    assert.equal(await kind("carol", "of-carol"), "refused");
    assert.equal(await kind("dave", "of-dave"), "refused");
  },
);

test(
  "a token that is not active is refused, and so is what is no token, without asking",
  TIMEOUT,
  async (t) => {
    const { kind, server } = await site(t);
    assert.equal(await kind("alice", "unknown"), "refused");
    server.answers.set("ended", { active: false, username: "alice" });
    assert.equal(await kind("alice", "ended"), "refused");
    assert.equal(server.asked.length, 2);
    for (const token of ["", "a\nb", "é", "x".repeat(TOKEN_OCTETS_MAX + 1)]) {
      assert.equal(await kind("alice", token), "refused");
    }
    assert.equal(server.asked.length, 2);
  },
);

for (const token of ["huge", "broken", "foreign", "list", "text", "failing", "elsewhere", "cut"]) {
  test(`an answer that is ${token} says nothing about the token`, TIMEOUT, async (t) => {
    const { logins, server } = await site(t);
    const verdict = await logins.login("alice", token);
    assert.ok(verdict.kind === "unavailable");
    assert.ok(verdict.cause instanceof IntrospectionError);
    assert.ok(!verdict.cause.message.includes(CLIENT_SECRET));
    assert.equal(server.asked.length, 1, "asked once");
  });
}

test(
  "nor does one that never ends, or a server that is not there, or wrong credentials",
  TIMEOUT,
  async (t) => {
    const slow = await site(t, {}, 200);
    assert.equal(await slow.kind("alice", "slow"), "unavailable");
    const url = "http://127.0.0.1:1/";
    const gone = await site(t, { endpoint: { url, clientId: CLIENT_ID, clientSecret: () => CLIENT_SECRET } });
    assert.equal(await gone.kind("alice", "of-alice"), "unavailable");
    const endpoint = { url: slow.server.url, clientId: CLIENT_ID, clientSecret: () => "another" };
    assert.equal(await (await site(t, { endpoint })).kind("alice", "of-alice"), "unavailable");
  },
);

test("what was asked is remembered for a minute, and never beyond the token's end", TIMEOUT, async (t) => {
  const { kind, server, clock } = await site(t);
  server.answers.set("brief", { active: true, username: "alice", exp: SECONDS + 30 });
  const timesAsked = async (token: string) => {
    const before = server.asked.length;
    assert.equal(await kind("alice", token), "granted");
    return server.asked.length - before;
  };
  assert.equal(await timesAsked("of-alice"), 1);
  assert.equal(await timesAsked("brief"), 1);
  clock.now += 29_999;
  assert.equal(await timesAsked("of-alice"), 0);
  assert.equal(await timesAsked("brief"), 0);
  clock.now += 1;
  assert.equal(await kind("alice", "brief"), "refused", "it has ended, though the server calls it active");
  clock.now += 30_000;
  assert.equal(await timesAsked("of-alice"), 1);
});

test("refusals are not remembered", TIMEOUT, async (t) => {
  const { kind, server } = await site(t);
  assert.equal(await kind("alice", "later"), "refused");
  server.answers.set("later", { active: true, username: "alice" });
  assert.equal(await kind("alice", "later"), "granted");
});

test(
  "the same token is asked about once, others so many at once, and no more wait than may",
  TIMEOUT,
  async (t) => {
    const { logins, server } = await site(t);
    let open: () => void = () => {};
    server.gate = new Promise((resolve) => (open = resolve));
    const same = Array.from({ length: 50 }, () => logins.login("alice", "of-alice"));
    const others = Array.from({ length: 400 }, (_, i) => logins.login("alice", `other ${i}`));
    const surplus = await Promise.race(others.slice(-50));
    assert.ok(surplus.kind === "unavailable" && surplus.cause instanceof BusyError);
    open();
    for (const verdict of await Promise.all(same)) assert.equal(verdict.kind, "granted");
    const refused = (await Promise.all(others)).filter(({ kind }) => kind === "refused");
    assert.equal(refused.length, 16 + 256 - 1);
    assert.ok(server.atOnceMost <= 16);
    assert.equal(server.asked.filter((form) => form.get("token") === "of-alice").length, 1);
  },
);
