/** `expire`: that retrieved mail goes when its time is over, in the way of deletions, and nothing else does. */
import assert from "node:assert/strict";
import { rename, utimes } from "node:fs/promises";
import { test } from "node:test";
import { deliveredAt, isExpired } from "../../pop3d/expiry.js";
import { FailingDurable } from "../fakes/failing-durable.js";
import { temporaryDirectory } from "../temporary-directory.js";
import { filesIn, maildirWith, mark, NOW, opened, opening, runWith } from "./opened.js";

const DAY = 86_400;
const DAY_MS = DAY * 1000;
const SECONDS = NOW / 1000;
const MONTH = { expireMs: 30 * DAY_MS };
const OLD = SECONDS - 30 * DAY;
const YOUNG = OLD + 1;

for (const [filename, delivered] of [
  [`${OLD}.M1P1Q1.host,S=1`, OLD],
  [`${SECONDS}.1_2.host:2,S`, SECONDS],
  [`${SECONDS + DAY}.ahead`, SECONDS + DAY],
  [`${SECONDS + DAY + 1}.too-far-ahead`, undefined],
  ["788918400.the-first", 788_918_400],
  ["788918399.before", undefined],
  [`${NOW}.milliseconds`, undefined],
  [`${OLD}abc`, undefined],
  ["12.a", undefined],
  ["foreign", undefined],
] as const) {
  test(`${filename} ${delivered === undefined ? "does not tell its delivery" : "tells its delivery"}`, () => {
    assert.equal(deliveredAt(filename, NOW), delivered === undefined ? undefined : delivered * 1000);
  });
}

test("a message stays for as long as was promised, and no longer", () => {
  assert.equal(isExpired(NOW - DAY_MS + 1, NOW, DAY_MS), false);
  assert.equal(isExpired(NOW - DAY_MS, NOW, DAY_MS), true);
  // Delivered by a host that is ahead of us.
  assert.equal(isExpired(NOW + DAY_MS, NOW, 0), true);
  assert.equal(isExpired(0, NOW, Number.POSITIVE_INFINITY), false);
});

test("what was retrieved, now or earlier, and is old enough goes; nothing else", async (t) => {
  const files = {
    [`cur/${OLD}.a:2,S`]: "a\n",
    [`new/${OLD}.b`]: "b\n",
    [`new/${OLD}.c`]: "c\n",
    [`cur/${YOUNG}.d:2,S`]: "d\n",
    [`new/${YOUNG}.e`]: "e\n",
    [`cur/${OLD}.f:2,FT`]: "f\n",
    [`cur/${OLD}.g:2,S`]: "g\n",
  };
  const maildir = await maildirWith(await temporaryDirectory(t), files);
  const open = await opened(maildir);
  const numbers = new Map(open.maildrop.messages.map(({ identity, number }) => [identity, number]));
  const numberOf = (identity: string) => numbers.get(identity) ?? 0;
  mark(open, [numberOf(`${OLD}.g`)], [numberOf(`${OLD}.b`), numberOf(`${YOUNG}.e`)]);
  const { complete, removed, expired, removals } = await runWith(open, MONTH);
  assert.deepEqual([complete, removed, expired, removals.length], [true, 1, 2, 3]);
  assert.deepEqual(
    await filesIn(maildir),
    [`cur/${OLD}.c:2,`, `cur/${OLD}.f:2,FT`, `cur/${YOUNG}.d:2,S`, `cur/${YOUNG}.e:2,S`].sort(),
  );
});

test("with no time at all, all that was retrieved goes at QUIT", async (t) => {
  const maildir = await maildirWith(await temporaryDirectory(t), {
    [`new/${SECONDS}.a`]: "a\n",
    [`new/${SECONDS}.b`]: "b\n",
  });
  const open = await opened(maildir);
  mark(open, [], [1]);
  assert.equal((await runWith(open, { expireMs: 0, markSeen: false })).expired, 1);
  assert.deepEqual(await filesIn(maildir), [`cur/${SECONDS}.b:2,`]);
});

test("where the name does not tell, the time of the file counts", async (t) => {
  const maildir = await maildirWith(await temporaryDirectory(t), {
    "cur/1.a:2,S": "a\n",
    "cur/2.b:2,S": "b\n",
  });
  await utimes(`${maildir.cur}/1.a:2,S`, SECONDS, OLD);
  await utimes(`${maildir.cur}/2.b:2,S`, OLD, YOUNG);
  assert.equal((await runWith(await opened(maildir), MONTH)).expired, 1);
  assert.deepEqual(await filesIn(maildir), ["cur/2.b:2,S"]);
});

test("a message whose S another program takes away meanwhile is not removed", async (t) => {
  const maildir = await maildirWith(await temporaryDirectory(t), { [`cur/${OLD}.a:2,S`]: "a\n" });
  const open = await opened(maildir);
  await rename(`${maildir.cur}/${OLD}.a:2,S`, `${maildir.cur}/${OLD}.a:2,`);
  assert.equal((await runWith(open, MONTH)).expired, 0);
  assert.deepEqual(await filesIn(maildir), [`cur/${OLD}.a:2,`]);
});

test("mail goes to .Trash where deleted mail does, and from there for good", async (t) => {
  const files = { [`cur/${OLD}.a:2,S`]: "a\n", [`.Trash/cur/${OLD}.b:2,ST`]: "b\n" };
  const maildir = await maildirWith(await temporaryDirectory(t), files);
  const open = await opened(maildir, opening(["", ".Trash"]));
  const { expired, removals } = await runWith(open, { ...MONTH, deletion: "trash" });
  assert.equal(expired, 2);
  assert.deepEqual(removals.map(({ to }) => to).sort(), [".Trash", "nowhere"]);
  assert.deepEqual(await filesIn(maildir), [`.Trash/cur/${OLD}.a:2,ST`]);
});

test("that mail could not be removed when its time was over is no failure of the deletions", async (t) => {
  const files = { [`cur/${OLD}.a:2,S`]: "a\n", [`cur/${OLD}.b:2,S`]: "b\n" };
  const maildir = await maildirWith(await temporaryDirectory(t), files);
  const open = await opened(maildir);
  mark(open, [1], []);
  let removals = 0;
  const durable = new FailingDurable((step) =>
    step === "remove cur" && ++removals === 2 ? "EIO" : undefined,
  );
  const outcome = await runWith(open, MONTH, durable);
  assert.deepEqual([outcome.complete, outcome.removed, outcome.expired], [true, 1, 0]);
  assert.deepEqual(await filesIn(maildir), [`cur/${OLD}.b:2,S`]);
});

test("what was removed is looked for no more", async (t) => {
  const maildir = await maildirWith(await temporaryDirectory(t), { [`new/${OLD}.a`]: "a\n" });
  const open = await opened(maildir);
  mark(open, [], [1]);
  const durable = new FailingDurable();
  await runWith(open, MONTH, durable);
  const steps = durable.history.filter((step) => !step.endsWith("done"));
  assert.deepEqual(steps, ["remove new", "syncDirectory new"]);
});
