/**
 * SHA256-CRYPT and SHA512-CRYPT, `$5$salt$hash` and `$6$rounds=n$salt$hash`, after "Unix crypt using SHA-256 and SHA-512" by
 * Ulrich Drepper, whose names for the digests are kept. Pure.
 *
 * The package unixcrypt is not used, because it (3.0.4) gets passwords wrong whose length is a multiple of the digest's:
 * those of 32 or 64 octets, as a password manager likes to make them.
 */
import { hash } from "node:crypto";
import { equalSecrets } from "./constant-time.js";
import type { Credential } from "./credential.js";

interface Variant {
  readonly scheme: string;
  readonly algorithm: "sha256" | "sha512";
  /** The digest is written in groups of three octets, one from each third of it … */
  readonly third: number;
  /** … of which each group begins that many thirds later than the one before. */
  readonly turn: number;
  readonly characters: number;
}

const VARIANTS: Readonly<Record<string, Variant>> = {
  "5": { scheme: "SHA256-CRYPT", algorithm: "sha256", third: 10, turn: 2, characters: 43 },
  "6": { scheme: "SHA512-CRYPT", algorithm: "sha512", third: 21, turn: 1, characters: 86 },
};

const FORM = /^\$([56])\$(?:rounds=([1-9]\d{3,8})\$)?([^$:]{0,16})\$([./0-9A-Za-z]+)$/;
const ROUNDS_DEFAULT = 5000;
const DIGITS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

export function parseShaCrypt(stored: Buffer): Credential | undefined {
  const [, id = "", written, salt = "", encoded = ""] = FORM.exec(stored.toString()) ?? [];
  const variant = VARIANTS[id];
  if (variant === undefined || encoded.length !== variant.characters) return undefined;
  const rounds = written === undefined ? ROUNDS_DEFAULT : Number(written);
  return {
    scheme: variant.scheme,
    work: `${variant.scheme} ${rounds}`,
    verify: (password) => {
      const computed = encode(digestOf(password, Buffer.from(salt), rounds, variant), variant);
      return equalSecrets(Buffer.from(computed), Buffer.from(encoded));
    },
  };
}

function digestOf(password: Buffer, salt: Buffer, rounds: number, { algorithm }: Variant): Buffer {
  const H = (...parts: readonly Buffer[]) => hash(algorithm, Buffer.concat(parts), "buffer");
  const B = H(password, salt, password);
  const A = H(password, salt, repeated(B, password.length), ...choiceByBits(password.length, B, password));
  const DP = H(repeated(password, password.length ** 2));
  const P = repeated(DP, password.length);
  const DS = H(repeated(salt, salt.length * (16 + (A[0] ?? 0))));
  const S = repeated(DS, salt.length);
  const nothing = Buffer.alloc(0);
  let C = A;
  for (let round = 0; round < rounds; round++) {
    const odd = round % 2 === 1;
    C = H(odd ? P : C, round % 3 === 0 ? nothing : S, round % 7 === 0 ? nothing : P, odd ? C : P);
  }
  return C;
}

/** `octets` over and over, `length` in all. */
function repeated(octets: Buffer, length: number): Buffer {
  return Buffer.alloc(length, octets);
}

/** For each binary digit of `number`, from the lowest: `one` or `zero`. */
function choiceByBits(number: number, one: Buffer, zero: Buffer): Buffer[] {
  const digits = number === 0 ? "" : number.toString(2);
  return [...digits].reverse().map((digit) => (digit === "1" ? one : zero));
}

function encode(digest: Buffer, { third, turn }: Variant): string {
  let text = "";
  for (let group = 0; group < third; group++) {
    const octet = (i: number) => digest[group + third * ((i + group * turn) % 3)] ?? 0;
    text += encodeNumber((octet(0) << 16) | (octet(1) << 8) | octet(2), 4);
  }
  const rest = digest.length - 3 * third;
  return text + encodeNumber(digest.readUIntLE(3 * third, rest), rest + 1);
}

/** Six bits a character, the lowest first. */
function encodeNumber(number: number, characters: number): string {
  return Array.from({ length: characters }, (_, i) => DIGITS[(number >>> (6 * i)) & 63]).join("");
}
