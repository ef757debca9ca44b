/** Dovecot's pop3_uidl_format. That the real one does the same is shown in test/interop/moving-in.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseUniqueIdOption } from "../../../pop3d/former-server/former-server.js";
import { parseUidlFormat } from "../../../pop3d/former-server/uidl-format.js";

const values = { uid: 11, uidValidity: 0x6b025f19, baseName: "1700000018.M1P18.Host", guid: "a-guid" };

const FORMATS: readonly (readonly [format: string, uniqueId: string])[] = [
  ["%08Xu%08Xv", "0000000b6b025f19"],
  ["%u.%v", "11.1795317529"],
  ["%v-%u", "1795317529-11"],
  ["UID%u-%v", "UID11-1795317529"],
  ["%f", "1700000018.M1P18.Host"],
  ["%g", "a-guid"],
  ["%Xu", "b"],
  ["%LXu%UXv", "b6b025f19"],
  ["%XUv%u", "6B025F1911"],
  ["%010u", "0000000011"],
  ["%10u", "11"],
  ["%3f", "170"],
  ["%.4f", "1700"],
  ["%5.3f", "000"],
  ["%5.0f", "00018.M1P18.Host"],
  ["%05f", "1700000018.M1P18.Host"],
  ["%0u", "11"],
  ["%Lf", "1700000018.m1p18.host"],
  ["%u%%", "11%"],
];

for (const [format, uniqueId] of FORMATS) {
  test(`${format} makes ${uniqueId}`, () => assert.equal(parseUidlFormat(format)?.(values), uniqueId));
}

const REFUSED = [
  "",
  "x",
  "%v",
  "%08Xv",
  "%m",
  "%Mf",
  "%Ru",
  "%xu",
  "%{uid}",
  "%u%",
  "%-5u",
  "%z",
  "%%u",
  "%Xf",
];

for (const format of REFUSED) {
  test(`refused: ${JSON.stringify(format)}`, () => assert.equal(parseUidlFormat(format), undefined));
}

test("the option names a server that is known", () => {
  assert.equal(parseUniqueIdOption("pillarbox"), "pillarbox");
  for (const kind of ["courier", "qmail"]) assert.deepEqual(parseUniqueIdOption(kind), { kind });
  const dovecot = parseUniqueIdOption("dovecot:%u.%v");
  assert.ok(typeof dovecot === "object" && dovecot.kind === "dovecot");
  assert.equal(dovecot.format(values), "11.1795317529");
  for (const text of ["", "Dovecot", "dovecot", "dovecot:", "dovecot:%m", "cyrus", "courier:"]) {
    assert.equal(parseUniqueIdOption(text), undefined, text);
  }
});
