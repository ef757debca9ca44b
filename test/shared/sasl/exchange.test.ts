/** Exchanges in lines: base64, `*` and `=`; and which mechanisms are offered. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { beginExchange, type Progress } from "../../../shared/sasl/exchange.js";
import { LOGIN } from "../../../shared/sasl/login.js";
import { offeredMechanisms } from "../../../shared/sasl/mechanisms.js";
import { OAUTHBEARER } from "../../../shared/sasl/oauth.js";
import { PLAIN } from "../../../shared/sasl/plain.js";
import { ALICE } from "./played.js";

const encode = (text: string) => Buffer.from(text).toString("base64");

function answer(progress: Progress, line: string): Progress {
  assert.ok(progress.kind === "challenge", progress.kind);
  return progress.respond(line);
}

function text(progress: Progress): string {
  return progress.kind === "challenge" ? progress.text : assert.fail(progress.kind);
}

test("challenges are base64, and so are responses", () => {
  const first = beginExchange(LOGIN, undefined, undefined);
  assert.equal(text(first), encode("Username:"));
  const second = answer(first, encode("alice"));
  assert.equal(text(second), encode("Password:"));
  const asking = answer(second, encode("secret"));
  assert.ok(asking.kind === "check");
  assert.deepEqual(asking.check, { kind: "password", username: "alice", password: "secret" });
  assert.equal(asking.take({ kind: "granted", account: ALICE }).kind, "granted");
});

test("an initial response answers the first challenge unseen", () => {
  assert.equal(text(beginExchange(LOGIN, encode("alice"), undefined)), encode("Password:"));
  assert.equal(beginExchange(PLAIN, encode("\0alice\0secret"), undefined).kind, "check");
});

test("= is an initial response of no octets, and nothing later", () => {
  assert.equal(beginExchange(PLAIN, "=", undefined).kind, "malformed");
  assert.equal(beginExchange(PLAIN, "", undefined).kind, "malformed");
  assert.equal(answer(beginExchange(PLAIN, undefined, undefined), "=").kind, "not base64");
});

test("* cancels, but is no initial response", () => {
  assert.equal(answer(beginExchange(PLAIN, undefined, undefined), "*").kind, "cancelled");
  assert.equal(answer(beginExchange(LOGIN, encode("alice"), undefined), "*").kind, "cancelled");
  assert.equal(beginExchange(PLAIN, "*", undefined).kind, "not base64");
});

test("who cancels after a refusal is refused", () => {
  const asking = beginExchange(OAUTHBEARER, encode("n,,\x01auth=Bearer x\x01\x01"), undefined);
  assert.ok(asking.kind === "check");
  assert.equal(answer(asking.take({ kind: "refused" }), "*").kind, "refused");
});

test("only what can be used is offered, the strongest first", () => {
  const names = (takesScram: boolean, takesTokens: boolean, binding?: Buffer) =>
    offeredMechanisms({ takesScram, takesTokens }, binding)
      .map(({ name }) => name)
      .join(" ");
  const binding = Buffer.from("x");
  assert.equal(names(false, false, binding), "PLAIN LOGIN");
  assert.equal(names(true, false), "SCRAM-SHA-256 PLAIN LOGIN");
  assert.equal(names(true, false, binding), "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN");
  assert.equal(names(false, true, binding), "PLAIN LOGIN OAUTHBEARER XOAUTH2");
});
