/** BLF-CRYPT, bcrypt: `$2y$cost$salt+hash`. Pure; the work is bcryptjs's. */
import { compareSync } from "bcryptjs";
import type { Credential } from "./credential.js";

const FORM = /^\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}$/;

export function parseBcrypt(stored: Buffer): Credential | undefined {
  const text = stored.toString("latin1");
  const cost = FORM.exec(text)?.[1];
  if (cost === undefined) return undefined;
  return {
    scheme: "BLF-CRYPT",
    work: `BLF-CRYPT ${cost}`,
    // bcrypt reads 72 octets at most, here as everywhere.
    verify: (password) => compareSync(password.toString(), text),
  };
}
