/** `deletion = "trash"`: where deleted messages go, that none is lost or replaced on the way, and that it is durable. */
import assert from "node:assert/strict";
import {
  link,
  mkdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  unlink,
  writeFile,
} from "node:fs/promises";
import { type TestContext, test } from "node:test";
import type { OpenMaildrop } from "../../pop3d/open-maildrop.js";
import type { Maildir } from "../../shared/maildir/maildir.js";
import { FailingDurable } from "../fakes/failing-durable.js";
import { temporaryDirectory } from "../temporary-directory.js";
import { filesIn, maildirWith, mark, opened, opening, runWith } from "./opened.js";

const TRASH = { deletion: "trash" } as const;

test("a deleted message lies in .Trash/cur under its name, flagged T, and S if it was seen", async (t) => {
  const { maildir, open } = await filled(t, {
    "new/1.a,S=2,W=3": "a\n",
    "cur/2.b,U=7:2,FSa": "b\n",
    "cur/3.c": "c\n",
    "new/4.d": "dd\n",
    "cur/5.e:2,": "e\n",
  });
  mark(open, [1, 2, 3, 4], [4]);
  const { complete, removed, expired, removals } = await runWith(open, TRASH);
  assert.deepEqual([complete, removed, expired], [true, 4, 0]);
  const trashed = ["1.a,S=2,W=3:2,T", "2.b:2,FSTa", "3.c:2,T", "4.d:2,ST"];
  assert.deepEqual(await filesIn(maildir), [...trashed.map((name) => `.Trash/cur/${name}`), "cur/5.e:2,"]);
  assert.equal(await readFile(`${maildir.path}/.Trash/cur/4.d:2,ST`, "latin1"), "dd\n");
  const octetsOf = new Map(removals.map(({ filename, octets }) => [filename, octets]));
  assert.deepEqual([...octetsOf.keys()].sort(), ["1.a,S=2,W=3", "2.b,U=7:2,FSa", "3.c", "4.d"]);
  assert.equal(octetsOf.get("4.d"), 3);
  for (const { folder, to } of removals) assert.deepEqual([folder, to], ["", ".Trash"]);
});

test("the folder is made as Courier and Dovecot know it, and durable before any message goes there", async (t) => {
  const { maildir, open } = await filled(t, { "new/1.a": "a\n" });
  mark(open, [1], []);
  const durable = new FailingDurable();
  assert.equal((await runWith(open, TRASH, durable)).complete, true);
  assert.equal((await stat(`${maildir.path}/.Trash/maildirfolder`)).size, 0);
  for (const folder of ["tmp", "new", "cur"]) await stat(`${maildir.path}/.Trash/${folder}`);
  const { history } = durable;
  const mailMoves = history.indexOf("publish cur");
  for (const step of [
    "syncDirectory Maildir done",
    "create .Trash done",
    "sync done",
    "syncDirectory .Trash done",
  ])
    assert.ok(history.lastIndexOf(step, mailMoves) >= 0, `${step} before the move: ${history.join(", ")}`);
  assert.ok(history.lastIndexOf("syncDirectory .Trash done") > history.indexOf("create .Trash done"));
  // Where it goes to is synced before where it comes from.
  const [to, from] = [history.lastIndexOf("syncDirectory cur done"), history.indexOf("syncDirectory new")];
  assert.ok(mailMoves < to && to < from, history.join(", "));
});

test("a folder that is there is used as it is", async (t) => {
  const { maildir, open } = await filled(t, {
    "new/1.a": "a\n",
    ".Trash/cur/0.z:2,ST": "z\n",
    ".Trash/new/0.y": "y\n",
    ".Trash/maildirfolder": "",
  });
  mark(open, [1], []);
  const durable = new FailingDurable();
  assert.equal((await runWith(open, TRASH, durable)).complete, true);
  assert.deepEqual(
    durable.history.filter((step) => !step.endsWith("done")),
    ["publish cur", "syncDirectory cur", "syncDirectory new"],
  );
  const files = [".Trash/cur/0.z:2,ST", ".Trash/cur/1.a:2,T", ".Trash/new/0.y"];
  assert.deepEqual(await filesIn(maildir), files);
});

test("a folder that a crash may have left half made is made durable first", async (t) => {
  const { open } = await filled(t, { "new/1.a": "a\n", ".Trash/cur/0.z:2,ST": "z\n" });
  mark(open, [1], []);
  const durable = new FailingDurable();
  assert.equal((await runWith(open, TRASH, durable)).complete, true);
  const { history } = durable;
  const synced = history.indexOf("syncDirectory Maildir done");
  const marked = history.indexOf("create .Trash");
  assert.ok(synced >= 0 && synced < marked && marked < history.indexOf("publish cur"), history.join(", "));
});

test("what lies in .Trash already is removed for good", async (t) => {
  const files = { "new/1.a": "a\n", ".Trash/cur/2.b:2,ST": "b\n", ".Spam/new/3.c": "c\n" };
  const { maildir, open } = await filled(t, files, ["", ".Trash", ".Spam"]);
  mark(open, [1, 2, 3], []);
  const { complete, removals } = await runWith(open, TRASH);
  assert.equal(complete, true);
  assert.deepEqual(await filesIn(maildir), [".Trash/cur/1.a:2,T", ".Trash/cur/3.c:2,T"]);
  const ways = removals.map(({ folder, to }) => `${folder} ${to}`).sort();
  assert.deepEqual(ways, [" .Trash", ".Spam .Trash", ".Trash nowhere"]);
});

test("a name that is taken in .Trash, with whatever flags, is left to who has it", async (t) => {
  const files = {
    "new/1.a,S=3": "aa\n",
    ".Spam/cur/1.a,S=3:2,S": "ab\n",
    "cur/2.b:2,S": "ba\n",
    ".Trash/cur/2.b:2,T": "bb\n",
    "cur/3.c:2,": "ca\n",
    ".Trash/new/3.c": "cb\n",
  };
  const { maildir, open } = await filled(t, files, ["", ".Spam"]);
  mark(open, [1, 2, 3, 4], []);
  assert.equal((await runWith(open, TRASH)).complete, true);
  const left = await filesIn(maildir);
  assert.equal(left.length, 6);
  const contents = await Promise.all(left.map((file) => readFile(`${maildir.path}/${file}`, "latin1")));
  assert.deepEqual(contents.toSorted(), Object.values(files).toSorted());
  for (const file of left) assert.match(file, /^\.Trash\//);
  const bases = left.map((file) => file.replace(/^.*\/|:.*$/g, ""));
  assert.equal(new Set(bases).size, 6, bases.join(" "));
  assert.equal(bases.filter((base) => base.endsWith(",S=3")).length, 2, "the sizes stay in the name");
});

test("nor is anything replaced that is no message", async (t) => {
  const { maildir, open } = await filled(t, { "cur/1.a:2,": "a\n", ".Trash/cur/0.z:2,T": "z\n" });
  const target = `${maildir.path}/.Trash/cur/1.a:2,T`;
  await symlink("nowhere", target);
  mark(open, [1], []);
  assert.equal((await runWith(open, TRASH)).complete, false);
  assert.equal(await readlink(target), "nowhere");
  assert.ok((await filesIn(maildir)).includes("cur/1.a:2,"));
});

test("the same file twice, as a hard link, is not taken for moved", async (t) => {
  const { maildir, open } = await filled(t, { "cur/1.a:2,T": "a\n", ".Trash/maildirfolder": "" });
  await mkdir(`${maildir.path}/.Trash/cur`, { recursive: true });
  await mkdir(`${maildir.path}/.Trash/new`, { recursive: true });
  await link(`${maildir.cur}/1.a:2,T`, `${maildir.path}/.Trash/cur/1.a:2,T`);
  mark(open, [1], []);
  assert.equal((await runWith(open, TRASH)).complete, true);
  const left = await filesIn(maildir);
  assert.equal(left.length, 2);
  for (const file of left) assert.match(file, /^\.Trash\/cur\//);
});

for (const step of [
  "publish cur",
  "create .Trash",
  "syncDirectory .Trash",
  "syncDirectory Maildir",
  "sync",
]) {
  test(`a failing ${step} is a failed deletion, and the message is still there`, async (t) => {
    const { maildir, open } = await filled(t, { "cur/1.a:2,": "a\n", "cur/2.b:2,": "b\n" });
    mark(open, [1], []);
    const durable = new FailingDurable((at) => (at === step ? "EIO" : undefined));
    const { complete, removed, removals } = await runWith(open, TRASH, durable);
    assert.ok(durable.failures > 0);
    assert.deepEqual([complete, removed, removals], [false, 0, []]);
    assert.deepEqual(await filesIn(maildir), ["cur/1.a:2,", "cur/2.b:2,"]);
    // The next time it works.
    await open.lock?.release();
    const again = await opened(maildir);
    mark(again, [1], []);
    assert.equal((await runWith(again, TRASH)).complete, true);
    assert.deepEqual(await filesIn(maildir), [".Trash/cur/1.a:2,T", "cur/2.b:2,"]);
  });
}

test("a move that is not durable is a failed deletion, though the message has gone", async (t) => {
  const { open } = await filled(t, { "new/1.a": "a\n", ".Trash/maildirfolder": "" });
  mark(open, [1], []);
  const fails = new FailingDurable((step) => (step === "syncDirectory new" ? "EIO" : undefined));
  const { complete, removals } = await runWith(open, TRASH, fails);
  assert.equal(complete, false);
  assert.equal(removals.length, 1, "and whoever counts what is left hears of it");
});

test("a .Trash that leads out of the Maildir gets nothing", async (t) => {
  const { maildir, open } = await filled(t, { "cur/1.a:2,": "a\n" });
  const elsewhere = `${maildir.path}/../elsewhere`;
  await mkdir(`${elsewhere}/cur`, { recursive: true });
  await mkdir(`${elsewhere}/new`);
  await writeFile(`${elsewhere}/maildirfolder`, "");
  await symlink(elsewhere, `${maildir.path}/.Trash`);
  mark(open, [1], []);
  assert.equal((await runWith(open, TRASH)).complete, false);
  await unlink(`${maildir.path}/.Trash`);
  assert.deepEqual(await filesIn(maildir), ["cur/1.a:2,"]);
});

test("a .Trash without its cur/ is mended, and messages that were renamed or removed meanwhile are no trouble", async (t) => {
  const { maildir, open } = await filled(t, {
    "new/1.a": "a\n",
    "new/2.b": "b\n",
    "cur/3.c:2,": "c\n",
    ".Trash/maildirfolder": "",
  });
  await rm(`${maildir.path}/.Trash/cur`, { recursive: true, force: true });
  mark(open, [1, 2, 3], []);
  await rename(`${maildir.new}/1.a`, `${maildir.cur}/1.a,U=3:2,S`);
  await unlink(`${maildir.new}/2.b`);
  const { complete, removed, removals } = await runWith(open, TRASH);
  assert.deepEqual([complete, removed, removals.length], [true, 3, 2]);
  assert.deepEqual(await filesIn(maildir), [".Trash/cur/1.a:2,ST", ".Trash/cur/3.c:2,T"]);
});

test("a name that has no room for flags goes without", async (t) => {
  const name = `1.${"x".repeat(251)}`;
  const { maildir, open } = await filled(t, { [`new/${name}`]: "a\n" });
  mark(open, [1], []);
  assert.equal((await runWith(open, TRASH)).complete, true);
  assert.deepEqual(await filesIn(maildir), [`.Trash/cur/${name}`]);
});

test("flags are written as they are in the rest of the Maildir", async (t) => {
  const files = { "cur/1.a:;2,S": "a\n", "new/2.b": "b\n", ".Trash/cur/2.b;2,T": "c\n" };
  const maildir = await maildirWith(await temporaryDirectory(t), files);
  const open = await opened(maildir, { ...opening(), infoSeparator: ";" });
  mark(open, [1, 2], []);
  assert.equal((await runWith(open, TRASH)).complete, true);
  const left = await filesIn(maildir);
  assert.equal(left.length, 3);
  for (const file of [".Trash/cur/1.a:;2,ST", ".Trash/cur/2.b;2,T"])
    assert.ok(left.includes(file), left.join(" "));
});

test("a session that deletes nothing makes no folder", async (t) => {
  const { maildir, open } = await filled(t, { "new/1.a": "a\n" });
  await runWith(open, TRASH);
  await assert.rejects(stat(`${maildir.path}/.Trash`));
});

async function filled(
  t: TestContext,
  files: Readonly<Record<string, string>>,
  folders: readonly string[] = [""],
): Promise<{ maildir: Maildir; open: OpenMaildrop }> {
  const maildir = await maildirWith(await temporaryDirectory(t), files);
  return { maildir, open: await opened(maildir, opening(folders)) };
}
