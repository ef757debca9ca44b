/** Whom a name under attack makes wait, and that it is never its user at home. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LoginGuard } from "../../shared/login-guard.js";

const HOME = "192.0.2.1";

/** A guard on which strangers have tried alice and a name that nobody has. */
function attacked(delayMs: number): LoginGuard {
  const guard = new LoginGuard({
    delayMs,
    sessionsPerAccount: 1,
    defaultDomain: "example.org",
    now: () => 0,
  });
  guard.succeeded(HOME, "alice@example.org");
  for (let i = 0; i < 20; i++) {
    for (const username of ["Alice", "nobody"]) guard.failed({ address: `10.0.0.${i}`, username });
  }
  return guard;
}

test("checks of a name under attack come one at a time; its user at home passes them all", async () => {
  const guard = attacked(0.0001);
  let atOnce = 0;
  let atOnceMost = 0;
  let open: () => void = () => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  const check = async () => {
    atOnceMost = Math.max(atOnceMost, ++atOnce);
    await gate;
    atOnce--;
    return "checked";
  };
  const strangers = Array.from({ length: 5 }, (_, i) =>
    guard.check({ address: `10.1.0.${i}`, username: i % 2 === 0 ? "alice@example.org" : "ALICE" }, check),
  );
  const home = { address: HOME, username: "alice" };
  assert.equal(await guard.check(home, async () => "at home"), "at home");
  assert.equal(await guard.check({ address: "10.1.0.9", username: "bob" }, async () => "bob"), "bob");
  open();
  assert.deepEqual(await Promise.all(strangers), Array(5).fill("checked"));
  assert.equal(atOnceMost, 1);
});

test("who finds too many waiting is told to try again later, and so is everyone at the end", async () => {
  for (const username of ["alice", "nobody"]) {
    const guard = attacked(100_000);
    let checks = 0;
    const attempts = Array.from({ length: 10 }, (_, i) =>
      guard.check({ address: `10.1.0.${i}`, username }, async () => ++checks),
    );
    const surplus = await Promise.race(attempts.slice(-1));
    assert.ok(typeof surplus === "object" && surplus.kind === "unavailable", username);
    guard.close();
    for (const verdict of await Promise.all(attempts)) {
      assert.ok(typeof verdict === "object" && verdict.kind === "unavailable");
    }
    assert.equal(checks, 0);
  }
});

test("guesses that are sent all at once are guesses under attack", async () => {
  const guard = new LoginGuard({
    delayMs: 0.1,
    sessionsPerAccount: 1,
    defaultDomain: "example.org",
    now: () => 0,
  });
  let open: () => void = () => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  let begun = 0;
  const attempts = Array.from({ length: 14 }, (_, i) =>
    guard.check({ address: `10.1.0.${i}`, username: "alice" }, async () => {
      begun++;
      await gate;
      return "checked";
    }),
  );
  assert.equal(await guard.check({ address: "10.1.0.9", username: "bob" }, async () => "bob"), "bob");
  assert.equal(begun, 10);
  open();
  assert.deepEqual(await Promise.all(attempts), Array(14).fill("checked"));
});

test("one address cannot take all the places of those who wait", async () => {
  const guard = attacked(100_000);
  const from = (address: string) => guard.check({ address, username: "alice" }, async () => "checked");
  const stranger = Array.from({ length: 10 }, () => from("2001:db8:1:1::1"));
  const neighbour = from("2001:db8:1:1::2");
  const user = from("2001:db8:1:2::1");
  const verdict = await neighbour;
  assert.ok(typeof verdict === "object" && verdict.kind === "unavailable");
  assert.equal(await Promise.race([user, Promise.all(stranger.slice(5)).then(() => "waits")]), "waits");
  guard.close();
  await Promise.all([...stranger, user]);
});

test("names that can be nobody's, and none, are checked at once; a check that fails frees its turn", async () => {
  const guard = attacked(0.0001);
  for (const username of [undefined, "a b@c", ""]) {
    for (let i = 0; i < 20; i++) guard.failed({ address: `10.0.0.${i}`, username });
    assert.equal(await guard.check({ address: "10.1.0.1", username }, async () => "checked"), "checked");
  }
  const stranger = { address: "10.1.0.1", username: "alice" };
  await assert.rejects(
    guard.check(stranger, () => Promise.reject(new Error("as the test wants it"))),
    /as the test wants it/,
  );
  assert.equal(await guard.check(stranger, async () => "checked"), "checked");
});

test("however a name is spelt, it is one name", () => {
  const guard = attacked(1000);
  // RFC 4013 §3: a soft hyphen is nothing, and a full-width letter is a letter.
  const spellings = ["carol", "CAROL", "c\u00adarol", "\uff43arol", "carol@example.org"];
  for (const [i, username] of spellings.entries()) {
    assert.equal(
      guard.failed({ address: `10.8.0.${i}`, username }),
      Math.min(30_000, 1000 * 2 ** i),
      username,
    );
  }
  guard.succeeded("10.8.1.1", "\uff43arol@example.org");
  assert.equal(guard.failed({ address: "10.8.1.1", username: "carol" }), 1000);
});

test("a failed login waits for its reply by address and by name", () => {
  const guard = attacked(1000);
  const repliesOf = (address: string, username: string) => guard.failed({ address, username });
  assert.equal(repliesOf("10.9.9.9", "alice"), 30_000);
  assert.equal(repliesOf("10.9.9.8", "nobody"), 30_000);
  assert.equal(repliesOf(HOME, "alice"), 1000);
  assert.equal(repliesOf("10.9.9.7", "carol"), 1000);
});
