/** Unique-ids that are remembered in a Maildir: on the disk before they are told, and nothing in the way of collecting mail. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdir, readFile, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { type FormerServer, parseUniqueIdOption } from "../../pop3d/former-server/former-server.js";
import { openMaildrop } from "../../pop3d/open-maildrop.js";
import { UniqueIds } from "../../pop3d/unique-ids.js";
import type { Durable } from "../../shared/durable.js";
import type { Maildir } from "../../shared/maildir/maildir.js";
import { FailingDurable } from "../fakes/failing-durable.js";
import { temporaryDirectory } from "../temporary-directory.js";
import { maildirWith, opened, opening, silent, uniqueName } from "./opened.js";

const FILE = "pillarbox-uniqueids";
const LIST = "3 V100 N9\n1 :1.a\n2 W3 Pstored :2.b\n4 :gone\n";
const FILES = { "new/1.a": "a\n", "cur/2.b:2,S": "b\n", "new/3.c": "c\n", "dovecot-uidlist": LIST };

test("by default nothing but names counts, and nothing is written", async (t) => {
  const maildir = await maildirWith(await temporaryDirectory(t), FILES);
  const before = await readdir(maildir.path);
  assert.deepEqual(await idsOf(maildir, "pillarbox"), ["1.a", "2.b", "3.c"]);
  assert.deepEqual(await readdir(maildir.path), before);
});

test("they are on the disk before they are told: written, synced, renamed, the directory synced", async (t) => {
  const maildir = await maildirWith(await temporaryDirectory(t), FILES);
  const durable = new FailingDurable();
  assert.deepEqual(await idsOf(maildir, "dovecot:%u.%v", durable), ["1.100", "stored", "3.c"]);
  assert.deepEqual(
    durable.history.filter((step) => step.endsWith(" done")).map((step) => step.split(" ")[0]),
    ["create", "write", "sync", "close", "publish", "syncDirectory"],
  );
  assert.equal(
    await readFile(`${maildir.path}/${FILE}`, "latin1"),
    "pillarbox-uniqueids 1\n1.100 1.a\n3.c 3.c\nstored 2.b\n",
  );
  assert.deepEqual(await readdir(maildir.tmp), []);
});

test("what is known is neither read elsewhere nor written again; what has gone is dropped when something comes", async (t) => {
  const maildir = await maildirWith(await temporaryDirectory(t), FILES);
  const ids = await idsOf(maildir, "dovecot:%u.%v");
  // Had the list been read, this would be trouble.
  await rm(`${maildir.path}/dovecot-uidlist`);
  await symlink("/dev/zero", `${maildir.path}/dovecot-uidlist`);
  const durable = new FailingDurable();
  assert.deepEqual(await idsOf(maildir, "dovecot:%u.%v", durable), ids);
  await unlink(`${maildir.new}/1.a`);
  assert.deepEqual(await idsOf(maildir, "dovecot:%u.%v", durable), ids.slice(1));
  assert.deepEqual(durable.history, []);

  await rm(`${maildir.path}/dovecot-uidlist`);
  await writeFile(`${maildir.new}/9.z`, "z\n");
  assert.deepEqual(await idsOf(maildir, "dovecot:%u.%v"), [...ids.slice(1), "9.z"]);
  assert.doesNotMatch(await readFile(`${maildir.path}/${FILE}`, "latin1"), /1\.a/);
});

test("a message keeps our own, also when the former server lists it later", async (t) => {
  const maildir = await maildirWith(await temporaryDirectory(t), FILES);
  const ids = await idsOf(maildir, "dovecot:%u.%v");
  await writeFile(`${maildir.path}/dovecot-uidlist`, `${LIST}7 Pagain :3.c\n8 :4.d\n`);
  await writeFile(`${maildir.new}/4.d`, "d\n");
  assert.deepEqual(await idsOf(maildir, "dovecot:%u.%v"), [...ids, "8.100"]);
});

test("another option afterwards changes nothing for what is known", async (t) => {
  const maildir = await maildirWith(await temporaryDirectory(t), FILES);
  const ids = await idsOf(maildir, "dovecot:%u.%v");
  for (const option of ["dovecot:%f", "courier", "qmail"])
    assert.deepEqual(await idsOf(maildir, option), ids);
});

test("qmail's are whole base names, which mbsync's numbers do not change once they are given", async (t) => {
  const maildir = await maildirWith(await temporaryDirectory(t), {
    "new/1.a,S=2": "a\n",
    "cur/2.b,S=2,U=7:2,S": "b\n",
  });
  const ids = ["1.a,S=2", "2.b,S=2,U=7"];
  assert.deepEqual(await idsOf(maildir, "qmail"), ids);
  await rename(`${maildir.cur}/2.b,S=2,U=7:2,S`, `${maildir.cur}/2.b,S=2,U=8:2,FS`);
  await rename(`${maildir.new}/1.a,S=2`, `${maildir.cur}/1.a,S=2,U=9:2,`);
  assert.deepEqual(await idsOf(maildir, "qmail"), ids);
});

for (const [step, code] of [
  ["create", "ENOSPC"],
  ["write", "EDQUOT"],
  ["sync", "EIO"],
  ["publish", "EACCES"],
  ["syncDirectory", "EIO"],
] as const) {
  test(`${code} in ${step}: they are told all the same, and nothing is left behind`, async (t) => {
    const maildir = await maildirWith(await temporaryDirectory(t), FILES);
    const durable = new FailingDurable((what) => (what.startsWith(step) ? code : undefined));
    assert.deepEqual(await idsOf(maildir, "dovecot:%u.%v", durable), ["1.100", "stored", "3.c"]);
    assert.equal(durable.failures, 1);
    assert.deepEqual(await readdir(maildir.tmp), []);
    assert.deepEqual(await idsOf(maildir, "dovecot:%u.%v"), ["1.100", "stored", "3.c"]);
  });
}

test("a damaged list of the former server is passed over", async (t) => {
  const maildir = await maildirWith(await temporaryDirectory(t), { ...FILES, "dovecot-uidlist": "3 V1\n\n" });
  assert.deepEqual(await idsOf(maildir, "dovecot:%u.%v"), ["1.a", "2.b", "3.c"]);
});

const NOT_TO_BE_READ: readonly (readonly [string, (path: string) => Promise<unknown> | unknown])[] = [
  ["a symbolic link", (path) => symlink("/dev/zero", path)],
  ["a FIFO", (path) => execFileSync("mkfifo", [path])],
];

for (const [what, put] of NOT_TO_BE_READ) {
  for (const name of ["dovecot-uidlist", FILE]) {
    test(`${what} for ${name}: nobody gets in, and nothing is left locked`, async (t) => {
      const maildir = await maildirWith(await temporaryDirectory(t), { "new/1.a": "a\n" });
      await put(`${maildir.path}/${name}`);
      const outcome = await openMaildrop(maildir, how("dovecot:%u.%v"), silent);
      assert.ok(outcome === "permanent" || outcome === "temporary");
      assert.ok(!(await readdir(maildir.path)).includes("dovecot-pop3-session.lock"));
    });
  }
}

test("what is remembered and not understood is left alone, and nobody gets in", async (t) => {
  const later = "pillarbox-uniqueids 2\n";
  const maildir = await maildirWith(await temporaryDirectory(t), { ...FILES, [FILE]: later });
  assert.equal(await openMaildrop(maildir, how("courier"), silent), "temporary");
  assert.equal(await readFile(`${maildir.path}/${FILE}`, "latin1"), later);
});

test("the former server knows the Maildir itself, not its folders", async (t) => {
  const maildir = await maildirWith(await temporaryDirectory(t), { ...FILES, ".Spam/new/2.b": "s\n" });
  const open = await opened(maildir, { ...how("dovecot:%u.%v"), folders: ["", ".Spam"] });
  const ids = [...open.maildrop.listed()].map(({ folder, uniqueId }) => [folder, uniqueId]);
  assert.equal(new Set(ids.map(([, id]) => id)).size, 4);
  assert.ok(ids.some(([folder, id]) => folder === "" && id === "stored"));
  assert.deepEqual(await readdir(`${maildir.path}/.Spam`), ["new"]);
});

test("ten thousand are remembered", async (t: TestContext) => {
  const maildir = await maildirWith(await temporaryDirectory(t), {});
  const names = Array.from({ length: 10_000 }, (_, i) => `${10_000 + i}.m`);
  await Promise.all(names.map((name) => writeFile(`${maildir.new}/${name},S=0,W=0`, "")));
  await writeFile(
    `${maildir.path}/dovecot-uidlist`,
    `3 V7 N10001\n${names.map((name, i) => `${i + 1} :${name},S=0,W=0\n`).join("")}`,
  );
  const ids = await idsOf(maildir, "dovecot:%u.%v");
  assert.equal(ids[9999], "10000.7");
  assert.deepEqual(await idsOf(maildir, "courier"), ids);
});

function how(option: string, durable: Durable = new FailingDurable()) {
  const server = parseUniqueIdOption(option);
  const known: "pillarbox" | FormerServer = server ?? assert.fail(option);
  return opening([""], { uniqueIds: new UniqueIds({ server: known, durable, uniqueName }) });
}

/** The unique-ids of a session, in the order of its message-numbers. */
async function idsOf(maildir: Maildir, option: string, durable?: Durable): Promise<string[]> {
  const open = await opened(maildir, how(option, durable));
  await open.lock?.release();
  return [...open.maildrop.listed()].map(({ uniqueId }) => uniqueId);
}
