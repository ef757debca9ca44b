/** An authenticator without accounts. */
import type { Authenticator } from "../../shared/accounts/account.js";

const REFUSED = { kind: "refused" } as const;

export const NOBODY: Authenticator = {
  takesScram: false,
  takesTokens: false,
  authenticate: async () => REFUSED,
  authenticateToken: async () => REFUSED,
  scramKeys: async () => ({ kind: "unavailable", cause: new Error("there are no accounts") }),
  confirm: () => REFUSED,
};
