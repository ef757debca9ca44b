/** base64 in its one form, and the messages of PLAIN and LOGIN. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { decodeBase64, MECHANISMS } from "../../../smtpd/protocol/sasl.js";

function plain(message: string) {
  return MECHANISMS.get("PLAIN")?.credentials([Buffer.from(message)]);
}

function login(...responses: string[]) {
  return MECHANISMS.get("LOGIN")?.credentials(responses.map((response) => Buffer.from(response)));
}

describe("base64", () => {
  test("whatever was encoded is decoded", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (octets) => {
        const text = Buffer.from(octets).toString("base64");
        assert.deepEqual(decodeBase64(text), Buffer.from(octets));
      }),
    );
  });

  for (const text of ["YQ", "YQ=", "YR==", "YQ==YQ==", "Y Q==", "YQ==\r", "-_-_", "=", "*", "é"]) {
    test(`not ${JSON.stringify(text)}`, () => assert.equal(decodeBase64(text), undefined));
  }
});

describe("PLAIN", () => {
  const credentials = { username: "alice", password: "secret" };
  test("without authzid", () => assert.deepEqual(plain("\0alice\0secret"), credentials));
  test("with her own", () => assert.deepEqual(plain("alice\0alice\0secret"), credentials));
  test("the password as it is", () =>
    assert.deepEqual(plain("\0alice\0 secret\t "), { ...credentials, password: " secret\t " }));
  for (const message of [
    "",
    "\0",
    "\0\0",
    "\0alice\0",
    "\0\0secret",
    "bob\0alice\0secret",
    "alice\0secret",
    "\0a\0b\0c",
  ]) {
    test(`not ${JSON.stringify(message)}`, () => assert.equal(plain(message), undefined));
  }
  test("not what is no UTF-8", () => {
    assert.equal(MECHANISMS.get("PLAIN")?.credentials([Buffer.from("\0alice\0\xff", "latin1")]), undefined);
  });
});

describe("LOGIN", () => {
  test("name and password", () =>
    assert.deepEqual(login("alice", "secret "), { username: "alice", password: "secret " }));
  for (const responses of [
    ["", "secret"],
    ["alice", ""],
    ["al\0ice", "secret"],
    ["alice", "se\0cret"],
  ]) {
    test(`not ${JSON.stringify(responses)}`, () => assert.equal(login(...responses), undefined));
  }
});
