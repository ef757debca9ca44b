import assert from "node:assert/strict";
import { test } from "node:test";
import { parseExpire, parseLoginDelay, policyOf, sitePolicy, wrongFields } from "../../pop3d/policy.js";
import { readExtraFields } from "../../shared/accounts/extra-fields.js";

const NEVER = Number.POSITIVE_INFINITY;
const DAY_MS = 86_400_000;
const SITE = { expireMs: 30 * DAY_MS, loginDelaySeconds: 60 };

test("how long mail stays is a time, or for ever", () => {
  const read = ["never", "0d", "36h", "30d", "36500d", "36501d", "Never", "30", "-1d", ""].map(parseExpire);
  const none = undefined;
  assert.deepEqual(read, [NEVER, 0, 1.5 * DAY_MS, 30 * DAY_MS, 36_500 * DAY_MS, ...Array(5).fill(none)]);
});

test("the time between logins is in whole seconds, and no shorter than what was written", () => {
  const read = ["0s", "1ms", "1000ms", "1001ms", "5m", "1d", "2d", "5"].map(parseLoginDelay);
  assert.deepEqual(read, [0, 1, 1, 2, 300, 86_400, undefined, undefined]);
});

test("an account's own fields come before what holds for all", () => {
  const own = (fields: string) => policyOf(readExtraFields(fields), SITE);
  assert.deepEqual(own(""), SITE);
  assert.deepEqual(own("userdb_quota_rule=*:storage=1G"), SITE);
  assert.deepEqual(own("userdb_pop3_expire=never"), { ...SITE, expireMs: NEVER });
  assert.deepEqual(own("userdb_pop3_login_delay=0s userdb_pop3_expire=0d"), {
    expireMs: 0,
    loginDelaySeconds: 0,
  });
});

test("a site's strictest values are those of any account, and of itself", () => {
  const site = sitePolicy(
    SITE,
    ["userdb_pop3_expire=7d", "", "userdb_pop3_expire=never"].map((fields) => ({
      extra: readExtraFields(fields),
    })),
  );
  assert.deepEqual(site.strictest, { expireMs: 7 * DAY_MS, loginDelaySeconds: 60 });
  assert.deepEqual([site.expirePerUser, site.loginDelayPerUser], [true, false]);
});

for (const [fields, problems] of [
  ["", 0],
  ["userdb_pop3_expire=30d userdb_pop3_login_delay=5m nopassword", 0],
  ["userdb_pop3_expire", 1],
  ["userdb_pop3_expire=", 1],
  ["userdb_pop3_expire=30", 1],
  ["userdb_pop3_expire=30d userdb_pop3_expire=monthly", 1],
  ["userdb_pop3_expire=x userdb_pop3_login_delay=never", 2],
  [`userdb_pop3_login_delay=${"9".repeat(10_000)}`, 1],
] as const) {
  test(`${problems} wrong: ${fields.slice(0, 60)}`, () => {
    const wrong = wrongFields(readExtraFields(fields));
    assert.equal(wrong.length, problems);
    for (const line of wrong) assert.ok(line.length < 300);
  });
}
