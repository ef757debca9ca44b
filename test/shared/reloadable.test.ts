/** What may be read anew: the new version when it is good, the old one when it is not. */
import assert from "node:assert/strict";
import { readFile, rename, symlink, unlink, utimes, writeFile } from "node:fs/promises";
import { describe, type TestContext, test } from "node:test";
import pino from "pino";
import type { Log } from "../../shared/log.js";
import { Reloadable } from "../../shared/reloadable.js";
import { temporaryDirectory } from "../temporary-directory.js";

/** A log whose lines can be looked at. */
function listeningLog(): { readonly log: Log; readonly levels: () => string[] } {
  const lines: string[] = [];
  const log = pino({ formatters: { level: (level) => ({ level }) } }, { write: (line) => lines.push(line) });
  return { log, levels: () => lines.map((line) => JSON.parse(line).level) };
}

async function numberIn(file: string): Promise<number> {
  const text = await readFile(file, "utf8");
  if (!/^\d+$/.test(text)) throw new Error(`not a number: ${text}`);
  return Number(text);
}

async function numberFile(t: TestContext, content = "1") {
  const file = `${await temporaryDirectory(t)}/number`;
  await writeFile(file, content);
  let loads = 0;
  const load = () => {
    loads++;
    return numberIn(file);
  };
  const { log, levels } = listeningLog();
  return { file, load, loads: () => loads, log, levels };
}

describe("a reloadable", () => {
  test("has the version of its first reading, and of each good one after that", async (t) => {
    const { file, load, log, levels } = await numberFile(t);
    const reloadable = await Reloadable.open("number", [file], load, log);
    assert.equal(reloadable.current, 1);
    await writeFile(file, "2");
    assert.equal(reloadable.current, 1);
    assert.equal(await reloadable.reload(), true);
    assert.equal(reloadable.current, 2);
    assert.deepEqual(levels(), ["info"]);
  });

  test("rejects when the first version is broken or missing", async (t) => {
    const { file, load, log } = await numberFile(t, "x");
    await assert.rejects(Reloadable.open("number", [file], load, log), /not a number/);
    await unlink(file);
    await assert.rejects(Reloadable.open("number", [file], load, log), { code: "ENOENT" });
  });

  test("keeps the old version when the new one is broken or missing, says so, and takes the next good one", async (t) => {
    const { file, load, log, levels } = await numberFile(t);
    const reloadable = await Reloadable.open("number", [file], load, log);
    await writeFile(file, "x");
    assert.equal(await reloadable.reload(), false);
    await unlink(file);
    assert.equal(await reloadable.reload(), false);
    assert.equal(reloadable.current, 1);
    assert.deepEqual(levels(), ["error", "error"]);
    await writeFile(file, "3");
    assert.equal(await reloadable.reload(), true);
    assert.equal(reloadable.current, 3);
  });

  test("is read only when a file has changed, if that is what is asked", async (t) => {
    const { file, load, loads, log, levels } = await numberFile(t);
    const reloadable = await Reloadable.open("number", [file], load, log);
    assert.equal(await reloadable.reloadIfChanged(), false);
    assert.equal(loads(), 1);

    const changes: readonly (() => Promise<void>)[] = [
      () => writeFile(file, "22"),
      async () => {
        await writeFile(`${file}.new`, "33");
        await rename(`${file}.new`, file);
      },
      () => utimes(file, 0, 0),
      async () => {
        await writeFile(`${file}.real`, "44");
        await unlink(file);
        await symlink(`${file}.real`, file);
      },
      () => writeFile(`${file}.real`, "555"),
    ];
    for (const [i, change] of changes.entries()) {
      await change();
      assert.equal(await reloadable.reloadIfChanged(), true, `change ${i}`);
      assert.equal(await reloadable.reloadIfChanged(), false, `change ${i}`);
    }
    assert.equal(reloadable.current, 555);

    // A broken file is read, and complained about, once.
    await writeFile(file, "broken");
    for (let i = 0; i < 3; i++) assert.equal(await reloadable.reloadIfChanged(), false);
    assert.equal(loads(), 1 + changes.length + 1);
    assert.equal(levels().filter((level) => level === "error").length, 1);
  });

  test("never puts an older version over a newer, however long a reading takes", async (t) => {
    const { file, log } = await numberFile(t);
    const pending: ((value: number) => void)[] = [];
    let begun = 0;
    const load = () => {
      begun++;
      return begun === 1 ? Promise.resolve(0) : new Promise<number>((resolve) => pending.push(resolve));
    };
    const reloadable = await Reloadable.open("number", [file], load, log);
    const both = [reloadable.reload(), reloadable.reload()];
    for (const version of [1, 2]) {
      while (pending.length === 0) await new Promise((resolve) => setImmediate(resolve));
      assert.equal(begun, version + 1, "one reading at a time");
      pending.shift()?.(version);
      await both[version - 1];
      assert.equal(reloadable.current, version);
    }
  });
});
