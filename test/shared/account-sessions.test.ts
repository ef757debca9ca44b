import assert from "node:assert/strict";
import { test } from "node:test";
import { AccountSessions } from "../../shared/account-sessions.js";

test("an account has so many places, each given back once", () => {
  const sessions = new AccountSessions(2);
  const first = sessions.begin("alice");
  assert.ok(first);
  assert.ok(sessions.begin("alice"));
  assert.equal(sessions.begin("alice"), undefined);
  assert.ok(sessions.begin("bob"), "others have their own");
  first();
  first();
  assert.ok(sessions.begin("alice"));
  assert.equal(sessions.begin("alice"), undefined);
});
