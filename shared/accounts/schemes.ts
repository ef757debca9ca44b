/**
 * The password field of an account: which scheme it is in, and what that scheme makes of it. Pure.
 *
 * As Dovecot reads it: `{SCHEME}data`, the scheme in any case, with `.b64`, `.base64` or `.hex` after its name where the data
 * is so encoded; a field without a scheme is CRYPT, the default of Dovecot's passwd-file. An empty field, and one that
 * begins with `*` or `!` (passwd(1) locks accounts so), is an account that gets mail and that nobody can log in to.
 */
import { parseArgon2id } from "./schemes/argon2.js";
import { parseBcrypt } from "./schemes/bcrypt.js";
import type { Credential, ParseCredential } from "./schemes/credential.js";
import { parsePbkdf2 } from "./schemes/pbkdf2.js";
import { parsePlain } from "./schemes/plain.js";
import { parseSsha256, parseSsha512 } from "./schemes/salted-sha.js";
import { parseScramSha256 } from "./schemes/scram.js";
import { parseShaCrypt } from "./schemes/sha-crypt.js";

/** A password field, read. What is `wrong` with it is told without telling any of it. */
export type StoredPassword =
  | { readonly kind: "credential"; readonly credential: Credential }
  | { readonly kind: "locked" }
  | { readonly kind: "unusable"; readonly wrong: string };

type Encoding = "text" | "base64" | "hex";

interface Scheme {
  readonly parse: ParseCredential;
  readonly encoding: Encoding;
  /** What stands behind the braces, for errors. */
  readonly form: string;
}

const CRYPT_FORM = "$5$…, $6$… or $2y$…";
const crypt: Scheme = { parse: parseCrypt, encoding: "text", form: CRYPT_FORM };
const plain: Scheme = { parse: parsePlain, encoding: "text", form: "the password, not empty" };

const SCHEMES: ReadonlyMap<string, Scheme> = new Map([
  [
    "SCRAM-SHA-256",
    {
      parse: parseScramSha256,
      encoding: "text",
      form: "iterations (4096 to 10000000), salt, StoredKey and ServerKey",
    },
  ],
  ["PLAIN", plain],
  ["CLEARTEXT", plain],
  ["CLEAR", plain],
  ["SSHA256", { parse: parseSsha256, encoding: "base64", form: "a SHA-256 hash and a salt" }],
  ["SSHA512", { parse: parseSsha512, encoding: "base64", form: "a SHA-512 hash and a salt" }],
  // Dovecot gives all three to crypt(3), which goes by the prefix alone.
  ["SHA256-CRYPT", crypt],
  ["SHA512-CRYPT", crypt],
  ["CRYPT", crypt],
  ["BLF-CRYPT", { parse: parseBcrypt, encoding: "text", form: "$2y$cost$…" }],
  ["ARGON2ID", { parse: parseArgon2id, encoding: "text", form: "$argon2id$v=19$m=…,t=…,p=…$salt$hash" }],
  ["PBKDF2", { parse: parsePbkdf2, encoding: "text", form: "$1$salt$rounds$hash" }],
]);

/** Schemes of Dovecot that are not read here: their names are certainly no passwords and may stand in an error. */
const FOREIGN_SCHEMES: ReadonlySet<string> = new Set([
  "ARGON2I",
  "CRAM-MD5",
  "DES-CRYPT",
  "DIGEST-MD5",
  "HMAC-MD5",
  "LDAP-MD5",
  "MD5",
  "MD5-CRYPT",
  "OTP",
  "PLAIN-MD4",
  "PLAIN-MD5",
  "PLAIN-TRUNC",
  "SCRAM-SHA-1",
  "SHA",
  "SHA1",
  "SHA256",
  "SHA512",
  "SMD5",
  "SSHA",
]);

const ENCODINGS: ReadonlyMap<string, Encoding> = new Map([
  ["B64", "base64"],
  ["BASE64", "base64"],
  ["HEX", "hex"],
]);

export const SCHEME_NAMES: readonly string[] = [...SCHEMES.keys()];

/** Reads a password field. */
export function readStoredPassword(field: string): StoredPassword {
  if (field === "" || field.startsWith("*") || field.startsWith("!")) return { kind: "locked" };
  const [, named, rest] = /^\{([^}]*)\}(.*)$/s.exec(field) ?? [];
  if (named === undefined || rest === undefined) {
    return read(
      crypt,
      "text",
      field,
      `no scheme is named, and it is not ${CRYPT_FORM}; allowed is {SCHEME} in front`,
    );
  }
  const [name = "", suffix, ...more] = named.toUpperCase().split(".");
  const scheme = SCHEMES.get(name);
  const encoding = suffix === undefined ? scheme?.encoding : ENCODINGS.get(suffix);
  if (scheme === undefined || encoding === undefined || more.length > 0) {
    const which = FOREIGN_SCHEMES.has(name) ? `scheme ${name} is not supported` : "its scheme is unknown";
    return { kind: "unusable", wrong: `${which}; allowed are ${SCHEME_NAMES.join(", ")}` };
  }
  const encoded = encoding === "text" ? "" : `, encoded in ${encoding}`;
  return read(scheme, encoding, rest, `not a ${name} password; allowed is ${scheme.form}${encoded}`);
}

function read(scheme: Scheme, encoding: Encoding, text: string, wrong: string): StoredPassword {
  const data = decode(text, encoding);
  const credential = data && scheme.parse(data);
  return credential ? { kind: "credential", credential } : { kind: "unusable", wrong };
}

function decode(text: string, encoding: Encoding): Buffer | undefined {
  switch (encoding) {
    case "text":
      return Buffer.from(text);
    case "base64":
      return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text)
        ? Buffer.from(text, "base64")
        : undefined;
    case "hex":
      return text.length % 2 === 0 && /^[0-9a-f]*$/i.test(text) ? Buffer.from(text, "hex") : undefined;
  }
}

/** CRYPT, crypt(3): its prefix says which hash it is. Those that are older than SHA-2 are not accepted. */
function parseCrypt(stored: Buffer): Credential | undefined {
  return parseShaCrypt(stored) ?? parseBcrypt(stored);
}
