/** Makes the checks that mechanisms ask for. The edge of shared/sasl/: the rest is pure. */
import { randomBytes } from "node:crypto";
import type { Authenticator } from "../accounts/account.js";
import type { Check, Checked } from "./mechanism.js";

/** RFC 5802 leaves the length open; so many random octets nobody meets twice. Without a comma, being base64. */
const NONCE_OCTETS = 18;

/** Whether a client learns from the result of a check if it has guessed right: of such checks there must not be many. */
export function isGuess({ kind }: Check): boolean {
  return kind !== "SCRAM keys";
}

/** Never rejects. */
export async function performCheck(authenticator: Authenticator, check: Check): Promise<Checked> {
  switch (check.kind) {
    case "password":
      return authenticator.authenticate(check.username, check.password);
    case "token":
      return authenticator.authenticateToken(check.username, check.token);
    case "SCRAM keys": {
      const lookup = await authenticator.scramKeys(check.username);
      if (lookup.kind === "unavailable") return lookup;
      return { ...lookup, nonce: randomBytes(NONCE_OCTETS).toString("base64") };
    }
    case "SCRAM proof":
      if (!check.proved || check.account === undefined) return { kind: "refused" };
      return authenticator.confirm(check.account);
  }
}
