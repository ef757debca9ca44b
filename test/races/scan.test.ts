/**
 * The races of a scan at login, each forced: the daemon is stopped between two system calls, and another program renames
 * messages just there. Whatever happens, the maildrop lists each message once.
 */
import assert from "node:assert/strict";
import { mkdir, rename, rmdir, unlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Maildir } from "../../shared/maildir/maildir.js";
import { without } from "../peers.js";
import { Scene } from "./scene.js";

const OPTIONS = { skip: without("strace"), timeout: 60_000 };

let scene: Scene;
let maildir: Maildir;
beforeEach(async () => {
  scene = await Scene.make();
  maildir = scene.maildir;
});
afterEach(() => scene.remove());

test("from cur/ to new/ once new/ has been read: not missed", OPTIONS, async () => {
  await scene.put("new", ["1.a"]);
  await scene.put("cur", ["2.b:2,S", "3.c:2,"]);
  // The second call says that there are no more names.
  const login = await scene.login("getdents64", [maildir.new], "2");
  await login.stop(() => rename(`${maildir.cur}/2.b:2,S`, `${maildir.new}/2.b:2,S`));
  assert.deepEqual(await login.listed(), ["1.a", "2.b", "3.c"]);
});

test("from new/ to cur/ between the two: not listed twice", OPTIONS, async () => {
  await scene.put("new", ["1.a", "2.b"]);
  await scene.put("cur", ["3.c:2,"]);
  const login = await scene.login("getdents64", [maildir.new], "2");
  await login.stop(() => rename(`${maildir.new}/1.a`, `${maildir.cur}/1.a:2,`));
  assert.deepEqual(await login.listed(), ["1.a", "2.b", "3.c"]);
});

for (const folder of ["new", "cur"] as const) {
  test(
    `flags changed behind the place where reading ${folder}/ has stopped: not missed, not listed twice`,
    OPTIONS,
    async () => {
      const names = Array.from({ length: 50 }, (_, i) => `${i + 1}.m`);
      const path = (name: string, round: number) => `${maildir[folder]}/${name}:2,${"F".repeat(round % 2)}`;
      await scene.put(
        folder,
        names.map((name) => `${name}:2,`),
      );
      const login = await scene.login("getdents64", [maildir[folder]], "1..5");
      for (let round = 0; round < 5; round++) {
        await login.stop(async () => {
          for (const name of names) await rename(path(name, round), path(name, round + 1));
        });
      }
      assert.deepEqual(await login.listed(), names);
    },
  );
}

test(
  "a directory that takes many calls to read, and thousands of its messages renamed meanwhile",
  OPTIONS,
  async () => {
    const names = Array.from({ length: 12_000 }, (_, i) => `${i + 1}.M${i}P1Q1.host,S=2,W=3`);
    await scene.put(
      "cur",
      names.map((name) => `${name}:2,`),
    );
    const login = await scene.login("getdents64", [maildir.cur], "5..25+10");
    const flags = ["", "F", "FS", "S"];
    for (let round = 0; round < 3; round++) {
      const [from = "", to = ""] = flags.slice(round);
      await login.stop(async () => {
        for (const name of names.filter((_, i) => i % 2 === 0))
          await rename(`${maildir.cur}/${name}:2,${from}`, `${maildir.cur}/${name}:2,${to}`);
      });
    }
    assert.deepEqual(
      await login.listed(),
      names.map((name) => name.slice(0, name.indexOf(","))),
    );
    const calls = login.stops.lines().filter((line) => / getdents64\(.* = \d+$/.test(line));
    assert.ok(calls.length > 50, `it took ${calls.length} calls`);
  },
);

test(
  "a Maildir that never holds still, each scan of which misses one and sees another twice",
  OPTIONS,
  async () => {
    // Names of our own, so that no message is opened, and looked for, to learn its size.
    const [first, second, third] = [1, 2, 3].map((n) => `${n}.M${n}P1Q${n}.host,S=2,W=3`);
    await scene.put("cur", [`${first}:2,`, `${second}:2,`]);
    await scene.put("new", [`${third}`]);
    const login = await scene.login("getdents64", [maildir.new, maildir.cur], "2..32+2");
    // Every second call ends a folder: at the end of new/ one goes there, where it is not looked for again, and one comes
    // from there to be seen once more; at the end of cur/ both go back.
    for (let scan = 0; scan < 8; scan++) {
      const missed = scan % 2 === 0 ? first : second;
      await login.stop(async () => {
        await rename(`${maildir.cur}/${missed}:2,`, `${maildir.new}/${missed}:2,`);
        await rename(`${maildir.new}/${third}`, `${maildir.cur}/${third}:2,`);
      });
      await login.stop(async () => {
        await rename(`${maildir.new}/${missed}:2,`, `${maildir.cur}/${missed}:2,`);
        await rename(`${maildir.cur}/${third}:2,`, `${maildir.new}/${third}`);
      });
    }
    assert.deepEqual(await login.listed(), ["1.M1P1Q1.host", "2.M2P1Q2.host", "3.M3P1Q3.host"]);
  },
);

/** How far from its time a folder is looked at to be surely called young; half of what scan.ts takes for young. */
const YOUNG_MS = 10;

test("a change in the very clock tick of another: not missed", OPTIONS, async () => {
  await scene.put("cur", ["1.a:2,S", "2.b:2,"]);
  for (let attempt = 1; attempt <= 10; attempt++) {
    // Changed a little in the future, so that the daemon, which has read the time and waits, goes on at that very time.
    const changed = Date.now() + 1000;
    const changeAt = (folder: string) => utimes(folder, changed / 1000, changed / 1000);
    for (const folder of [maildir.new, maildir.cur]) await changeAt(folder);
    const login = await scene.login("statx,getdents64", [maildir.new, maildir.cur], "2");
    await login.stop(() => sleep(changed - Date.now()));
    const late = Date.now() - changed;
    await login.stop(async () => {
      await rename(`${maildir.cur}/1.a:2,S`, `${maildir.new}/1.a:2,S`);
      for (const folder of [maildir.new, maildir.cur]) await changeAt(folder);
    });
    const listed = await login.listed();
    if (late < YOUNG_MS) return assert.deepEqual(listed, ["1.a", "2.b"]);
    await scene.endSessions();
    await rename(`${maildir.new}/1.a:2,S`, `${maildir.cur}/1.a:2,S`);
  }
  assert.fail("this machine is never in time");
});

test("new/ removed once its time has been read: the messages of cur/ are there", OPTIONS, async () => {
  await scene.put("cur", ["1.a:2,", "2.b:2,"]);
  const login = await scene.login("statx", [maildir.cur], "1");
  await login.stop(() => rmdir(maildir.new));
  assert.deepEqual(await login.listed(), ["1.a", "2.b"]);
});

test(
  "new/ replaced while it is read: what was moved to cur/ is there, and what has come since",
  OPTIONS,
  async () => {
    await scene.put("new", ["1.a", "2.b"]);
    const login = await scene.login("getdents64", [maildir.new], "1");
    await login.stop(async () => {
      for (const name of ["1.a", "2.b"]) await rename(`${maildir.new}/${name}`, `${maildir.cur}/${name}:2,`);
      await rename(maildir.new, join(maildir.path, "old"));
      await mkdir(maildir.new);
      await writeFile(`${maildir.new}/3.c`, "x\n");
    });
    assert.deepEqual(await login.listed(), ["1.a", "2.b", "3.c"]);
  },
);

test(
  "removed once it has been seen, before it could be measured: not listed, and the others are",
  OPTIONS,
  async () => {
    await scene.put("new", ["1.a", "2.b", "3.c"]);
    // The second look at the folders' times ends the scan; these names do not say the messages' sizes.
    const login = await scene.login("statx", [maildir.cur], "2");
    await login.stop(() => unlink(`${maildir.new}/2.b`));
    assert.deepEqual(await login.listed(), ["1.a", "3.c"]);
  },
);

test(
  "renamed once it has been seen, before it could be measured: listed, with its size",
  OPTIONS,
  async () => {
    await scene.put("new", ["1.a", "2.b"]);
    const login = await scene.login("statx", [maildir.cur], "2");
    await login.stop(() => rename(`${maildir.new}/2.b`, `${maildir.cur}/2.b,U=7:2,S`));
    assert.deepEqual(await login.listed(), ["1.a", "2.b"]);
    await login.client.command("LIST 2", "+OK 2 3");
  },
);
