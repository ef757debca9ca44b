/** What is removed from tmp/, what never is, and how often one looks. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, readdir, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { describe, type TestContext, test } from "node:test";
import { FsyncDurable } from "../../../shared/durable.js";
import { cleanTmp, TMP_LIFETIME_MS, TmpCleaner } from "../../../shared/maildir/clean.js";
import { createMaildir } from "../../../shared/maildir/create.js";
import { type Maildir, maildirAt } from "../../../shared/maildir/maildir.js";
import { pathOf } from "../../../shared/maildir/name.js";
import { temporaryDirectory } from "../../temporary-directory.js";

async function freshMaildir(t: TestContext, name = "Maildir"): Promise<Maildir> {
  const maildir = maildirAt(`${await temporaryDirectory(t)}/${name}`);
  await createMaildir(maildir, new FsyncDurable());
  return maildir;
}

/** When the file was last touched in any way: its change of status cannot be set, so the clock is moved instead. */
async function touched(path: string): Promise<number> {
  return (await stat(path)).ctimeMs;
}

describe("cleaning", () => {
  test("removes a file after 36 hours, and not a millisecond before", async (t) => {
    const maildir = await freshMaildir(t);
    assert.equal(TMP_LIFETIME_MS, 36 * 60 * 60 * 1000);
    await writeFile(`${maildir.tmp}/1.partial`, "x");
    const at = await touched(`${maildir.tmp}/1.partial`);
    assert.equal(await cleanTmp(maildir, at + TMP_LIFETIME_MS - 1), 0);
    assert.deepEqual(await readdir(maildir.tmp), ["1.partial"]);
    assert.equal(await cleanTmp(maildir, at + TMP_LIFETIME_MS + 1), 1);
    assert.deepEqual(await readdir(maildir.tmp), []);
  });

  test("counts reading and writing as touching", async (t) => {
    const maildir = await freshMaildir(t);
    for (const name of ["1.read", "1.written"]) await writeFile(`${maildir.tmp}/${name}`, "x");
    const now = (await touched(`${maildir.tmp}/1.written`)) + TMP_LIFETIME_MS + 1000;
    await utimes(`${maildir.tmp}/1.read`, now / 1000 - 60, 0);
    await utimes(`${maildir.tmp}/1.written`, 0, now / 1000 - 60);
    assert.equal(await cleanTmp(maildir, now), 0);
    assert.equal(await cleanTmp(maildir, now + TMP_LIFETIME_MS), 2);
  });

  test("removes files of any name, and nothing else; never touches new/ and cur/", async (t) => {
    const maildir = await freshMaildir(t);
    for (const folder of [maildir.tmp, maildir.new, maildir.cur]) {
      for (const name of ["1.old", ".nfs0001", "caf\xe9"]) await writeFile(pathOf(folder, name), "x");
      await mkdir(`${folder}/directory`);
      await writeFile(`${folder}/directory/1.inside`, "x");
      await symlink("directory/1.inside", `${folder}/link`);
      execFileSync("mkfifo", [`${folder}/fifo`]);
    }
    const before = await readdir(maildir.path, { recursive: true, encoding: "latin1" });
    assert.equal(await cleanTmp(maildir, Date.now() + 10 * TMP_LIFETIME_MS), 3);
    const after = await readdir(maildir.path, { recursive: true, encoding: "latin1" });
    const removed = before.filter((path) => !after.includes(path)).sort();
    assert.deepEqual(removed, ["tmp/.nfs0001", "tmp/1.old", "tmp/caf\xe9"]);
  });

  test("finds nothing to do where there is no tmp/", async (t) => {
    assert.equal(await cleanTmp(maildirAt(`${await temporaryDirectory(t)}/none`), Date.now()), 0);
  });
});

describe("TmpCleaner", () => {
  const HOUR = 3_600_000;

  test("looks at a Maildir every six hours at most, and at each by itself", async (t) => {
    const [alice, bob] = [await freshMaildir(t, "alice"), await freshMaildir(t, "bob")];
    let now = Date.now() + 2 * TMP_LIFETIME_MS;
    const cleaner = new TmpCleaner(() => now);
    const visit = async (maildir: Maildir): Promise<number> => {
      await writeFile(`${maildir.tmp}/1.old`, "x");
      return cleaner.visit(maildir);
    };
    assert.equal(await visit(alice), 1);
    assert.equal(await visit(alice), 0);
    assert.equal(await visit(bob), 1);
    now += 6 * HOUR - 1;
    assert.equal(await visit(alice), 0);
    now += 1;
    assert.equal(await visit(alice), 1);
    assert.equal(await visit(bob), 1);
  });
});
