/** Playing exchanges against the mechanisms: what is asked for is noted down, and answered as the test says. */
import assert from "node:assert/strict";
import type { Account, ScramKeys } from "../../../shared/accounts/account.js";
import { maildirAt } from "../../../shared/maildir/maildir.js";
import type { Check, Checked, Mechanism, Turn } from "../../../shared/sasl/mechanism.js";

export const ALICE: Account = {
  address: "alice@example.org",
  password: "",
  home: "/srv/alice",
  maildir: maildirAt("/srv/alice/Maildir"),
  extra: new Map(),
};

export const GRANTED: Checked = { kind: "granted", account: ALICE };

/** The octets of the challenge that a turn must be. */
export function challengeOf(turn: Turn): string {
  assert.equal(turn.kind, "challenge");
  return turn.kind === "challenge" ? turn.octets.toString() : "";
}

/** The turn after a response to a challenge. */
export function respond(turn: Turn, response: string | Buffer): Turn {
  assert.ok(turn.kind === "challenge", `${turn.kind} takes no response`);
  return turn.respond(Buffer.from(response));
}

/** The turn after the result of a check, and the check. */
export function check(turn: Turn, result: Checked): { readonly asked: Check; readonly turn: Turn } {
  assert.ok(turn.kind === "check", `${turn.kind} asks for no check`);
  return { asked: turn.check, turn: turn.take(result) };
}

/** The check that a mechanism asks for after these responses; undefined when it has not understood them. */
export function askedBy(mechanism: Mechanism, ...responses: readonly (string | Buffer)[]): Check | undefined {
  let turn: Turn = mechanism.begin(undefined);
  for (const response of responses) {
    if (turn.kind === "malformed") return undefined;
    turn = respond(turn, response);
  }
  if (turn.kind === "malformed") return undefined;
  assert.ok(turn.kind === "check", turn.kind);
  return turn.check;
}

export function keysFound(keys: ScramKeys, account: Account | undefined, nonce: string): Checked {
  return { kind: "keys", keys, account, nonce };
}
