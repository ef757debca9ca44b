/** Logins by a checkpassword program: good ones, and programs that do whatever a program can do to those who wait for it. */
import assert from "node:assert/strict";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Account, Accounts } from "../../../../shared/accounts/account.js";
import {
  CheckpasswordLogins,
  type CheckpasswordOptions,
} from "../../../../shared/accounts/checkpassword/checkpassword-logins.js";
import { checkerTroubles, findEnv } from "../../../../shared/accounts/checkpassword/programs.js";
import { openLog } from "../../../../shared/log.js";
import { maildirAt } from "../../../../shared/maildir/maildir.js";
import { temporaryDirectory } from "../../../temporary-directory.js";

const TIMEOUT = { timeout: 60_000 };
const FAKE = fileURLToPath(new URL("../../../fakes/checkpassword.js", import.meta.url));

function account(address: string, password: string): Account {
  const home = `/srv/mail/${address}`;
  return { address, password, home, maildir: maildirAt(`${home}/Maildir`), extra: new Map() };
}

async function site(t: TestContext, changed: Partial<CheckpasswordOptions> = {}, notesName = "notes") {
  const notes = join(await temporaryDirectory(t), notesName);
  await writeFile(notes, "");
  const known = [account("bob@example.org", "{PLAIN}other"), account("carol@example.org", "!")];
  const byAddress = new Map(known.map((one) => [one.address, one]));
  const accounts: Accounts = {
    size: byAddress.size,
    find: (address) => byAddress.get(address),
    all: () => byAddress.values(),
  };
  const logins = new CheckpasswordLogins({
    program: process.execPath,
    args: [FAKE, notes],
    env: await findEnv(),
    accounts: () => accounts,
    defaultDomain: "example.org",
    log: openLog("test", { level: "fatal", format: "json" }),
    ...changed,
  });
  t.after(() => logins.close());
  const noted = async (word: string) =>
    (await readFile(notes, "utf8"))
      .split("\n")
      .filter((line) => line.startsWith(`${word} `))
      .map((line) => line.slice(word.length + 1));
  const kind = async (username: string, password: string) =>
    (await logins.authenticate(username, password)).kind;
  return { logins, kind, noted };
}

test(
  "an account is that of the accounts file, else one at the HOME that the program gave",
  TIMEOUT,
  async (t) => {
    const { logins, kind } = await site(t);
    const alice = await logins.authenticate("Alice", "good");
    assert.ok(alice.kind === "granted");
    assert.equal(alice.account.address, "alice@example.org");
    assert.equal(alice.account.maildir.path, "/home/alice/Maildir");
    const bob = await logins.authenticate("bob", "good");
    assert.ok(bob.kind === "granted");
    assert.equal(bob.account.home, "/srv/mail/bob@example.org");
    assert.equal(await kind("bob", "other"), "refused", "the password of the accounts file does not matter");
    assert.equal(await kind("carol", "good"), "refused", "locked");
    assert.equal(await kind("dave", "homeless"), "unavailable");
  },
);

test(
  "the program is told names as we compare them, and has an environment of its own",
  TIMEOUT,
  async (t) => {
    const { kind, noted } = await site(t);
    for (const name of ["ALICE", "Alice@Example.ORG", "bob@example.net"]) {
      assert.equal(await kind(name, "good"), "granted");
    }
    const names = ["alice", "alice@example.org", "bob@example.net"];
    assert.deepEqual(
      await noted("checked"),
      names.map((name) => `${name} PATH`),
    );
  },
);

test("what can be nobody's name, or does not fit into 512 octets, is refused unasked", TIMEOUT, async (t) => {
  const { kind, noted } = await site(t);
  const rows = [
    ["a b@c", "good"],
    ["", "good"],
    ["alice", "x".repeat(512)],
    ["alice", "good\0"],
  ] as const;
  for (const [name, password] of rows) assert.equal(await kind(name, password), "refused");
  assert.deepEqual(await noted("checked"), []);
});

for (const [password, expected] of [
  ["wrong", "refused"],
  ["temporary", "unavailable"],
  ["misused", "unavailable"],
  ["strange", "unavailable"],
  ["killed", "unavailable"],
  ["believe me", "unavailable"],
  ["flood", "unavailable"],
  ["complain", "granted"],
  ["grandchild", "granted"],
  ["runaway", "granted"],
] as const) {
  test(`a program whose way is "${password}": ${expected}`, TIMEOUT, async (t) => {
    const { kind, noted } = await site(t);
    assert.equal(await kind("alice", password), expected);
    assert.equal(await kind("alice", "good"), "granted", "and the next one is served");
    for (const pid of await noted("left")) {
      // One that has fled its process group is out of our reach, and out of our way.
      if (password === "runaway") process.kill(Number(pid));
      await untilDead(pid);
    }
  });
}

test("a program that hangs is ended, and all that it has started", TIMEOUT, async (t) => {
  const { kind, noted } = await site(t, { checkMs: 2000 });
  assert.equal(await kind("alice", "hang"), "unavailable");
  const left = await noted("left");
  assert.equal(left.length, 1);
  for (const pid of left) await untilDead(pid);
});

test("one that closes descriptor 3 unread is only what its exit code says", TIMEOUT, async (t) => {
  const { kind } = await site(t, {}, "notes-closed");
  assert.equal(await kind("alice", "x".repeat(400)), "refused");
});

test("programs that cannot be run, or are no checkers", TIMEOUT, async (t) => {
  const directory = await temporaryDirectory(t);
  const text = join(directory, "text");
  await writeFile(text, "text");
  for (const program of [text, "/nonexistent", directory]) {
    const { kind } = await site(t, { program });
    assert.equal(await kind("alice", "good"), "unavailable", program);
    assert.equal((await checkerTroubles(program)).length, 1, program);
  }
  await chmod(text, 0o755);
  assert.deepEqual(await checkerTroubles(text), []);
  const { kind } = await site(t, { program: "/bin/true" });
  assert.equal(await kind("alice", "good"), "unavailable");
});

test("so many run at once, so many wait, and the same login is checked once", TIMEOUT, async (t) => {
  const { logins, kind, noted } = await site(t, { slots: { atOnce: 1, waiting: 1, waitMs: 60_000 } });
  const same = Array.from({ length: 10 }, () => kind("alice", "good"));
  const waiting = kind("bob", "good");
  assert.equal(await kind("dave", "good"), "unavailable");
  assert.deepEqual(new Set(await Promise.all(same)), new Set(["granted"]));
  assert.equal(await waiting, "granted");
  assert.equal(await kind("alice", "good"), "granted");
  assert.equal((await noted("checked")).length, 2);
  await logins.close();
  assert.equal(await kind("dave", "good"), "unavailable");
});

test("closing ends what runs", TIMEOUT, async (t) => {
  const { logins, kind, noted } = await site(t);
  const hanging = kind("alice", "hang");
  let left: string[] = [];
  while (left.length === 0) {
    await sleep(10);
    left = await noted("left");
  }
  await logins.close();
  assert.equal(await hanging, "unavailable");
  for (const pid of left) await untilDead(pid);
});

/** Whether a process lives; one that nobody has waited for does not. */
async function lives(pid: string): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat !== "" && !/\) Z /.test(stat);
}

async function untilDead(pid: string): Promise<void> {
  while (await lives(pid)) await sleep(10);
}
