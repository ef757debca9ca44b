/**
 * The keys that SCRAM-SHA-256 needs for a user name: the account's, or made of its password where that is stored as it
 * is, or a stand-in. Pure: the caller brings the key.
 *
 * A stand-in is made the same way, at the same cost, from the password field that a check would be made against
 * (credentials.ts): with its iterations, and a salt as long, which is the same whenever the name is tried again. Of a
 * password that is not stored in SCRAM's own way the salt is made like that too, so that it tells nothing.
 */
import { createHmac } from "node:crypto";
import { prepareQuery } from "../sasl/saslprep.js";
import type { ScramKeys } from "./account.js";
import { deriveScramKeys, ITERATIONS_MIN, SALT_OCTETS, SHA256_OCTETS } from "./schemes/scram.js";
import { readStoredPassword } from "./schemes.js";

/**
 * @param name the address that was looked up, or whatever somebody logs in as
 * @param stored the password field; another account's for a stand-in
 * @param own whether it is that of the account with this name
 * @param key secret, and always the same
 */
export async function scramKeysFor(
  name: string,
  { stored, own }: { readonly stored: string; readonly own: boolean },
  key: Buffer,
): Promise<{ readonly keys: ScramKeys; readonly own: boolean }> {
  const read = readStoredPassword(stored);
  const scram = read.kind === "credential" ? read.credential.scram : undefined;
  const octets = (purpose: string, count: number) => derivedOctets(key, `${purpose}\0${name}`, count);
  if (scram !== undefined && "salt" in scram) {
    const standIn = {
      iterations: scram.iterations,
      salt: octets("salt", scram.salt.length),
      storedKey: octets("StoredKey", SHA256_OCTETS),
      serverKey: octets("ServerKey", SHA256_OCTETS),
    };
    return { keys: own ? scram : standIn, own };
  }
  // The client prepares what it is given; a field that SASLprep does not know is taken as it is. The fewest iterations
  // do: whoever steals the file need not guess.
  const password = scram?.password ?? octets("password", SHA256_OCTETS);
  const prepared = Buffer.from(prepareQuery(password.toString()) ?? password);
  const keys = await deriveScramKeys(prepared, octets("salt", SALT_OCTETS), ITERATIONS_MIN);
  return { keys, own: own && scram !== undefined };
}

/** Octets that nobody can tell from chance who does not know the key. */
function derivedOctets(key: Buffer, purpose: string, count: number): Buffer {
  const blocks: Buffer[] = [];
  for (let i = 0; i * SHA256_OCTETS < count; i++) {
    blocks.push(createHmac("sha256", key).update(`${i}\0${purpose}`).digest());
  }
  return Buffer.concat(blocks).subarray(0, count);
}
