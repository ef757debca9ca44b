import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { type OpenMaildrop, openMaildrop } from "../../pop3d/open-maildrop.js";
import { maildirAt } from "../../shared/maildir/maildir.js";
import { temporaryDirectory } from "../temporary-directory.js";
import { maildirWith, messageOf, opened, opening, silent } from "./opened.js";

test("messages of both folders have numbers in the order of delivery, sizes and unique-ids", async (t) => {
  const maildir = await maildirWith(await temporaryDirectory(t), {
    "new/20.c,S=2,W=3": "c\n",
    "cur/9.b:2,S": "b\nb\n",
    "new/8.a,S=4": "a\r\na",
    "cur/100.d,S=2,W=77:2,": "d\n",
  });
  const open = await opened(maildir);
  assert.deepEqual(listing(open), ["1 4 8.a", "2 6 9.b", "3 3 20.c", "4 77 100.d"]);
});

test("what is no message is none", async (t) => {
  const maildir = await maildirWith(await temporaryDirectory(t), { "new/1.a": "a\n", "new/.hidden": "x\n" });
  await mkdir(`${maildir.new}/2.directory`);
  await symlink(`${maildir.new}/1.a`, `${maildir.cur}/3.link`);
  execFileSync("mkfifo", [`${maildir.cur}/4.fifo`]);
  assert.deepEqual(listing(await opened(maildir)), ["1 3 1.a"]);
});

test("messages of several folders stand in one order, and are told apart", async (t) => {
  const maildir = await maildirWith(await temporaryDirectory(t), {
    "new/20.a": "a\n",
    "cur/40.d": "d\n",
    ".Spam/new/30.c": "c\n",
    ".Spam/cur/20.a:2,": "aa\n",
    ".Other/new/10.o": "o\n",
  });
  const open = await opened(maildir, opening(["", ".Spam", ".Missing"]));
  const found = [...open.maildrop.listed()].map(({ folder, identity }) => `${folder}/${identity}`);
  assert.deepEqual(found, ["/20.a", ".Spam/20.a", ".Spam/30.c", "/40.d"]);
  assert.equal(new Set([...open.maildrop.listed()].map(({ uniqueId }) => uniqueId)).size, 4);
  assert.equal(open.folderOf(messageOf(open, 2)).maildir.path, `${maildir.path}/.Spam`);
});

test("what lies in a folder changes no unique-id in another, nor does the order of the folders", async (t) => {
  const maildir = await maildirWith(await temporaryDirectory(t), {
    "new/20.a": "a\n",
    ".Spam/new/20.a": "a\n",
    ".B/new/20.a": "a\n",
  });
  const idIn = async (folder: string, folders: readonly string[]) => {
    const { maildrop, lock } = await opened(maildir, opening(folders));
    await lock?.release();
    return maildrop.messages.find((message) => message.folder === folder)?.uniqueId;
  };
  assert.equal(await idIn("", ["", ".Spam", ".B"]), "20.a");
  assert.equal(await idIn("", [".B", ""]), "20.a");
  const alone = await idIn(".Spam", [".Spam"]);
  assert.ok(alone);
  assert.equal(await idIn(".Spam", [".B", ".Spam", ""]), alone);
});

test("a folder that is a symbolic link, or has one in it, is not looked into", async (t) => {
  const directory = await temporaryDirectory(t);
  const maildir = await maildirWith(directory, { "new/1.a": "a\n", ".Real/new/2.b": "b\n" });
  await mkdir(`${directory}/elsewhere/new`, { recursive: true });
  await writeFile(`${directory}/elsewhere/new/3.c`, "c\n");
  await symlink(`${directory}/elsewhere`, `${maildir.path}/.Whole`);
  await mkdir(`${maildir.path}/.Part`);
  await symlink(`${directory}/elsewhere/new`, `${maildir.path}/.Part/new`);
  await symlink(".Real", `${maildir.path}/.Alias`);
  await symlink(".Circle", `${maildir.path}/.Circle`);
  const folders = ["", ".Real", ".Whole", ".Part", ".Alias", ".Circle"];
  const { maildrop } = await opened(maildir, opening(folders));
  assert.deepEqual(
    maildrop.messages.map(({ identity }) => identity),
    ["1.a", "2.b"],
  );
});

test("a Maildir that is reached by a symbolic link has its folders all the same", async (t) => {
  const directory = await temporaryDirectory(t);
  await maildirWith(directory, { ".Spam/new/2.b": "b\n" });
  await symlink("Maildir", `${directory}/link`);
  const { maildrop } = await opened(maildirAt(`${directory}/link`), opening(["", ".Spam"]));
  assert.equal(maildrop.count, 1);
});

test("without a Maildir the maildrop is empty, has no lock, and nothing is made", async (t) => {
  const directory = await temporaryDirectory(t);
  const open = await opened(maildirAt(`${directory}/nobody/Maildir`));
  assert.deepEqual([open.maildrop.count, open.lock], [0, undefined]);
  assert.deepEqual(await readdir(directory), []);
});

test("a Maildir that is but a directory is an empty one", async (t) => {
  const directory = await temporaryDirectory(t);
  await mkdir(`${directory}/Maildir`);
  const open = await opened(maildirAt(`${directory}/Maildir`));
  assert.equal(open.maildrop.count, 0);
  await open.lock?.release();
  assert.deepEqual(await readdir(`${directory}/Maildir`), []);
});

test("a maildrop that is open is in use, until its lock is released", async (t) => {
  const maildir = await maildirWith(await temporaryDirectory(t), { "new/1.a": "a\n" });
  const how = opening();
  const open = await opened(maildir, how);
  assert.equal(await openMaildrop(maildir, how, silent), "in use");
  await open.lock?.release();
  await opened(maildir, how);
});

test("where the Maildir should be lies a file: somebody has to see to it", async (t) => {
  const directory = await temporaryDirectory(t);
  await writeFile(`${directory}/Maildir`, "an mbox, say");
  assert.equal(await openMaildrop(maildirAt(`${directory}/Maildir`), opening(), silent), "permanent");
});

test("a maildrop that cannot be read is not left locked", async (t) => {
  const maildir = await maildirWith(await temporaryDirectory(t), {});
  await rm(maildir.cur, { recursive: true });
  await writeFile(maildir.cur, "");
  assert.equal(await openMaildrop(maildir, opening(), silent), "permanent");
  assert.deepEqual(await readdir(maildir.path), ["cur", "new", "tmp"]);
});

test("a size that no name says is counted, however the file is cut in reading it", async (t) => {
  // CR and LF lie on either side of the first 64 KiB, and a bare LF on that of the second.
  const long = `${"x".repeat(65_535)}\r\n${"y".repeat(65_534)}\n`;
  const maildir = await maildirWith(await temporaryDirectory(t), { "new/1.a": long, "new/2.b": "" });
  assert.deepEqual(listing(await opened(maildir)), [`1 ${long.length + 1} 1.a`, "2 0 2.b"]);
});

test("it is counted once, whatever becomes of the name", async (t) => {
  const maildir = await maildirWith(await temporaryDirectory(t), { "new/1.a": "a\n" });
  const how = opening();
  const open = await opened(maildir, how);
  await open.lock?.release();
  // Had it been counted again, it would show.
  await writeFile(`${maildir.new}/1.a`, "longer\n");
  await rename(`${maildir.new}/1.a`, `${maildir.cur}/1.a,U=3:2,FS`);
  const again = await opened(maildir, how);
  assert.equal(messageOf(again, 1).octets, 3);
  await again.lock?.release();
  await how.sizes.correct(maildir, "1.a", again.folderOf(messageOf(again, 1)).finder, silent);
  assert.equal(messageOf(await opened(maildir, how), 1).octets, 8);
});

test("a maildrop of ten thousand messages has ten thousand numbers", async (t) => {
  const maildir = await maildirWith(await temporaryDirectory(t), {});
  await Promise.all(Array.from({ length: 10_000 }, (_, i) => writeFile(`${maildir.new}/${i}.m,S=0,W=0`, "")));
  const open = await opened(maildir);
  assert.equal(open.maildrop.count, 10_000);
  assert.deepEqual(messageOf(open, 10_000).uniqueId, "9999.m");
});

function listing({ maildrop }: OpenMaildrop): string[] {
  return [...maildrop.listed()].map(({ number, octets, uniqueId }) => `${number} ${octets} ${uniqueId}`);
}
