/** The key of stand-ins: one for all who ask, kept from others, and never a reason to let nobody log in. */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { standInKey } from "../../../shared/accounts/stand-in-key.js";
import { openLog } from "../../../shared/log.js";
import { temporaryDirectory } from "../../temporary-directory.js";

const log = openLog("test", { level: "fatal", format: "json" });

test("whoever asks, at once or later, gets the same, and nothing else is left", async (t) => {
  const root = await temporaryDirectory(t);
  const keys = await Promise.all(Array.from({ length: 8 }, () => standInKey(root, log)));
  keys.push(await standInKey(root, log), await readFile(`${root}/.stand-in-key`));
  assert.equal(new Set(keys.map((key) => key.toString("hex"))).size, 1);
  assert.deepEqual(await readdir(root), [".stand-in-key"]);
  assert.equal((await stat(`${root}/.stand-in-key`)).mode & 0o777, 0o600);
});

test("where it cannot be kept there is one all the same, and what lies there stays", async (t) => {
  const root = await temporaryDirectory(t);
  const file = `${root}/.stand-in-key`;
  const elsewhere = `${root}/elsewhere`;
  await writeFile(elsewhere, Buffer.alloc(32));
  const obstacles: readonly (readonly [string, () => Promise<unknown>])[] = [
    ["a key cut short", () => writeFile(file, Buffer.alloc(31))],
    ["something longer", () => writeFile(file, Buffer.alloc(33))],
    ["a symbolic link", () => symlink(elsewhere, file)],
    ["a symbolic link to nothing", () => symlink(`${root}/missing`, file)],
    ["a directory", () => mkdir(file)],
  ];
  for (const [name, make] of obstacles) {
    await make();
    const [one, other] = [await standInKey(root, log), await standInKey(root, log)];
    assert.equal(one.length, 32, name);
    assert.notDeepEqual(one, other, name);
    assert.deepEqual((await readdir(root)).sort(), [".stand-in-key", "elsewhere"], name);
    await rm(file, { recursive: true });
  }
  assert.equal((await standInKey(`${root}/missing`, log)).length, 32);
});
