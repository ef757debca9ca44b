/** The extra fields of an accounts file's entry. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readExtraFields } from "../../../shared/accounts/extra-fields.js";

const ROWS: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ["", {}],
  ["  ", {}],
  ["userdb_quota_rule=*:storage=1G", { userdb_quota_rule: "*:storage=1G" }],
  [" a=1  b=2 ", { a: "1", b: "2" }],
  ["nopassword a=", { nopassword: "", a: "" }],
  ["a=1 a=2", { a: "2" }],
  ["__proto__=x", JSON.parse('{"__proto__":"x"}')],
];

for (const [extra, fields] of ROWS) {
  test(`extra fields ${JSON.stringify(extra)}`, () => {
    assert.deepEqual([...readExtraFields(extra)], Object.entries(fields));
  });
}
