/** PBKDF2 as Dovecot writes it: `$1$salt$rounds$hex`, HMAC-SHA-1 (RFC 8018), the salt taken as the text it is. Pure. */
import { pbkdf2Sync } from "node:crypto";
import { equalHashes } from "./constant-time.js";
import type { Credential } from "./credential.js";

const FORM = /^\$1\$([^$]+)\$([1-9]\d{0,8})\$([0-9a-f]{40})$/i;
const SHA1_OCTETS = 20;

export function parsePbkdf2(stored: Buffer): Credential | undefined {
  const [, salt, rounds, hex] = FORM.exec(stored.toString()) ?? [];
  if (salt === undefined || rounds === undefined || hex === undefined) return undefined;
  const key = Buffer.from(hex, "hex");
  return {
    scheme: "PBKDF2",
    work: `PBKDF2 ${rounds}`,
    verify: (password) => equalHashes(pbkdf2Sync(password, salt, Number(rounds), SHA1_OCTETS, "sha1"), key),
  };
}
