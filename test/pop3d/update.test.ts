import assert from "node:assert/strict";
import { link, rename, rm, unlink, writeFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import type { OpenMaildrop } from "../../pop3d/open-maildrop.js";
import type { UpdateOutcome } from "../../pop3d/update.js";
import type { Durable } from "../../shared/durable.js";
import type { Maildir } from "../../shared/maildir/maildir.js";
import { FailingDurable, type FailureOf } from "../fakes/failing-durable.js";
import { temporaryDirectory } from "../temporary-directory.js";
import { filesIn, maildirWith, mark, opened, runWith } from "./opened.js";

test("what was marked is removed and durable, what was new is moved, what was retrieved is seen", async (t) => {
  const { maildir, open } = await fourMessages(t);
  mark(open, [1, 3], [2, 4]);
  const durable = new FailingDurable();
  assert.deepEqual(await run(open, durable), { complete: true, removed: 2 });
  assert.deepEqual(await filesIn(maildir), ["cur/2.b:2,S", "cur/4.d:2,FS"]);
  const history = durable.history;
  const changes = ["publish cur", "publish cur", "remove cur", "remove new"];
  assert.deepEqual(history.slice(0, 8).sort(), [...changes, ...changes.map((step) => `${step} done`)].sort());
  const syncs = ["syncDirectory cur", "syncDirectory new"];
  assert.deepEqual(history.slice(8).sort(), [...syncs, ...syncs.map((step) => `${step} done`)].sort());
});

test("a session that changes nothing writes nothing", async (t) => {
  const maildir = await maildirWith(await temporaryDirectory(t), { "cur/1.a:2,S": "a\n", "cur/2.b": "b\n" });
  const open = await opened(maildir);
  mark(open, [], [1]);
  const durable = new FailingDurable();
  assert.deepEqual(await run(open, durable), { complete: true, removed: 0 });
  assert.deepEqual(durable.history, []);
  assert.deepEqual(await filesIn(maildir), ["cur/1.a:2,S", "cur/2.b"]);
});

test("a deletion that fails is told, and the others are made", async (t) => {
  const { maildir, open } = await fourMessages(t);
  mark(open, [1, 2, 3], []);
  const outcome = await run(open, new FailingDurable(failOnce("remove", "EIO")));
  assert.deepEqual(outcome, { complete: false, removed: 2 });
  assert.equal((await filesIn(maildir)).length, 2);
});

test("deletions that are not durable are told", async (t) => {
  const { open } = await fourMessages(t);
  mark(open, [1], []);
  const { complete } = await run(open, new FailingDurable(failOnce("syncDirectory new", "EIO")));
  assert.equal(complete, false);
});

test("a move that fails loses nothing, is no failure of the deletions, and is made at the next QUIT", async (t) => {
  const { maildir, open } = await fourMessages(t);
  mark(open, [1], []);
  const outcome = await run(open, new FailingDurable(failOnce("publish", "ENOSPC")));
  assert.deepEqual(outcome, { complete: true, removed: 1 });
  assert.deepEqual(await filesIn(maildir), ["cur/3.c:2,", "cur/4.d:2,F", "new/2.b"]);
  await open.lock?.release();
  const again = await opened(maildir);
  await run(again, new FailingDurable());
  assert.deepEqual(await filesIn(maildir), ["cur/2.b:2,", "cur/3.c:2,", "cur/4.d:2,F"]);
});

test("messages that another program has renamed meanwhile are found", async (t) => {
  const { maildir, open } = await fourMessages(t);
  mark(open, [1, 3], [2]);
  await rename(`${maildir.new}/1.a`, `${maildir.cur}/1.a:2,RS`);
  await rename(`${maildir.new}/2.b`, `${maildir.cur}/2.b,U=7:2,F`);
  await rename(`${maildir.cur}/3.c:2,`, `${maildir.cur}/3.c:2,T`);
  assert.deepEqual(await run(open, new FailingDurable()), { complete: true, removed: 2 });
  assert.deepEqual(await filesIn(maildir), ["cur/2.b,U=7:2,FS", "cur/4.d:2,F"]);
});

test("messages that another program has removed count as removed", async (t) => {
  const { maildir, open } = await fourMessages(t);
  mark(open, [1], [2]);
  await unlink(`${maildir.new}/1.a`);
  await unlink(`${maildir.new}/2.b`);
  const { complete } = await run(open, new FailingDurable());
  assert.equal(complete, true);
  assert.deepEqual(await filesIn(maildir), ["cur/3.c:2,", "cur/4.d:2,F"]);
});

test("messages that were delivered meanwhile are not touched", async (t) => {
  const { maildir, open } = await fourMessages(t);
  await writeFile(`${maildir.new}/0.early`, "x\n");
  mark(open, [1, 2, 3, 4], []);
  assert.deepEqual(await run(open, new FailingDurable()), { complete: true, removed: 4 });
  assert.deepEqual(await filesIn(maildir), ["new/0.early"]);
});

test("a move never replaces another file", async (t) => {
  const { maildir, open } = await fourMessages(t);
  // The same message twice, as an interrupted copy leaves it.
  await link(`${maildir.new}/1.a`, `${maildir.cur}/1.a:2,`);
  await writeFile(`${maildir.cur}/4.d:2,FS`, "another\n");
  mark(open, [], [4]);
  await run(open, new FailingDurable());
  const left = await filesIn(maildir);
  for (const file of ["new/1.a", "cur/1.a:2,", "cur/4.d:2,F", "cur/4.d:2,FS"])
    assert.ok(left.includes(file), file);
});

test("flags in an order of somebody else's, and names without flags, are left as they are", async (t) => {
  const files = { "cur/1.a:2,SF": "a\n", "cur/2.b:2,TDS": "b\n", "cur/3.c": "c\n", "cur/4.d:1,x": "d\n" };
  const maildir = await maildirWith(await temporaryDirectory(t), files);
  const open = await opened(maildir);
  mark(open, [], [1, 2]);
  const durable = new FailingDurable();
  await run(open, durable);
  assert.deepEqual(await filesIn(maildir), Object.keys(files));
  assert.deepEqual(durable.history, []);
});

test("a Maildir without a cur/ gets one when messages have to move there", async (t) => {
  const maildir = await maildirWith(await temporaryDirectory(t), { "new/1.a": "a\n" });
  await rm(maildir.cur, { recursive: true });
  const open = await opened(maildir);
  await run(open, new FailingDurable());
  assert.deepEqual(await filesIn(maildir), ["cur/1.a:2,"]);
});

test("who has been robbed of the lock removes nothing, and says so if there was something to remove", async (t) => {
  const { maildir, open } = await fourMessages(t);
  const before = await filesIn(maildir);
  await rm(`${maildir.path}/dovecot-pop3-session.lock`);
  assert.deepEqual(await run(open, new FailingDurable()), { complete: true, removed: 0 });
  mark(open, [1], []);
  assert.deepEqual(await run(open, new FailingDurable()), { complete: false, removed: 0 });
  assert.deepEqual(await filesIn(maildir), before);
});

test("an account without a Maildir has nothing to update", async (t) => {
  const maildir = await maildirWith(await temporaryDirectory(t), {});
  await rm(maildir.path, { recursive: true });
  assert.deepEqual(await run(await opened(maildir), new FailingDurable()), { complete: true, removed: 0 });
});

async function fourMessages(t: TestContext): Promise<{ maildir: Maildir; open: OpenMaildrop }> {
  const maildir = await maildirWith(await temporaryDirectory(t), {
    "new/1.a": "a\n",
    "new/2.b": "b\n",
    "cur/3.c:2,": "c\n",
    "cur/4.d:2,F": "d\n",
  });
  return { maildir, open: await opened(maildir) };
}

async function run(
  open: OpenMaildrop,
  durable: Durable,
): Promise<Pick<UpdateOutcome, "complete" | "removed">> {
  const { complete, removed } = await runWith(open, {}, durable);
  return { complete, removed };
}

/** The first call of this kind fails. */
function failOnce(kind: string, code: string): FailureOf {
  let failed = false;
  return (step) => {
    if (failed || !step.startsWith(kind)) return undefined;
    failed = true;
    return code;
  };
}
