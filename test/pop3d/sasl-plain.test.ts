import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePlain } from "../../pop3d/sasl-plain.js";

test("RFC 4616 §4: identity, password, both as they were sent", () => {
  assert.deepEqual(parsePlain(base64("\0tim\0 tanstaaf tanstaaf ")), {
    authorizationIdentity: "",
    authenticationIdentity: "tim",
    password: " tanstaaf tanstaaf ",
  });
  assert.deepEqual(parsePlain(base64("Ursel\0Kurt\0xipj3plmq")), {
    authorizationIdentity: "Ursel",
    authenticationIdentity: "Kurt",
    password: "xipj3plmq",
  });
  assert.equal(parsePlain(base64("\0jörg\0pässwörd"))?.password, "pässwörd");
});

const REFUSED: readonly [name: string, response: string][] = [
  ["an empty response", ""],
  ["RFC 5034's sign for an empty one", "="],
  ["no NUL", base64("tim")],
  ["one NUL", base64("tim\0secret")],
  ["three NULs", base64("\0tim\0sec\0ret")],
  ["no user", base64("\0\0secret")],
  ["no password", base64("\0tim\0")],
  ["octets that are not UTF-8", Buffer.from("\0tim\0\xff", "latin1").toString("base64")],
  ["no padding", base64("\0tim\0secret").replace(/=+$/, "")],
  ["too much padding", `${base64("\0tim\0secret")}=`],
  ["a space before it", ` ${base64("\0tim\0secret")}`],
  ["a character outside the alphabet", base64("\0tim\0secret").replace("A", "A\0")],
  ["the alphabet of base64url", base64("\0tim\0~~~???").replaceAll("/", "_").replaceAll("+", "-")],
];

for (const [name, response] of REFUSED) {
  test(`refused: ${name}`, () => assert.equal(parsePlain(response), undefined));
}

test("refused: stray bits before the padding", () => {
  const right = base64("\0tim\0secre");
  assert.ok(right.endsWith("="), right);
  assert.ok(parsePlain(right));
  const stray = right.replace(/.(?==)/, (last) => String.fromCharCode(last.charCodeAt(0) + 1));
  assert.deepEqual(Buffer.from(stray, "base64"), Buffer.from(right, "base64"), "a lenient decoder takes it");
  assert.equal(parsePlain(stray), undefined);
});

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
