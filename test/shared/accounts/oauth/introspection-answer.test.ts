import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { readTokenAnswer, type TokenRules } from "../../../../shared/accounts/oauth/introspection-answer.js";

const NOW = 1_800_000_000_000;
const GOOD = { active: true, username: "alice", exp: NOW / 1000 + 60, scope: "mail openid", aud: "us" };
const PLAIN: TokenRules = { usernameClaim: "username" };

function kindOf(change: object, rules: Partial<TokenRules> = {}): string {
  return readTokenAnswer(JSON.stringify({ ...GOOD, ...change }), { ...PLAIN, ...rules }, NOW)?.kind ?? "none";
}

const rows: readonly (readonly [string, object, Partial<TokenRules>, string])[] = [
  ["a good one", {}, {}, "active"],
  ["without an end", { exp: undefined }, {}, "active"],
  ["that ends now", { exp: NOW / 1000 }, {}, "refused"],
  ["that begins now", { nbf: NOW / 1000 }, {}, "active"],
  ["that begins later", { nbf: NOW / 1000 + 1 }, {}, "refused"],
  ["whose end is a text", { exp: "2030-01-01" }, {}, "none"],
  ["that is not active", { active: false }, {}, "refused"],
  ["that is active by a text", { active: "true" }, {}, "none"],
  ["that is active by a number", { active: 1 }, {}, "none"],
  ["without a user", { username: undefined }, {}, "refused"],
  ["with an empty user", { username: "" }, {}, "refused"],
  ["with a user that is no text", { username: ["alice"] }, {}, "refused"],
  ["with the user in another claim", { email: "a@b.example" }, { usernameClaim: "email" }, "active"],
  ["with a claim that objects inherit", {}, { usernameClaim: "constructor" }, "refused"],
  ["with the scope", {}, { scope: "mail" }, "active"],
  ["with both scopes", {}, { scope: "openid mail" }, "active"],
  ["with one scope of two", {}, { scope: "mail pop" }, "refused"],
  ["with a scope that only begins so", { scope: "mailbox" }, { scope: "mail" }, "refused"],
  ["without a scope", { scope: undefined }, { scope: "mail" }, "refused"],
  ["for the audience", {}, { audience: "us" }, "active"],
  ["for several audiences", { aud: ["them", "us"] }, { audience: "us" }, "active"],
  ["for another audience", { aud: ["them", "usual"] }, { audience: "us" }, "refused"],
  ["for nobody in particular", { aud: undefined }, { audience: "us" }, "refused"],
];

describe("a token", () => {
  for (const [what, change, rules, kind] of rows) {
    test(what, () => assert.equal(kindOf(change, rules), kind));
  }
});

test("an answer that ends tells when", () => {
  const answer = readTokenAnswer(JSON.stringify(GOOD), PLAIN, NOW);
  assert.deepEqual(answer, { kind: "active", username: "alice", expiresAt: NOW + 60_000 });
});

test("no other text grants anything", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      const answer = readTokenAnswer(text, PLAIN, NOW);
      assert.ok(answer === undefined || answer.kind === "refused");
    }),
  );
});
