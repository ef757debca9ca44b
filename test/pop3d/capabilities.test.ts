import assert from "node:assert/strict";
import { test } from "node:test";
import { capabilities, type Offer } from "../../pop3d/capabilities.js";
import { type Policy, policyOf, sitePolicy } from "../../pop3d/policy.js";

const NEVER = Number.POSITIVE_INFINITY;
const DAY_MS = 86_400_000;

const EXPIRES = [NEVER, 0, 30 * DAY_MS];
const DELAYS = [0, 60];
/** The extra fields of the accounts; the first one logs in. */
const ACCOUNTS = [
  [{}],
  [{}, { userdb_pop3_expire: "7d", userdb_pop3_login_delay: "5m" }],
  [{ userdb_pop3_expire: "7d", userdb_pop3_login_delay: "5m" }, {}],
  [{ userdb_pop3_expire: "never", userdb_pop3_login_delay: "0s" }, {}],
].map((accounts) => accounts.map((fields) => ({ extra: new Map(Object.entries(fields)) })));

test("whatever the settings, what is announced before login is announced after it, and the other way round", () => {
  let combinations = 0;
  for (const [offer, own] of everyCombination()) {
    const before = capabilities({ ...offer, own: undefined });
    const after = capabilities({ ...offer, stls: false, own });
    assert.deepEqual(after.map(nameOf), before.filter((line) => line !== "STLS").map(nameOf));
    for (const [i, line] of before.filter((line) => line !== "STLS").entries()) {
      // A value may differ where the word USER says that it may, and nowhere else.
      if (!/^(?:EXPIRE|LOGIN-DELAY) \w+ USER$/.test(line)) assert.equal(after[i], line);
    }
    assert.equal(before.includes("STLS"), offer.stls);
    combinations++;
  }
  assert.equal(combinations, 2 * 2 * 2 * EXPIRES.length * DELAYS.length * ACCOUNTS.length);
});

test("before login nobody is promised a longer stay, or a shorter delay, than any account has", () => {
  for (const [offer, , accounts] of everyCombination()) {
    const before = capabilities({ ...offer, own: undefined });
    for (const { extra } of accounts) {
      const after = capabilities({ ...offer, own: policyOf(extra, offer.site.default) });
      assert.ok(daysIn(before) <= daysIn(after));
      assert.ok(delayIn(before) >= delayIn(after));
    }
  }
});

test("no line names a version, and without a name there is no IMPLEMENTATION", () => {
  for (const [offer, own] of everyCombination()) {
    const lines = capabilities({ ...offer, own });
    const named = lines.filter((line) => line.startsWith("IMPLEMENTATION"));
    assert.deepEqual(named, offer.implementation === "" ? [] : ["IMPLEMENTATION pillarbox"]);
  }
});

type Combination = readonly [Omit<Offer, "own">, own: Policy, accounts: (typeof ACCOUNTS)[number]];

function* everyCombination(): Generator<Combination> {
  for (const expireMs of EXPIRES)
    for (const loginDelaySeconds of DELAYS)
      for (const accounts of ACCOUNTS) {
        const site = sitePolicy({ expireMs, loginDelaySeconds }, accounts);
        const own = policyOf(accounts[0]?.extra ?? new Map(), site.default);
        for (const mechanisms of [["SCRAM-SHA-256", "PLAIN"], []])
          for (const stls of [true, false])
            for (const implementation of ["pillarbox", ""])
              yield [{ mechanisms, stls, site, implementation }, own, accounts];
      }
}

function nameOf(line: string): string {
  return line.split(" ", 1).join();
}

function daysIn(lines: readonly string[]): number {
  const value = lines.find((line) => line.startsWith("EXPIRE "))?.split(" ")[1];
  assert.ok(value !== undefined);
  return value === "NEVER" ? NEVER : Number(value);
}

function delayIn(lines: readonly string[]): number {
  return Number(lines.find((line) => line.startsWith("LOGIN-DELAY "))?.split(" ")[1] ?? 0);
}
