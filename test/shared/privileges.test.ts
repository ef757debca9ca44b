/** Acting as somebody else for a while. (Giving up root for good ends a process, and is in daemon.test.ts.) */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chown, readFile, stat, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { ExitError } from "../../shared/exit.js";
import { actingAs } from "../../shared/privileges.js";
import { runsAsRoot } from "../nobody.js";
import { inapplicable } from "../peers.js";
import { temporaryDirectory } from "../temporary-directory.js";

const skip = !runsAsRoot && inapplicable("only root can act as others");
const idOf = (option: string, user: string) =>
  Number(execFileSync("id", [option, user], { encoding: "utf8" }));
/** Real, effective, saved and file system's ids, and the groups. */
async function status(): Promise<unknown> {
  const ids = /^Uid:.*\nGid:.*$/m.exec(await readFile("/proc/self/status", "utf8"))?.[0];
  return [ids, process.getgroups?.()];
}
const atFirst = await status();

test("what is made belongs to them, and what is root's is out of reach", { skip }, async (t) => {
  const directory = await temporaryDirectory(t);
  const [uid, gid] = [idOf("-u", "nobody"), idOf("-g", "nobody")];
  await writeFile(`${directory}/root`, "secret", { mode: 0o600 });
  await chown(directory, uid, gid);
  await actingAs({ user: "nobody" }, async (ids) => {
    assert.deepEqual(ids, { uid, gid });
    await writeFile(`${directory}/theirs`, "");
    await assert.rejects(readFile(`${directory}/root`), { code: "EACCES" });
  });
  const made = await stat(`${directory}/theirs`);
  assert.deepEqual([made.uid, made.gid], [uid, gid]);
  assert.equal(await readFile(`${directory}/root`, "utf8"), "secret");
});

test("root is root again afterwards, also after an error and after a name that nobody has", {
  skip,
}, async () => {
  const fails = () => Promise.reject(new Error("failed"));
  await assert.rejects(actingAs({ user: "nobody" }, fails), /failed/);
  assert.deepEqual(await status(), atFirst);
  for (const who of [{ user: "no-such-user" }, { user: "nobody", group: "no-such-group" }]) {
    await assert.rejects(
      actingAs(who, () => assert.fail("never called")),
      (error) => error instanceof ExitError && error.exitCode === 78,
    );
    assert.deepEqual(await status(), atFirst);
  }
});

test("as root, or without being root, nothing changes", async () => {
  const user = process.getuid?.() === 0 ? "root" : "nobody";
  assert.deepEqual(await actingAs({ user }, status), atFirst);
});
