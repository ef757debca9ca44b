/**
 * The races between what a session knows of a message and what it does with it, each forced: another program renames the
 * message just before it is opened, removed or moved, and again while it is looked for. RETR sends it all the same, and
 * QUIT removes what was marked and nothing else.
 */
import assert from "node:assert/strict";
import { readdir, rename, rm, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import type { Maildir } from "../../shared/maildir/maildir.js";
import { without } from "../peers.js";
import { filesIn } from "../pop3d/opened.js";
import { type Login, Scene } from "./scene.js";

const OPTIONS = { skip: without("strace"), timeout: 60_000 };

let scene: Scene;
let maildir: Maildir;
beforeEach(async () => {
  scene = await Scene.make();
  maildir = scene.maildir;
});
afterEach(() => scene.remove());

// The login reads either folder with two calls, the second of which gives no more names; a look does so, too.

test("renamed before RETR opens it, and again each time it has been found", OPTIONS, async () => {
  await scene.put("new", ["1.a,W=3", "2.b,W=3"]);
  const login = await scene.login("getdents64", [maildir.cur], "4..12+2");
  await login.listed();
  let at = await moved(`${maildir.new}/2.b,W=3`, `${maildir.cur}/2.b,W=3:2,`);
  login.client.send("RETR 2\r\n");
  for (const flags of ["F", "FS", "S", "RS", ""])
    await login.stop(async () => {
      at = await moved(at, `${maildir.cur}/2.b,W=3:2,${flags}`);
    });
  await login.client.expect("+OK");
  assert.deepEqual(await login.client.lines(), ["x"]);
});

test(
  "from one folder to the other between the two that are looked at: not taken for gone",
  OPTIONS,
  async () => {
    await scene.put("new", ["1.a,W=3"]);
    const login = await scene.login("getdents64", [maildir.new], "4");
    await login.listed();
    await rename(`${maildir.new}/1.a,W=3`, `${maildir.cur}/1.a,W=3:2,`);
    login.client.send("RETR 1\r\n");
    // It comes back to new/, which has just been read, so that it is seen in neither.
    await login.stop(() => rename(`${maildir.cur}/1.a,W=3:2,`, `${maildir.new}/1.a,W=3:2,S`));
    await login.client.expect("+OK");
    assert.deepEqual(await login.client.lines(), ["x"]);
  },
);

test("removed while it is looked for: RETR says so, and the session goes on", OPTIONS, async () => {
  await scene.put("new", ["1.a,W=3", "2.b,W=3"]);
  const login = await scene.login("getdents64", [maildir.cur], "4");
  await login.listed();
  await rename(`${maildir.new}/1.a,W=3`, `${maildir.cur}/1.a,W=3:2,`);
  login.client.send("RETR 1\r\n");
  await login.stop(() => unlink(`${maildir.cur}/1.a,W=3:2,`));
  await login.client.expect("-ERR");
  await retrieved(login, 2);
  await login.client.command("DELE 1", "+OK");
  await login.client.command("QUIT", "+OK");
  assert.deepEqual(await filesIn(maildir), ["cur/2.b,W=3:2,S"]);
});

test("renamed after RETR has opened it, and before QUIT removes it", OPTIONS, async () => {
  await scene.put("new", ["1.a,W=3", "2.b,W=3"]);
  const login = await scene.login("getdents64", [maildir.cur], "4..10+2");
  await login.listed();
  await retrieved(login, 1);
  await login.client.command("DELE 1", "+OK");
  let at = await moved(`${maildir.new}/1.a,W=3`, `${maildir.cur}/1.a,W=3:2,`);
  login.client.send("QUIT\r\n");
  for (const flags of ["F", "FS", "S", "RS"])
    await login.stop(async () => {
      at = await moved(at, `${maildir.cur}/1.a,W=3:2,${flags}`);
    });
  await login.client.expect("+OK");
  assert.deepEqual(await filesIn(maildir), ["cur/2.b,W=3:2,"]);
});

test("renamed between the two folders that QUIT looks at: removed all the same", OPTIONS, async () => {
  await scene.put("new", ["1.a,W=3", "2.b,W=3"]);
  const login = await scene.login("getdents64", [maildir.new], "4");
  await login.listed();
  await login.client.command("DELE 1", "+OK");
  await rename(`${maildir.new}/1.a,W=3`, `${maildir.cur}/1.a,W=3:2,`);
  login.client.send("QUIT\r\n");
  await login.stop(() => rename(`${maildir.cur}/1.a,W=3:2,`, `${maildir.new}/1.a,W=3:2,S`));
  await login.client.expect("+OK");
  assert.deepEqual(await filesIn(maildir), ["cur/2.b,W=3:2,"]);
});

test("moved to cur/ by another program just as QUIT moves it there: it is there once", OPTIONS, async () => {
  await scene.put("new", ["1.a,W=3", "2.b,W=3"]);
  // The look whether something would be replaced is the last thing before the rename.
  const login = await scene.login("statx", [join(maildir.cur, "1.a,W=3:2,")], "1");
  await login.listed();
  login.client.send("QUIT\r\n");
  await login.stop(() => rename(`${maildir.new}/1.a,W=3`, `${maildir.cur}/1.a,W=3:2,`));
  await login.client.expect("+OK");
  assert.deepEqual(await filesIn(maildir), ["cur/1.a,W=3:2,", "cur/2.b,W=3:2,"]);
});

test("flagged by another program just as QUIT flags it as seen: it has both flags", OPTIONS, async () => {
  await scene.put("cur", ["1.a,W=3:2,"]);
  const login = await scene.login("statx", [join(maildir.cur, "1.a,W=3:2,S")], "1");
  await login.listed();
  await retrieved(login, 1);
  login.client.send("QUIT\r\n");
  await login.stop(() => rename(`${maildir.cur}/1.a,W=3:2,`, `${maildir.cur}/1.a,W=3:2,F`));
  await login.client.expect("+OK");
  assert.deepEqual(await filesIn(maildir), ["cur/1.a,W=3:2,FS"]);
});

test(
  "new/ taken away with its messages, and another put in its place: the others can be had",
  OPTIONS,
  async () => {
    await scene.put("new", ["1.a,W=3", "2.b,W=3"]);
    await scene.put("cur", ["3.c,W=3:2,"]);
    const login = await scene.login("getdents64", [maildir.cur], "4");
    await login.listed();
    await rename(`${maildir.new}/2.b,W=3`, `${maildir.cur}/2.b,W=3:2,`);
    login.client.send("RETR 2\r\n");
    await login.stop(() => rm(maildir.new, { recursive: true }));
    await login.client.expect("+OK");
    await login.client.lines();
    await login.client.command("RETR 1", "-ERR");
    await retrieved(login, 3);
    await login.client.command("DELE 1", "+OK");
    await login.client.command("DELE 3", "+OK");
    await login.client.command("QUIT", "+OK");
    assert.deepEqual(await readdir(maildir.cur), ["2.b,W=3:2,S"]);
  },
);

test("another message put where one was: neither sent nor removed for it", OPTIONS, async () => {
  await scene.put("new", ["1.a,S=2,W=3"]);
  const login = await scene.login("getdents64", [maildir.cur], "4");
  await login.listed();
  await unlink(`${maildir.new}/1.a,S=2,W=3`);
  login.client.send("RETR 1\r\n");
  await login.stop(() => writeFile(`${maildir.cur}/1.a,S=5,W=6:2,`, "other"));
  await login.client.expect("-ERR");
  await login.client.command("DELE 1", "+OK");
  await login.client.command("QUIT", "+OK");
  assert.deepEqual(await filesIn(maildir), ["cur/1.a,S=5,W=6:2,"]);
});

async function retrieved({ client }: Login, number: number): Promise<void> {
  await client.command(`RETR ${number}`, "+OK");
  assert.deepEqual(await client.lines(), ["x"]);
}

async function moved(from: string, to: string): Promise<string> {
  await rename(from, to);
  return to;
}
