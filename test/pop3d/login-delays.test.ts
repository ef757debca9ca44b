import assert from "node:assert/strict";
import { access } from "node:fs/promises";
import { hostname } from "node:os";
import { test } from "node:test";
import { letIn } from "../../pop3d/let-in.js";
import { LOCK_NAME, SessionLocks } from "../../pop3d/lock.js";
import { LoginDelays } from "../../pop3d/login-delays.js";
import type { OpenMaildrop } from "../../pop3d/open-maildrop.js";
import type { Account } from "../../shared/accounts/account.js";
import { temporaryDirectory } from "../temporary-directory.js";
import { maildirWith, opening, silent } from "./opened.js";

const ALICE = "alice@example.org";

test("an account waits for so many seconds from its last login, and no other account does", () => {
  let now = 1_000;
  const delays = new LoginDelays(() => now);
  assert.equal(delays.mustWait(ALICE, 60), false, "nothing is known of it");
  delays.loggedIn(ALICE);
  now += 59_999;
  assert.equal(delays.mustWait(ALICE, 60), true);
  assert.equal(delays.mustWait(ALICE, 59), false);
  assert.equal(delays.mustWait(ALICE, 0), false);
  assert.equal(delays.mustWait("bob@example.org", 60), false);
  now += 1;
  assert.equal(delays.mustWait(ALICE, 60), false);
});

test("what is remembered has a bound, and the latest logins are in it", () => {
  let now = 0;
  const delays = new LoginDelays(() => now);
  delays.loggedIn("first");
  for (let n = 0; n < 99_998; n++) delays.loggedIn(`user${n}`);
  delays.loggedIn("first");
  delays.loggedIn(ALICE);
  now += 1;
  assert.equal(delays.mustWait("user0", 60), true);
  delays.loggedIn("one more");
  assert.equal(delays.mustWait("user0", 60), false, "the earliest is forgotten");
  for (const address of ["user1", "first", ALICE]) assert.equal(delays.mustWait(address, 60), true);
});

test("a login that comes too soon opens nothing and takes no lock; the delay counts from the login", async (t) => {
  const maildir = await maildirWith(await temporaryDirectory(t), {});
  const account: Account = { address: ALICE, password: "", home: "/", maildir, extra: new Map() };
  let now = 0;
  const services = { opening: opening(), delays: new LoginDelays(() => now) };
  const enter = (loginDelaySeconds: number) =>
    letIn(account, { expireMs: Number.POSITIVE_INFINITY, loginDelaySeconds }, services, silent);

  const first = await enter(60);
  assert.ok(typeof first !== "string");
  now += 30_000;
  assert.equal(await enter(60), "login delay", "which comes before the lock");
  await first.lock?.release();
  now += 29_999;
  assert.equal(await enter(60), "login delay");
  await assert.rejects(access(`${maildir.path}/${LOCK_NAME}`));
  now += 1;
  const second = await enter(60);
  assert.ok(typeof second !== "string", "refusals do not count");
  assert.equal(await enter(0), "in use", "and who has no delay has none");
  await second.lock?.release();
});

test("who is let in only after waiting for the lock, has not got round the delay", async (t) => {
  const maildir = await maildirWith(await temporaryDirectory(t), {});
  const account: Account = { address: ALICE, password: "", home: "/", maildir, extra: new Map() };
  const locks = new SessionLocks({ host: hostname(), uniqueName: () => "unique" });
  const services = {
    opening: { ...opening(), locks, lockWait: 30_000 },
    delays: new LoginDelays(() => 0),
  };
  const enter = async (): Promise<OpenMaildrop | string> => {
    const policy = { expireMs: 0, loginDelaySeconds: 60 };
    const outcome = await letIn(account, policy, services, silent);
    if (typeof outcome !== "string") await outcome.lock?.release();
    return outcome;
  };
  const outcomes = await Promise.all([enter(), enter(), enter()]);
  const refused = outcomes.filter((outcome) => typeof outcome === "string");
  assert.deepEqual(refused, ["login delay", "login delay"]);
  await assert.rejects(access(`${maildir.path}/${LOCK_NAME}`));
});
