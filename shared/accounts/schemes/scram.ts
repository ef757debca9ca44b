/**
 * SCRAM-SHA-256 (RFC 5802, RFC 7677), stored as Dovecot does: `iterations,salt,StoredKey,ServerKey`, the last three in
 * base64. The password cannot be read from it, a client may prove that it knows the password without sending it, and a
 * plain login can be checked as well. Pure, except that a new salt is random.
 *
 * RFC 5802 §2.2 asks for SASLprep (RFC 4013) of the password. Dovecot hashes the octets that it was given; the file is
 * shared with it, so the same is done here, and whoever stores or checks a password prepares it. For ASCII there is no
 * difference.
 */
import { createHmac, hash, pbkdf2, pbkdf2Sync, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import type { ScramKeys } from "../account.js";
import { equalHashes } from "./constant-time.js";
import type { Credential } from "./credential.js";

/**
 * For new passwords. RFC 7677 §4 recommends what takes a tenth of a second: Dovecot, which may read the same file, needs
 * 110 ms for it on a machine of two cores on which we need 25 ms. Ten times more would be stronger against a stolen file,
 * but a telephone that logs in by SCRAM has to do the same work every time, and so have we for each guess of a stranger.
 */
export const SCRAM_ITERATIONS = 100_000;
/** RFC 7677 §4; Dovecot refuses fewer. */
export const ITERATIONS_MIN = 4096;
/** Some seconds of work: whoever wrote more into the file has made a mistake. */
const ITERATIONS_MAX = 10_000_000;

export const SHA256_OCTETS = 32;
export const SALT_OCTETS = 16;
const BASE64 = "[A-Za-z0-9+/]+={0,2}";
const FORM = new RegExp(`^([1-9]\\d{0,7}),(${BASE64}),(${BASE64}),(${BASE64})$`);

export function parseScramSha256(stored: Buffer): Credential | undefined {
  const [, count, salt64, storedKey64, serverKey64] = FORM.exec(stored.toString("latin1")) ?? [];
  const iterations = Number(count);
  const salt = Buffer.from(salt64 ?? "", "base64");
  const storedKey = Buffer.from(storedKey64 ?? "", "base64");
  const serverKey = Buffer.from(serverKey64 ?? "", "base64");
  if (!(iterations >= ITERATIONS_MIN && iterations <= ITERATIONS_MAX) || salt.length === 0) return undefined;
  if (storedKey.length !== SHA256_OCTETS || serverKey.length !== SHA256_OCTETS) return undefined;
  return {
    scheme: "SCRAM-SHA-256",
    work: `SCRAM-SHA-256 ${iterations}`,
    scram: { iterations, salt, storedKey, serverKey },
    verify: (password) => equalHashes(keysOf(password, salt, iterations).storedKey, storedKey),
  };
}

/** The password field of a new password, `{SCRAM-SHA-256}…`. Takes as long as a check does. */
export function hashScramSha256(
  password: string,
  iterations: number = SCRAM_ITERATIONS,
  salt: Buffer = randomBytes(SALT_OCTETS),
): string {
  const { storedKey, serverKey } = keysOf(Buffer.from(password), salt, iterations);
  const parts = [salt, storedKey, serverKey].map((octets) => octets.toString("base64"));
  return `{SCRAM-SHA-256}${iterations},${parts.join(",")}`;
}

/** The keys of a password, made without holding up the event loop. */
export async function deriveScramKeys(
  password: Buffer,
  salt: Buffer,
  iterations: number,
): Promise<ScramKeys> {
  const salted = await promisify(pbkdf2)(password, salt, iterations, SHA256_OCTETS, "sha256");
  return { salt, iterations, ...keysOfSalted(salted) };
}

/**
 * Whether a client has proved that it knows the password (RFC 5802 §3).
 * @param signed AuthMessage
 * @param proof ClientProof = ClientKey XOR ClientSignature
 */
export function provesPassword({ storedKey }: ScramKeys, signed: Buffer, proof: Buffer): boolean {
  if (proof.length !== SHA256_OCTETS) return false;
  const signature = hmac(storedKey, signed);
  const clientKey = proof.map((octet, i) => octet ^ (signature[i] ?? 0));
  return equalHashes(hash("sha256", clientKey, "buffer"), storedKey);
}

/** What proves to the client that we know its password, too: ServerSignature. */
export function serverSignature({ serverKey }: ScramKeys, signed: Buffer): Buffer {
  return hmac(serverKey, signed);
}

function keysOf(password: Buffer, salt: Buffer, iterations: number) {
  return keysOfSalted(pbkdf2Sync(password, salt, iterations, SHA256_OCTETS, "sha256"));
}

/** RFC 5802 §3: from SaltedPassword StoredKey, by way of ClientKey, and ServerKey. */
function keysOfSalted(saltedPassword: Buffer) {
  const clientKey = hmac(saltedPassword, "Client Key");
  return { storedKey: hash("sha256", clientKey, "buffer"), serverKey: hmac(saltedPassword, "Server Key") };
}

function hmac(key: Buffer, message: Buffer | string): Buffer {
  return createHmac("sha256", key).update(message).digest();
}
