/** SSHA256 and SSHA512 (RFC 2307's SSHA with longer hashes): base64 of SHA-2(password + salt) + salt. Pure. */
import { createHash } from "node:crypto";
import { equalHashes } from "./constant-time.js";
import type { ParseCredential } from "./credential.js";

export const parseSsha256 = saltedSha("SSHA256", "sha256", 32);
export const parseSsha512 = saltedSha("SSHA512", "sha512", 64);

function saltedSha(scheme: string, algorithm: string, digestOctets: number): ParseCredential {
  return (stored) => {
    const digest = stored.subarray(0, digestOctets);
    const salt = stored.subarray(digestOctets);
    if (salt.length === 0) return undefined;
    return {
      scheme,
      work: scheme,
      verify: (password) => equalHashes(createHash(algorithm).update(password).update(salt).digest(), digest),
    };
  };
}
