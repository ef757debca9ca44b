/** PLAIN, alias CLEARTEXT and CLEAR: the password itself. Pure. */
import { equalSecrets } from "./constant-time.js";
import type { Credential } from "./credential.js";

/** Any octets but none: an empty password would let everybody in. */
export function parsePlain(stored: Buffer): Credential | undefined {
  if (stored.length === 0) return undefined;
  return {
    scheme: "PLAIN",
    work: "PLAIN",
    scram: { password: stored },
    verify: (password) => equalSecrets(password, stored),
  };
}
