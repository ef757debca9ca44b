/** What an UPDATE notes in maildirsize: all that has gone in one line, and never at the expense of the deletions. */
import assert from "node:assert/strict";
import { mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import type { OpenMaildrop } from "../../pop3d/open-maildrop.js";
import type { Maildir } from "../../shared/maildir/maildir.js";
import { FailingDurable } from "../fakes/failing-durable.js";
import { temporaryDirectory } from "../temporary-directory.js";
import { maildirWith, mark, opened, opening, runWith } from "./opened.js";

const BY_DOVECOT = "100S\n99 9\n";
const BY_COURIER = "100S\n          99            9\n";

async function start(
  t: TestContext,
  maildirsize: string | undefined,
  folders?: readonly string[],
): Promise<{ maildir: Maildir; open: OpenMaildrop }> {
  const maildir = await maildirWith(await temporaryDirectory(t), {
    // Names tell sizes, right or wrong, as they did when they were counted.
    "new/1.a,S=40,W=41": "a\n",
    "cur/2.b:2,S": "bbb\n",
    "cur/3.c:2,ST": "c\n",
    ".Spam/cur/4.d:2,": "dddddd\n",
  });
  if (maildirsize !== undefined) await writeFile(`${maildir.path}/maildirsize`, maildirsize);
  return { maildir, open: await opened(maildir, { ...opening(), ...(folders && { folders }) }) };
}

function told({ path }: Maildir): Promise<string> {
  return readFile(`${path}/maildirsize`, "latin1");
}

test("one line for all, by the sizes in the names or of the files", async (t) => {
  const { maildir, open } = await start(t, BY_DOVECOT);
  mark(open, [1, 2, 3], []);
  assert.equal((await runWith(open, {})).complete, true);
  assert.equal(await told(maildir), `${BY_DOVECOT}-46 -3\n`);
});

test("what lies in folders, and what has expired, is of it", async (t) => {
  const { maildir, open } = await start(t, BY_DOVECOT, ["", ".Spam"]);
  mark(open, [4], []);
  const { removed, expired } = await runWith(open, { expireMs: 1000 });
  assert.deepEqual([removed, expired], [1, 2]);
  assert.equal(await told(maildir), `${BY_DOVECOT}-13 -3\n`);
});

test("what goes to .Trash counts there, but for Courier", async (t) => {
  for (const [before, line] of [
    [BY_DOVECOT, ""],
    // The third was flagged T, and did not count before.
    [BY_COURIER, "-44 -2\n"],
  ] as const) {
    const { maildir, open } = await start(t, before);
    mark(open, [1, 2, 3], []);
    assert.equal((await runWith(open, { deletion: "trash" })).complete, true);
    assert.equal(await told(maildir), before + line);
  }
});

test("what could not be removed is not", async (t) => {
  const { maildir, open } = await start(t, BY_DOVECOT);
  mark(open, [1, 2], []);
  const durable = new FailingDurable((step) => (step === "remove new" ? "EIO" : undefined));
  assert.equal((await runWith(open, {}, durable)).removed, 1);
  assert.equal(await told(maildir), `${BY_DOVECOT}-4 -1\n`);
});

test("a session that removes nothing leaves the file alone, and makes none", async (t) => {
  const { maildir, open } = await start(t, BY_DOVECOT);
  mark(open, [], [1, 2]);
  await runWith(open, {});
  assert.equal(await told(maildir), BY_DOVECOT);
  const without = await start(t, undefined);
  mark(without.open, [1], []);
  assert.equal((await runWith(without.open, {})).complete, true);
  await assert.rejects(told(without.maildir), { code: "ENOENT" });
});

test("an account over its quota makes room, whatever is wrong with the file", async (t) => {
  const spoil: readonly ((path: string) => Promise<unknown>)[] = [
    (path) => writeFile(path, "rubbish"),
    (path) => writeFile(path, ""),
    (path) => rm(path),
    (path) => rm(path).then(() => mkdir(path)),
    (path) => rm(path).then(() => symlink("/dev/full", path)),
  ];
  for (const wrong of spoil) {
    const { maildir, open } = await start(t, "10S\n99 9\n");
    mark(open, [1, 2], []);
    await wrong(`${maildir.path}/maildirsize`);
    // Nor can it be replaced.
    const durable = new FailingDurable((step) => (step === "publish Maildir" ? "ENOSPC" : undefined));
    const { complete, removed } = await runWith(open, {}, durable);
    assert.deepEqual([complete, removed], [true, 2]);
  }
});
