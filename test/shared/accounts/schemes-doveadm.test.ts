/** Password schemes with Dovecot's own tool: we verify what it writes, and it verifies what we write. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { canUseArgon2 } from "../../../shared/accounts/schemes/argon2.js";
import { hashScramSha256 } from "../../../shared/accounts/schemes/scram.js";
import { readStoredPassword } from "../../../shared/accounts/schemes.js";
import { without } from "../../peers.js";

const run = promisify(execFile);

const SPACES = " pass word ";
const UTF8 = "gehäim";
const OCTETS_32 = "abcdefghijklmnopqrstuvwxyz012345";
const OCTETS_64 = OCTETS_32 + OCTETS_32;

async function fits(stored: string, password: string): Promise<boolean> {
  const read = readStoredPassword(stored);
  assert.ok(read.kind === "credential", `${stored} is ${read.kind}`);
  return read.credential.verify(Buffer.from(password));
}

describe("with doveadm", { skip: without("doveadm") }, async () => {
  const schemes = [
    "SCRAM-SHA-256",
    "PLAIN",
    "CLEARTEXT",
    "SSHA256",
    "SSHA512",
    "SHA256-CRYPT",
    "SHA512-CRYPT",
  ];
  schemes.push("CRYPT", "BLF-CRYPT", "PBKDF2", "SSHA256.hex", "SSHA512.b64", "PLAIN.hex", "SHA512-CRYPT.b64");
  if (await canUseArgon2()) schemes.push("ARGON2ID", "ARGON2ID.hex");

  for (const scheme of schemes) {
    test(`we verify what it writes: ${scheme}`, async () => {
      for (const password of [SPACES, UTF8, OCTETS_32, OCTETS_64, "x".repeat(257)]) {
        const { stdout } = await run("doveadm", ["pw", "-s", scheme, "-p", password]);
        const stored = stdout.replace(/\n$/, "");
        assert.equal(await fits(stored, password), true, stored);
        assert.equal(await fits(stored, `.${password}`), false, stored);
      }
    });
  }

  for (const password of [SPACES, UTF8, OCTETS_64]) {
    test(`it verifies what we write: ${password}`, async () => {
      const stored = hashScramSha256(password);
      const { stdout } = await run("doveadm", ["pw", "-t", stored, "-p", password]);
      assert.match(stdout, /verified/);
      await assert.rejects(run("doveadm", ["pw", "-t", stored, "-p", `${password}.`]));
    });
  }

  test("we verify its crypt of short and long passwords", async () => {
    for (const scheme of ["SHA256-CRYPT", "SHA512-CRYPT"]) {
      for (let length = 1; length <= 130; length += 13) {
        const password = "0123456789".repeat(13).slice(0, length);
        const { stdout } = await run("doveadm", ["pw", "-s", scheme, "-r", "1000", "-p", password]);
        assert.equal(await fits(stdout.trim(), password), true, stdout);
      }
    }
  });
});
