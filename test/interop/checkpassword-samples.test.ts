/** The programs of etc/checkpassword/, run as pop3d runs them: for LDAP before a stand-in for ldapwhoami, for SQL with a database. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { CheckerProcess } from "../../shared/accounts/checkpassword/checker-process.js";
import { checkerInput, programToRun, readCheckerEnd } from "../../shared/accounts/checkpassword/interface.js";
import { without } from "../peers.js";
import { temporaryDirectory } from "../temporary-directory.js";
import { succeed } from "./run.js";

const SAMPLES = fileURLToPath(new URL("../../../etc/checkpassword/", import.meta.url));
const PATH = "/usr/local/bin:/usr/bin:/bin";
const WORD = "word";

/** What the program says of a name and a password. */
async function verdict(
  path: string,
  args: readonly string[],
  name: string,
  password: string,
): Promise<string> {
  const input = checkerInput(name, password, "1795317347");
  assert.ok(input !== undefined);
  const checker = new CheckerProcess({
    program: "/usr/bin/env",
    args: [`PATH=${path}`, ...args, ...programToRun("/usr/bin/env", WORD)],
    input,
    msMax: 20_000,
  });
  const end = await checker.outcome;
  await checker.ended;
  return readCheckerEnd(end, WORD).kind;
}

test("check-ldap binds as the user, and as nobody else", { skip: without("bash") }, async (t) => {
  const directory = await temporaryDirectory(t);
  const bin = join(directory, "bin");
  await mkdir(bin);
  // The exit codes are those of LDAP's results; the password comes by a file that is none.
  const standIn = `#!/bin/bash
while getopts xH:D:y: option; do [ $option = D ] && dn=$OPTARG; [ $option = y ] && password=$(cat "$OPTARG"); done
[ "$password" = down ] && exit 255
[ "$dn:$password" = "uid=alice,ou=people,dc=example,dc=org:pass word" ] || exit 49
`;
  await writeFile(join(bin, "ldapwhoami"), standIn, { mode: 0o755 });
  const check = (name: string, password: string) =>
    verdict(`${bin}:${PATH}`, [join(SAMPLES, "check-ldap")], name, password);
  assert.equal(await check("alice", "pass word"), "granted");
  assert.equal(await check("alice", "password"), "refused");
  assert.equal(await check("alice", ""), "refused");
  assert.equal(await check("alice,ou=people", "pass word"), "refused");
  assert.equal(await check("alice", "down"), "unavailable");
});

test("check-sql looks the user up", { skip: without("python3") }, async (t) => {
  const directory = await temporaryDirectory(t);
  const database = join(directory, "users.db");
  const create = `import hashlib, sqlite3, sys
users = sqlite3.connect(sys.argv[1])
users.execute("CREATE TABLE users (name TEXT PRIMARY KEY, salt BLOB NOT NULL, hash BLOB NOT NULL)")
users.execute("INSERT INTO users VALUES ('alice', ?, ?)", [b"salt", hashlib.scrypt(b"pass word", salt=b"salt", n=16384, r=8, p=1, dklen=32)])
users.commit()`;
  await succeed("/usr/bin/python3", ["-c", create, database]);
  const check = (file: string, name: string, password: string) =>
    verdict(PATH, [join(SAMPLES, "check-sql"), file], name, password);
  assert.equal(await check(database, "alice", "pass word"), "granted");
  assert.equal(await check(database, "alice", "password"), "refused");
  assert.equal(await check(database, "bob", "pass word"), "refused");
  assert.equal(await check(join(directory, "none.db"), "alice", "pass word"), "unavailable");
});
