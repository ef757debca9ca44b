/** `pop3d check <address>`: what a maildrop would present, and that looking changes nothing. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { runProgram } from "../daemons/program.js";
import { temporaryDirectory } from "../temporary-directory.js";
import { maildirWith } from "./opened.js";

const FILES = {
  "new/1.a,S=2,W=3": "a\n",
  "cur/2.b\xe9:2,S": "b\nb\n",
  "cur/3.c:2,": "c\n",
  ".Spam/new/2.s": "s\n",
  "dovecot-uidlist": "3 V100 N9\n1 :1.a,S=2,W=3\n7 Pstored :3.c\n",
};

test("as a table", async (t) => {
  const { file } = await site(t, 'unique_id = "dovecot:%u.%v"\n');
  const { code, stdout, stderr } = await runProgram("pop3d", ["check", "alice", "--config", file]);
  assert.deepEqual([code, stderr], [0, ""]);
  const [first, second, , ...rows] = stdout.trimEnd().split("\n");
  assert.match(first ?? "", /^alice@example\.org {2}\/.*Maildir$/);
  assert.match(second ?? "", /^3 \D+ 12 /);
  assert.deepEqual(
    rows.map((row) => row.trim().split(/ {2,}/)),
    [
      ["1", "3", "1.100", "dovecot, by format", "new/1.a,S=2,W=3"],
      ["2", "6", rows[1]?.split(/ {2,}/).at(-3) ?? "", "own", "cur/2.b\\xe9:2,S"],
      ["3", "3", "stored", "dovecot, stored", "cur/3.c:2,"],
    ],
  );
});

test("as JSON, with folders, and what a session has given out since", async (t) => {
  const { file, directory } = await site(t, 'unique_id = "dovecot:%u.%v"\nfolders = ["", ".Spam"]\n');
  await writeFile(`${directory}/Maildir/pillarbox-uniqueids`, "pillarbox-uniqueids 1\nkept 3.c\n");
  const { code, stdout } = await runProgram("pop3d", [
    "check",
    "--json",
    "alice@example.org",
    "--config",
    file,
  ]);
  assert.equal(code, 0);
  const { address, maildir, count, octets, messages } = JSON.parse(stdout);
  assert.deepEqual([address, maildir, count, octets], ["alice@example.org", `${directory}/Maildir`, 4, 15]);
  assert.deepEqual(
    messages.map((message: Record<string, unknown>) => [
      message.number,
      message.octets,
      message.source,
      message.file,
    ]),
    [
      [1, 3, "dovecot, by format", "new/1.a,S=2,W=3"],
      [2, 6, "own", "cur/2.b\\xe9:2,S"],
      [3, 3, "own", ".Spam/new/2.s"],
      [4, 3, "remembered", "cur/3.c:2,"],
    ],
  );
  assert.equal(messages[3].uniqueId, "kept");
});

test("nothing is changed, and no lock is in the way or left", async (t) => {
  const { file, directory } = await site(t, 'unique_id = "dovecot:%u.%v"\n');
  await writeFile(`${directory}/Maildir/dovecot-pop3-session.lock`, `${process.pid}:elsewhere`);
  const look = () => execFileSync("find", [directory, "-printf", "%p %i %T@ %s\n"], { encoding: "latin1" });
  const before = look();
  assert.equal((await runProgram("pop3d", ["check", "alice", "--config", file])).code, 0);
  assert.equal(look(), before);
});

test("what is wrong with the former server's list goes to standard error", async (t) => {
  const { file, directory } = await site(t, 'unique_id = "dovecot:%u.%v"\n');
  await writeFile(`${directory}/Maildir/dovecot-uidlist`, "damaged\n");
  const { code, stdout, stderr } = await runProgram("pop3d", ["check", "alice", "--json", "--config", file]);
  assert.equal(code, 0);
  assert.match(stderr, /dovecot-uidlist/);
  assert.equal(JSON.parse(stdout).count, 3);
});

test("an account that does not exist, an address that is none, a Maildir that is not there or is damaged", async (t) => {
  const { file, directory } = await site(t, 'unique_id = "courier"\n');
  const checked = (address: string) => runProgram("pop3d", ["check", address, "--config", file]);
  for (const [address, code, names] of [
    ["nobody", 64, /nobody@example\.org/],
    ["a b", 64, /a b/],
    ["bob", 64, /bob.*Maildir/],
    ["alice", 78, /pillarbox-uniqueids/],
  ] as const) {
    if (address === "alice") await writeFile(`${directory}/Maildir/pillarbox-uniqueids`, "x");
    const { code: found, stdout, stderr } = await checked(address);
    assert.deepEqual([found, stdout], [code, ""], address);
    assert.match(stderr, names);
  }
  assert.deepEqual(await readdir(`${directory}/bob`), []);
});

/** A configuration, alice with FILES in her Maildir, bob without one. */
async function site(t: TestContext, maildrop: string): Promise<{ file: string; directory: string }> {
  const directory = await temporaryDirectory(t);
  const file = `${directory}/pop3d.toml`;
  await maildirWith(directory, FILES);
  await mkdir(`${directory}/bob`);
  await writeFile(
    `${directory}/users`,
    `alice@example.org:{PLAIN}x::::${directory}\nbob@example.org:{PLAIN}x::::${directory}/bob\n`,
  );
  await writeFile(
    file,
    `domains = ["example.org"]\naccounts = "${directory}/users"\nuser = "root"\n[maildrop]\n${maildrop}`,
  );
  return { file, directory };
}
