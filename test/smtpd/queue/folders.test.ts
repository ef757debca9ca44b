/** The directories of the queue: what is made, with which rights, and what those rights let others do. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { FsyncDurable } from "../../../shared/durable.js";
import { NOBODY, runsAsRoot } from "../../nobody.js";
import { inapplicable, without } from "../../peers.js";
import { temporaryDirectory } from "../../temporary-directory.js";
import { enqueued, filesOf, queueSite } from "./queue-site.js";

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o7777).toString(8);
}

test("the directories are made with the rights of the table, whatever the umask", async (t) => {
  for (const umask of [0o077, 0]) {
    const before = process.umask(umask);
    try {
      const { path } = await queueSite(t);
      const expected = { ".": "2750", tmp: "3770", new: "3770", envelope: "3770", control: "700" };
      for (const [name, mode] of Object.entries({ ...expected, cur: "700", broken: "700" }))
        assert.equal(await modeOf(`${path}/${name}`), mode, name);
      assert.equal((await readdir(path)).length, 6);
    } finally {
      process.umask(before);
    }
  }
});

test("directories that exist keep their rights, and what is missing is made", async (t) => {
  const path = `${await temporaryDirectory(t)}/queue`;
  await mkdir(path);
  await chmod(path, 0o700);
  await mkdir(`${path}/envelope`);
  await chmod(`${path}/envelope`, 0o705);
  const { queue } = await queueSite(t, { path });
  assert.equal(await modeOf(path), "700");
  assert.equal(await modeOf(`${path}/envelope`), "705");
  assert.equal(await modeOf(`${path}/new`), "3770");
  await enqueued(queue);
});

test("where a file is in the way, there is no queue", async (t) => {
  const path = await temporaryDirectory(t);
  await writeFile(`${path}/queue`, "");
  await assert.rejects(queueSite(t, { path: `${path}/queue` }), { code: "ENOTDIR" });
});

test("files for others to read have their mode whatever the umask", async (t) => {
  const path = await temporaryDirectory(t);
  const before = process.umask(0o077);
  try {
    await (await new FsyncDurable(0o640).create(`${path}/x`)).close();
    await (await new FsyncDurable().create(`${path}/y`)).close();
  } finally {
    process.umask(before);
  }
  assert.equal(await modeOf(`${path}/x`), "640");
  assert.equal(await modeOf(`${path}/y`), "600");
});

test("a member of the group may place mail and take nothing away; others may do nothing", {
  skip: runsAsRoot ? without("setpriv") : inapplicable("only root can become somebody else"),
}, async (t) => {
  const directory = await temporaryDirectory(t);
  await chmod(directory, 0o755);
  const { path, queue } = await queueSite(t, { path: `${directory}/queue` });
  const envelope = await enqueued(queue);
  const as = (groups: string, script: string): number => {
    const words = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, groups, "sh", "-c", script];
    try {
      execFileSync("/usr/bin/env", words, { stdio: "ignore", cwd: path });
      return 0;
    } catch {
      return 1;
    }
  };
  const member = `--groups=${process.getgid?.() ?? 0}`;
  assert.equal(as(member, "echo x > tmp/1 && chmod 640 tmp/1 && mv tmp/1 new/1 && echo x > envelope/x"), 0);
  const { gid, mode } = await stat(`${path}/new/1`);
  assert.equal(gid, (await stat(`${path}/new`)).gid);
  assert.equal(mode & 0o777, 0o640);
  const before = await filesOf(path);
  for (const script of [
    `rm -f new/${envelope.message}`,
    `mv envelope/${envelope.queueId}.json envelope/y`,
    `cat envelope/${envelope.queueId}.json`,
    "echo x > broken/x",
    "ls cur",
  ])
    assert.equal(as(member, script), 1, script);
  assert.equal(as("--clear-groups", "ls tmp"), 1);
  assert.deepEqual(await filesOf(path), before);
});
