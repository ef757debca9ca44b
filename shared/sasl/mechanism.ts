/**
 * What a SASL mechanism is to the daemons (RFC 4422), as the server. Types, and what mechanisms have in common. Pure.
 *
 * A mechanism is a small state machine in octets: each turn is a challenge with the function that takes the response to
 * it, a check that somebody else has to make with the function that takes its result, or the end. Nothing is kept but in
 * those functions, so an exchange that is dropped, at whatever point, leaves nothing behind.
 */
import type { Account, ScramLookup, Verdict } from "../accounts/account.js";

export type MechanismName =
  | "SCRAM-SHA-256-PLUS"
  | "SCRAM-SHA-256"
  | "PLAIN"
  | "LOGIN"
  | "OAUTHBEARER"
  | "XOAUTH2";

export interface Mechanism {
  readonly name: MechanismName;
  /**
   * The challenge that the exchange begins with. A client that sends an initial response answers it unseen.
   * @param channelBinding data of the one type that is offered, tls-exporter; undefined where none is offered
   */
  readonly begin: (channelBinding: Buffer | undefined) => Challenge;
}

export type Turn = Challenge | Asking | Outcome;

export interface Challenge {
  readonly kind: "challenge";
  readonly octets: Buffer;
  readonly respond: (response: Buffer) => Turn;
  /** What it comes to when the client cancels here; "cancelled" by default. */
  readonly cancelled?: Outcome;
}

export interface Asking {
  readonly kind: "check";
  readonly check: Check;
  readonly take: (result: Checked) => Turn;
}

/** What came of an exchange. What is not of the mechanism's form is malformed, and no failed login. */
export type Outcome = Verdict | { readonly kind: "malformed" };

/** What a mechanism cannot do itself, as data (check.ts does it). */
export type Check =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  | { readonly kind: "token"; readonly username: string | undefined; readonly token: string }
  | { readonly kind: "SCRAM keys"; readonly username: string }
  | {
      readonly kind: "SCRAM proof";
      readonly username: string;
      /** Whose keys were looked up. */
      readonly account: Account | undefined;
      /** Whether the client has proved that it knows the password. */
      readonly proved: boolean;
    };

/** Its result: for "SCRAM keys" a ScramLookup and the server's part of the nonce, for the others a verdict. */
export type Checked = Verdict | (Extract<ScramLookup, { kind: "keys" }> & { readonly nonce: string });

export const MALFORMED: Outcome = { kind: "malformed" };

/** Acting for somebody else is not offered by any mechanism. */
export const FOR_ANOTHER: Outcome = { kind: "refused", reason: "login on behalf of another user" };

/** The turn after a check that gives a verdict. */
export function verdictOf(result: Checked): Verdict {
  if (result.kind === "keys") throw new Error("keys are no verdict");
  return result;
}
