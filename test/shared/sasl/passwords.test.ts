/** The mechanisms that bring a password: PLAIN (RFC 4616) and LOGIN. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { LOGIN } from "../../../shared/sasl/login.js";
import { PLAIN } from "../../../shared/sasl/plain.js";
import { ALICE, askedBy, challengeOf, check, GRANTED, respond } from "./played.js";

const alice = { kind: "password", username: "alice", password: "secret" } as const;

describe("PLAIN", () => {
  test("RFC 4616 §4, without authzid", () =>
    assert.deepEqual(askedBy(PLAIN, "\0tim\0tanstaaftanstaaf"), {
      kind: "password",
      username: "tim",
      password: "tanstaaftanstaaf",
    }));
  test("RFC 4616 §4, on behalf of another: refused without a check", () => {
    const turn = respond(PLAIN.begin(undefined), "Ursel\0Kurt\0xipj3plmq");
    assert.equal(turn.kind, "refused");
  });
  test("with her own authzid", () => assert.deepEqual(askedBy(PLAIN, "alice\0alice\0secret"), alice));
  test("the password as it is", () =>
    assert.deepEqual(askedBy(PLAIN, "\0jörg\0 pass wörd\t "), {
      kind: "password",
      username: "jörg",
      password: " pass wörd\t ",
    }));
  test("the verdict is the outcome", () => {
    const asking = respond(PLAIN.begin(undefined), "\0alice\0secret");
    assert.deepEqual(check(asking, GRANTED).turn, { kind: "granted", account: ALICE });
    assert.deepEqual(check(asking, { kind: "refused" }).turn, { kind: "refused" });
  });
  for (const message of [
    ...["", "\0", "\0\0", "\0alice\0", "\0\0secret", "alice\0secret", "\0a\0b\0c", "alice"],
    Buffer.from("\0alice\0\xff", "latin1"),
  ]) {
    test(`not ${JSON.stringify(message.toString("latin1"))}`, () =>
      assert.equal(askedBy(PLAIN, message), undefined));
  }
  test("anything at all is a check, refused, or malformed", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (octets) => {
        const turn = respond(PLAIN.begin(undefined), Buffer.from(octets));
        assert.match(turn.kind, /^(check|refused|malformed)$/);
      }),
    );
  });
});

describe("LOGIN", () => {
  test("asks for the name, then for the password", () => {
    const first = LOGIN.begin(undefined);
    assert.equal(challengeOf(first), "Username:");
    const second = respond(first, "alice");
    assert.equal(challengeOf(second), "Password:");
    assert.deepEqual(check(respond(second, "secret "), GRANTED), {
      asked: { ...alice, password: "secret " },
      turn: GRANTED,
    });
  });
  for (const responses of [
    [""],
    ["al\0ice"],
    ["alice", ""],
    ["alice", "se\0cret"],
    ["alice", Buffer.from([0xff])],
  ]) {
    test(`not ${JSON.stringify(responses)}`, () => assert.equal(askedBy(LOGIN, ...responses), undefined));
  }
});
