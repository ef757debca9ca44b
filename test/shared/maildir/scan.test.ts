/** Scans of real Maildirs: what counts as a message, and that none is missed while another program renames them. */
import assert from "node:assert/strict";
import { execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, open, rmdir, symlink, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { FsyncDurable } from "../../../shared/durable.js";
import { createMaildir } from "../../../shared/maildir/create.js";
import { MessageFinder } from "../../../shared/maildir/find.js";
import { type Maildir, maildirAt } from "../../../shared/maildir/maildir.js";
import { formatBaseName, parseName, pathOf } from "../../../shared/maildir/name.js";
import { messagesByStatus, messagesIn, scanMaildir, scanWithTwins } from "../../../shared/maildir/scan.js";
import { temporaryDirectory } from "../../temporary-directory.js";

async function freshMaildir(t: TestContext): Promise<Maildir> {
  const maildir = maildirAt(`${await temporaryDirectory(t)}/Maildir`);
  await createMaildir(maildir, new FsyncDurable());
  return maildir;
}

async function put(maildir: Maildir, folder: "new" | "cur", ...filenames: string[]): Promise<void> {
  for (const filename of filenames) await writeFile(pathOf(maildir[folder], filename), "x\n");
}

/** What a scan finds, as `new/<name>`. */
async function scanned(maildir: Maildir): Promise<string[]> {
  return (await scanMaildir(maildir)).map(({ folder, filename }) => `${folder}/${filename}`).sort();
}

/** Puts one of each thing that is no message into a folder. */
async function clutter(t: TestContext, directory: string): Promise<void> {
  await writeFile(`${directory}/.hidden`, "x");
  await writeFile(`${directory}/.1.host:2,S`, "x");
  await mkdir(`${directory}/1.directory`);
  await symlink("1.message", `${directory}/1.link`);
  await symlink("nowhere", `${directory}/1.dangling`);
  await symlink("1.loop", `${directory}/1.loop`);
  execFileSync("mkfifo", [`${directory}/1.fifo`]);
  const server = createServer().listen(`${directory}/1.socket`);
  await once(server, "listening");
  t.after(() => server.close());
}

describe("a scan", () => {
  test("finds the messages of both folders, and what their names say", async (t) => {
    const maildir = await freshMaildir(t);
    await put(maildir, "new", "1.a,S=2,W=3", "2.b:2,F");
    await put(maildir, "cur", "3.c,S=2,W=3,U=9:2,FS", "4.d");
    const entries = (await scanMaildir(maildir)).sort((a, b) => (a.filename < b.filename ? -1 : 1));
    assert.deepEqual(entries, [
      {
        folder: "new",
        filename: "1.a,S=2,W=3",
        unique: "1.a",
        identity: "1.a,S=2,W=3",
        size: 2,
        wireSize: 3,
        flags: "",
      },
      {
        folder: "new",
        filename: "2.b:2,F",
        unique: "2.b",
        identity: "2.b",
        size: undefined,
        wireSize: undefined,
        flags: "F",
      },
      {
        folder: "cur",
        filename: "3.c,S=2,W=3,U=9:2,FS",
        unique: "3.c",
        identity: "3.c,S=2,W=3",
        size: 2,
        wireSize: 3,
        flags: "FS",
      },
      {
        folder: "cur",
        filename: "4.d",
        unique: "4.d",
        identity: "4.d",
        size: undefined,
        wireSize: undefined,
        flags: "",
      },
    ]);
  });

  test("takes nothing for a message but files without a dot in front", async (t) => {
    const maildir = await freshMaildir(t);
    for (const folder of ["new", "cur"] as const) {
      await put(maildir, folder, `1.message-in-${folder}`);
      await clutter(t, maildir[folder]);
    }
    assert.deepEqual(await scanned(maildir), ["cur/1.message-in-cur", "new/1.message-in-new"]);
    for (const folder of ["new", "cur"] as const) {
      assert.deepEqual(await messagesByStatus(maildir[folder]), await messagesIn(maildir[folder]));
    }
  });

  test("counts a message in both folders once, as the one in cur/", async (t) => {
    const maildir = await freshMaildir(t);
    await put(maildir, "new", "1.a,S=2", "2.b");
    await copyFile(`${maildir.new}/1.a,S=2`, `${maildir.cur}/1.a,S=2,U=5:2,S`);
    assert.deepEqual(await scanned(maildir), ["cur/1.a,S=2,U=5:2,S", "new/2.b"]);
  });

  test("tells of what one name hides of another, where nothing moves", async (t) => {
    const maildir = await freshMaildir(t);
    await put(maildir, "new", "1.a", "2.b");
    await put(maildir, "cur", "1.a:2,S", "1.a,U=3:2,", "3.c:2,");
    const { entries, twins } = await scanWithTwins(maildir);
    assert.equal(entries.length, 3);
    assert.deepEqual(twins.map(({ other }) => other.identity), ["1.a", "1.a"]); // biome-ignore format: a row
    const files = [entries.find(({ identity }) => identity === "1.a"), ...twins.map(({ other }) => other)];
    assert.deepEqual(files.map((file) => file?.filename).sort(), ["1.a", "1.a,U=3:2,", "1.a:2,S"]);
  });

  test("finds names that are not UTF-8, and they lead to the files", async (t) => {
    const maildir = await freshMaildir(t);
    const names = ["caf\xe9", "\xff\xfe\x80", "gr\xc3\xb6\xc3\x9fe:2,S", "tab\tand newline\n"];
    await put(maildir, "new", ...names);
    assert.deepEqual(await scanned(maildir), names.map((name) => `new/${name}`).sort());
    assert.deepEqual((await messagesByStatus(maildir.new)).sort(), names.toSorted());
    for (const entry of await scanMaildir(maildir)) {
      const handle = await open(pathOf(maildir[entry.folder], entry.filename));
      assert.equal(await handle.readFile("utf8"), "x\n");
      await handle.close();
    }
  });

  test("finds nothing in an empty Maildir, and half of a half one", async (t) => {
    const maildir = await freshMaildir(t);
    assert.deepEqual(await scanned(maildir), []);
    await rmdir(maildir.cur);
    await put(maildir, "new", "1.a");
    assert.deepEqual(await scanned(maildir), ["new/1.a"]);
  });

  test("rejects where there is no Maildir", async (t) => {
    const directory = await temporaryDirectory(t);
    await assert.rejects(scanMaildir(maildirAt(`${directory}/none`)), { code: "ENOENT" });
    await assert.rejects(scanMaildir(maildirAt(directory)), { code: "ENOENT" });
    await writeFile(`${directory}/file`, "");
    await assert.rejects(scanMaildir(maildirAt(`${directory}/file`)), { code: "ENOTDIR" });
  });

  test("works with a clock that was set back: folders changed in the future", async (t) => {
    const maildir = await freshMaildir(t);
    await put(maildir, "new", "1.a");
    const future = new Date(Date.now() + 86_400_000);
    for (const folder of [maildir.new, maildir.cur]) await utimes(folder, future, future);
    assert.deepEqual(await scanned(maildir), ["new/1.a"]);
  });

  test("finds each of 20,000 messages once", async (t) => {
    const maildir = await freshMaildir(t);
    const names = Array.from({ length: 20_000 }, (_, i) => formatBaseName(`1763769600.M${i}P1Q1.host`, i, i));
    for (let start = 0; start < names.length; start += 500) {
      const folder = start % 1000 === 0 ? "new" : "cur";
      await Promise.all(
        names.slice(start, start + 500).map((name) => writeFile(`${maildir[folder]}/${name}`, "")),
      );
    }
    const identities = (await scanMaildir(maildir)).map(({ identity }) => identity);
    assert.deepEqual(identities.sort(), names.sort());
  });
});

describe("while another program renames as fast as it can", () => {
  const MESSAGES = 300;
  const SCANS = 12;

  /** Does `action` on a Maildir with MESSAGES messages and the renamer at work. */
  async function withRenamer(t: TestContext, action: (maildir: Maildir) => Promise<void>): Promise<void> {
    const maildir = await freshMaildir(t);
    const names = Array.from({ length: MESSAGES }, (_, i) => `1763769600.M${i}P1Q1.host,S=2,W=3`);
    await put(maildir, "new", ...names);
    const child = fork(fileURLToPath(new URL("../../fakes/renamer.js", import.meta.url)), [maildir.path]);
    const exited = once(child, "exit");
    try {
      await once(child, "message");
      await action(maildir);
      assert.equal(child.exitCode, null, "the renamer was at work all the time");
    } finally {
      if (child.connected) child.disconnect();
      await exited;
    }
  }

  test("a scan misses none and finds none twice", async (t) => {
    await withRenamer(t, async (maildir) => {
      for (let scan = 0; scan < SCANS; scan++) {
        const entries = await scanMaildir(maildir);
        assert.equal(new Set(entries.map(({ unique }) => unique)).size, MESSAGES);
        assert.equal(entries.length, MESSAGES);
      }
    });
  });

  test("a message is found, or by rare bad luck not, but never another for it", async (t) => {
    await withRenamer(t, async (maildir) => {
      const entries = await scanMaildir(maildir);
      const finder = new MessageFinder(maildir, entries);
      let found = 0;
      for (const { identity } of entries) {
        const message = await finder.with(identity, async (path, { filename }) => {
          await (await open(path)).close();
          return filename;
        });
        if (message === undefined) continue;
        found++;
        assert.equal(parseName(message.result).identity, identity);
      }
      assert.ok(found > MESSAGES / 2, `${found}`);
    });
  });
});
