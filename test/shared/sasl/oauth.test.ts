/** OAUTHBEARER (RFC 7628) and XOAUTH2. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Turn } from "../../../shared/sasl/mechanism.js";
import { OAUTHBEARER, XOAUTH2 } from "../../../shared/sasl/oauth.js";
import { ALICE, challengeOf, check, GRANTED, respond } from "./played.js";

const TOKEN = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";

function bearer(message: string | Buffer): Turn {
  return respond(OAUTHBEARER.begin(undefined), message);
}

function xoauth2(message: string | Buffer): Turn {
  return respond(XOAUTH2.begin(undefined), message);
}

describe("OAUTHBEARER", () => {
  const rfc = `n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer ${TOKEN}\x01\x01`;

  test("RFC 7628 §4.1", () => {
    const { asked, turn } = check(bearer(rfc), GRANTED);
    assert.deepEqual(asked, { kind: "token", username: "user@example.com", token: TOKEN });
    assert.deepEqual(turn, { kind: "granted", account: ALICE });
  });

  test("RFC 7628 §4.3: an empty auth asks what would be accepted, and ends in a refusal", () => {
    const turn = bearer("n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=\x01\x01");
    assert.equal(JSON.parse(challengeOf(turn)).status, "invalid_token");
    assert.equal(respond(turn, "\x01").kind, "refused");
  });

  test("a token that is not accepted: the same, whatever the client says to it", () => {
    const { turn } = check(bearer(rfc), { kind: "refused" });
    assert.equal(JSON.parse(challengeOf(turn)).status, "invalid_token");
    for (const response of ["\x01", "", "x"]) assert.equal(respond(turn, response).kind, "refused");
    assert.ok(turn.kind === "challenge");
    assert.equal(turn.cancelled?.kind, "refused", "to cancel here is no way round a failed login");
  });

  test("when nobody can say, nobody says wrong", () => {
    const unavailable = { kind: "unavailable", cause: "x" } as const;
    assert.deepEqual(check(bearer(rfc), unavailable).turn, unavailable);
  });

  for (const [name, message, username] of [
    ["no authzid", `n,,\x01auth=Bearer ${TOKEN}\x01\x01`, undefined],
    ["y", `y,,\x01auth=Bearer ${TOKEN}\x01\x01`, undefined],
    ["the scheme in any case", `n,a=alice,\x01auth=bEARER  ${TOKEN}\x01\x01`, "alice"],
    ["an escaped name", `n,a=a=2Cb=3Dc,\x01auth=Bearer ${TOKEN}\x01\x01`, "a,b=c"],
    ["unknown keys", `n,,\x01qs=a=b&c\x01auth=Bearer ${TOKEN}\x01foo=\r\n\t \x01\x01`, undefined],
  ] as const) {
    test(name, () =>
      assert.deepEqual(check(bearer(message), GRANTED).asked, { kind: "token", username, token: TOKEN }),
    );
  }

  for (const [name, message] of [
    ["nothing", ""],
    ["the dummy response", "\x01"],
    ["no header", `auth=Bearer ${TOKEN}\x01\x01`],
    ["a channel bound", `p=tls-exporter,,\x01auth=Bearer ${TOKEN}\x01\x01`],
    ["no separator after the header", `n,,auth=Bearer ${TOKEN}\x01\x01`],
    ["no separator at the end", `n,,\x01auth=Bearer ${TOKEN}\x01`],
    ["too many separators", `n,,\x01auth=Bearer ${TOKEN}\x01\x01\x01`],
    ["no auth", "n,,\x01host=x\x01\x01"],
    ["two auths", `n,,\x01auth=Bearer x\x01auth=Bearer ${TOKEN}\x01\x01`],
    ["a key that is none", `n,,\x01a1=x\x01auth=Bearer ${TOKEN}\x01\x01`],
    ["a control character", `n,,\x01host=\0\x01auth=Bearer ${TOKEN}\x01\x01`],
    ["octets that are not UTF-8", Buffer.from(`n,a=\xff,\x01auth=Bearer ${TOKEN}\x01\x01`, "latin1")],
  ] as const) {
    test(`malformed: ${name}`, () => assert.equal(bearer(message).kind, "malformed"));
  }

  for (const auth of [
    "Basic YTpi",
    "Bearer",
    "Bearer ",
    "Bearer a b",
    "Bearer a\tb",
    `Bearer =${TOKEN}`,
    TOKEN,
  ]) {
    test(`refused without a question: ${JSON.stringify(auth)}`, () => {
      assert.equal(JSON.parse(challengeOf(bearer(`n,,\x01auth=${auth}\x01\x01`))).status, "invalid_token");
    });
  }
});

describe("XOAUTH2", () => {
  test("user and token", () => {
    const { asked, turn } = check(xoauth2(`user=alice@example.org\x01auth=Bearer ${TOKEN}\x01\x01`), GRANTED);
    assert.deepEqual(asked, { kind: "token", username: "alice@example.org", token: TOKEN });
    assert.deepEqual(turn, GRANTED);
  });

  test("a refusal as Google words it, and an empty response", () => {
    const { turn } = check(xoauth2(`user=alice\x01auth=Bearer ${TOKEN}\x01\x01`), { kind: "refused" });
    assert.equal(JSON.parse(challengeOf(turn)).status, "401");
    assert.equal(respond(turn, "").kind, "refused");
  });

  for (const message of [
    "",
    "\x01\x01",
    `user=\x01auth=Bearer ${TOKEN}\x01\x01`,
    `auth=Bearer ${TOKEN}\x01\x01`,
    "user=alice\x01\x01",
    `user=alice\x01auth=Bearer ${TOKEN}\x01`,
    `n,a=alice,\x01auth=Bearer ${TOKEN}\x01\x01`,
  ]) {
    test(`malformed: ${JSON.stringify(message)}`, () => assert.equal(xoauth2(message).kind, "malformed"));
  }
});

test("anything at all is an answer and no exception", () => {
  const piece = fc.constantFrom(
    "n",
    ",",
    "a=",
    "\x01",
    "auth=",
    "Bearer ",
    "user=",
    TOKEN,
    "host=",
    "é",
    "\0",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 14 }), fc.uint8Array({ maxLength: 40 }), (pieces, octets) => {
      for (const message of [Buffer.from(pieces.join("")), Buffer.from(octets)]) {
        for (const turn of [bearer(message), xoauth2(message)]) {
          assert.match(turn.kind, /^(check|challenge|malformed)$/);
        }
      }
    }),
  );
});
