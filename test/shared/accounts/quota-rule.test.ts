/** Quota rules in the extra fields of an account, as Dovecot reads them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readExtraFields } from "../../../shared/accounts/extra-fields.js";
import { readQuotaRules } from "../../../shared/accounts/quota-rule.js";

const GIB = 1024 ** 3;

function read(extra: string) {
  return readQuotaRules(readExtraFields(extra));
}

describe("rules", () => {
  for (const [extra, octets, messages] of [
    ["userdb_quota_rule=*:storage=1G", GIB, undefined],
    ["userdb_quota_rule=*:storage=1G:messages=1000", GIB, 1000],
    ["userdb_quota_rule=*:messages=1000", undefined, 1000],
    ["userdb_quota_rule=*:storage=100", 100 * 1024, undefined],
    ["userdb_quota_rule=*:storage=100B", 100, undefined],
    ["userdb_quota_rule=*:bytes=100", 100, undefined],
    ["userdb_quota_rule=*:bytes=5k", 5 * 1024, undefined],
    ["userdb_quota_rule=*:storage=5MB", 5 * 1024 ** 2, undefined],
    ["userdb_quota_rule=*:storage=5MiB", 5 * 1024 ** 2, undefined],
    ["userdb_quota_rule=*:storage=2T", 2 * 1024 * GIB, undefined],
    ["userdb_quota_rule=*:storage=0", undefined, undefined],
    ["userdb_quota_rule=*:ignore", undefined, undefined],
    ["userdb_quota_rule=*:backend=10000S,10C", 10_000, 10],
    ["userdb_quota_rule=*:backend=NOQUOTA", undefined, undefined],
    ["nopassword userdb_quota_rule=*:storage=1G userdb_mail=maildir:~/x", GIB, undefined],
    // A later rule changes what it speaks of.
    ["userdb_quota_rule2=*:messages=7 userdb_quota_rule=*:storage=1G:messages=5", GIB, 7],
    ["userdb_quota_rule10=*:messages=7 userdb_quota_rule9=*:messages=8", undefined, 7],
    ["userdb_quota_rule=Trash:storage=+10% userdb_quota_rule2=*:storage=1G", GIB, undefined],
  ] as const) {
    test(extra, () => {
      const { quota, wrong } = read(extra);
      assert.deepEqual(wrong, []);
      assert.deepEqual(quota, { octets, messages, binding: true });
    });
  }

  test("? does not bind, unless * has", () => {
    assert.deepEqual(read("userdb_quota_rule=?:bytes=5").quota, {
      octets: 5,
      messages: undefined,
      binding: false,
    });
    assert.equal(read("userdb_quota_rule=*:bytes=5 userdb_quota_rule2=?:messages=5").quota?.binding, true);
  });

  test("for folders, and for anything else, are not the account's", () => {
    const { quota, wrong, ignored } = read(
      "userdb_quota_rule=Trash:storage=+10% userdb_quota_rule2=Spam:ignore",
    );
    assert.deepEqual([quota, wrong, ignored.length], [undefined, [], 2]);
    assert.deepEqual(read("quota_rule=*:storage=x userdb_quota2_rule=x userdb_quota_rules=x"), {
      quota: undefined,
      wrong: [],
      ignored: [],
    });
  });

  for (const rule of [
    "",
    "*",
    "*:",
    "*:storage",
    "*:storage=",
    "*:storage=lots",
    "*:storage=1X",
    "*:storage=1Gx",
    "*:storage=-1",
    "*:storage=+1G",
    "*:storage=10%",
    "*:storage=1.5G",
    "*:storage=1e9",
    "*:storage=999999999999999T",
    "*:size=1G",
    "*:storage=1G:",
    "*:storage=1G,messages=5",
    "*:backend=5",
    "storage=1G",
    ":storage=1G",
  ]) {
    test(`${JSON.stringify(rule)} is wrong`, () => {
      const { quota, wrong } = read(`userdb_quota_rule=${rule}`);
      assert.equal(wrong.length, 1);
      assert.equal(quota, undefined);
    });
  }
});
