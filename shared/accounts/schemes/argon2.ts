/**
 * ARGON2ID (RFC 9106), in the usual form `$argon2id$v=19$m=…,t=…,p=…$salt$hash`. The work is that of the optional
 * library @node-rs/argon2, loaded when first needed; whoever loads accounts asks beforehand whether it is there.
 */
import type { Credential } from "./credential.js";

export const ARGON2_LIBRARY = "@node-rs/argon2";

const FORM = /^\$argon2id\$v=19\$(m=\d{1,9},t=\d{1,9},p=\d{1,3})\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+$/;

export function parseArgon2id(stored: Buffer): Credential | undefined {
  const text = stored.toString("latin1");
  const settings = FORM.exec(text)?.[1];
  if (settings === undefined) return undefined;
  return {
    scheme: "ARGON2ID",
    work: `ARGON2ID ${settings}`,
    library: ARGON2_LIBRARY,
    verify: async (password) => {
      const argon2 = await import("@node-rs/argon2");
      return argon2.verifySync(text, password);
    },
  };
}

/** Whether the library is installed and can be loaded on this machine. */
export async function canUseArgon2(): Promise<boolean> {
  try {
    await import("@node-rs/argon2");
    return true;
  } catch {
    return false;
  }
}
