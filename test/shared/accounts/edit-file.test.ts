/** The accounts file on disk: replaced whole, with its owner and mode, by one editor at a time, dead ones not counting. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmod,
  chown,
  lstat,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { editAccountsFile } from "../../../shared/accounts/edit-file.js";
import { withLock } from "../../../shared/accounts/edit-lock.js";
import { FsyncDurable } from "../../../shared/durable.js";

const durable = new FsyncDurable();
const NEW_FILE = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, mode: 0o640 };
/** Somebody else, where we are allowed to give files away. */
const [UID, GID] = NEW_FILE.uid === 0 ? [12345, 54321] : [NEW_FILE.uid, NEW_FILE.gid];

let directory = "";
let file = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "pillarbox-edit-file-"));
  file = join(directory, "users");
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function edit(change: (before: Buffer) => Buffer | Promise<Buffer>, path = file): Promise<void> {
  return editAccountsFile(path, () => NEW_FILE, durable, change);
}

function append(text: string, path = file): Promise<void> {
  return edit((before) => Buffer.concat([before, Buffer.from(text)]), path);
}

describe("the file", () => {
  test("is made where there is none, with the mode asked for", async () => {
    await append("x");
    assert.equal(await readFile(file, "utf8"), "x");
    assert.equal((await stat(file)).mode & 0o7777, 0o640);
    assert.deepEqual(await readdir(directory), ["users"]);
  });

  test("is another file afterwards, with the mode of the first", async () => {
    await writeFile(file, "x");
    await chmod(file, 0o664);
    const before = await stat(file);
    await append("y");
    const after = await stat(file);
    assert.equal(await readFile(file, "utf8"), "xy");
    assert.equal(after.mode, before.mode);
    assert.notEqual(after.ino, before.ino);
    assert.deepEqual(await readdir(directory), ["users"]);
  });

  test("keeps its owner and group", async () => {
    await writeFile(file, "x");
    await chown(file, UID, GID);
    await append("y");
    const { uid, gid } = await stat(file);
    assert.deepEqual([uid, gid], [UID, GID]);
  });

  test("is replaced behind a symbolic link, under the lock of the file itself", async () => {
    const target = join(directory, "target");
    await writeFile(target, "x");
    await symlink("target", file);
    await edit(async (before) => {
      assert.ok((await readdir(directory)).includes("target.lock"));
      return Buffer.concat([before, Buffer.from("y")]);
    });
    assert.ok((await lstat(file)).isSymbolicLink());
    assert.equal(await readFile(target, "utf8"), "xy");
  });

  test("stays as it is when the change fails, and the lock is gone", async () => {
    await writeFile(file, "x");
    await assert.rejects(
      edit(() => {
        throw new Error("as the test wants it");
      }),
      /as the test wants it/,
    );
    assert.equal(await readFile(file, "utf8"), "x");
    assert.deepEqual(await readdir(directory), ["users"]);
  });

  test("what an editor left that was killed is overwritten", async () => {
    await writeFile(file, "x");
    await writeFile(`${file}.new`, "half");
    await append("y");
    assert.equal(await readFile(file, "utf8"), "xy");
    assert.deepEqual(await readdir(directory), ["users"]);
  });

  test("in a directory that is not there", async () => {
    await assert.rejects(append("x", join(directory, "no/users")), { name: "ExitError", exitCode: 78 });
  });
});

describe("the lock", async () => {
  test("names its holder", async () => {
    await withLock(file, async () => {
      assert.equal(await readFile(`${file}.lock`, "utf8"), `${process.pid}:${hostname()}\n`);
    });
    assert.deepEqual(await readdir(directory), []);
  });

  test("lets one in at a time", async () => {
    let inside = 0;
    const visit = () =>
      withLock(file, async () => {
        assert.equal(++inside, 1);
        await new Promise(setImmediate);
        inside--;
      });
    await Promise.all(Array.from({ length: 10 }, visit));
    assert.deepEqual(await readdir(directory), []);
  });

  test("of a live process is waited for, and not for ever", async () => {
    await writeFile(`${file}.lock`, `${process.ppid}:${hostname()}\n`);
    const error = await withLock(file, async () => {}, 50).catch((reason: unknown) => reason);
    assert.ok(error instanceof Error && "exitCode" in error);
    assert.equal(error.exitCode, 75);
    assert.ok(error.message.includes(`${process.ppid}`), "the holder is not named");
    assert.deepEqual(await readdir(directory), ["users.lock"]);
  });

  for (const [what, content] of [
    ["of another host", `${await pidOfTheDead()}:elsewhere.example\n`],
    ["that says nothing", ""],
    ["that says something else", "hello world\n"],
  ] as const) {
    test(`${what} is not overridden`, async () => {
      await writeFile(`${file}.lock`, content);
      await assert.rejects(
        withLock(file, async () => {}, 50),
        { exitCode: 75 },
      );
      assert.equal(await readFile(`${file}.lock`, "utf8"), content);
    });
  }

  test("of a killed process is overridden by the first who comes, and by one of many at a time", async () => {
    await writeFile(file, "");
    const holder = spawn(process.execPath, ["-e", "console.log(1); setInterval(() => {}, 1000)"]);
    await once(holder.stdout, "data");
    await writeFile(`${file}.lock`, `${holder.pid}:${hostname()}\n`);
    holder.kill("SIGKILL");
    await once(holder, "exit");
    await Promise.all(Array.from({ length: 10 }, (_, i) => append(`${i}\n`)));
    const lines = (await readFile(file, "utf8")).trimEnd().split("\n").sort();
    assert.deepEqual(lines, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    assert.deepEqual(await readdir(directory), ["users"]);
  });

  test("of one who was killed while overriding another's is overridden as well", async () => {
    const dead = await pidOfTheDead();
    await writeFile(`${file}.lock`, `${dead}:${hostname()}\n`);
    await writeFile(`${file}.lock.lock`, `${dead}:${hostname()}\n`);
    await append("x");
    assert.deepEqual(await readdir(directory), ["users"]);
  });

  test("with our own pid is that of a dead process, when nobody here has it", async () => {
    await writeFile(`${file}.lock`, `${process.pid}:${hostname()}\n`);
    await append("x");
    assert.equal(await readFile(file, "utf8"), "x");
  });
});

async function pidOfTheDead(): Promise<number> {
  const child = spawn(process.execPath, ["-e", ""]);
  await once(child, "exit");
  return child.pid ?? assert.fail("no pid");
}
