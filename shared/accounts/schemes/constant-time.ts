/** Comparing secrets so that the time taken says nothing about where they differ. Pure. */
import { hash, timingSafeEqual } from "node:crypto";

/** Whether two hashes are equal; their lengths are no secret. */
export function equalHashes(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Whether two secrets are equal, whose lengths are secret too: hashes of them are compared. */
export function equalSecrets(a: Buffer, b: Buffer): boolean {
  return timingSafeEqual(hash("sha256", a, "buffer"), hash("sha256", b, "buffer"));
}
