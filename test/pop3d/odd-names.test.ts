/**
 * Messages whose names other programs have made: whatever octets they have, however long they are, and wherever two are alike,
 * each is listed once, can be retrieved, flagged and deleted, and has one unique-id all the while.
 */
import assert from "node:assert/strict";
import { link, readdir } from "node:fs/promises";
import { describe, test } from "node:test";
import type { OpenMaildrop } from "../../pop3d/open-maildrop.js";
import { TwinSeparator } from "../../pop3d/twins.js";
import { openMessage } from "../../shared/maildir/find.js";
import type { Maildir } from "../../shared/maildir/maildir.js";
import type { InfoSeparator } from "../../shared/maildir/name.js";
import { FailingDurable } from "../fakes/failing-durable.js";
import { temporaryDirectory } from "../temporary-directory.js";
import { filesIn, maildirWith, messageOf, opened, opening, runWith, silent, uniqueName } from "./opened.js";

const NAMES: readonly string[] = [
  "caf\xe9",
  "\xff\xfe\x80",
  "gr\xc3\xb6\xc3\x9fe,S=2,W=3",
  "with a space",
  " ",
  "100%",
  "%2e%2e",
  "tab\tand newline\n",
  "\n",
  "\x01\x7f",
  ",",
  ",,S=2,",
  "=,=",
  "1.a,S=,W=",
  "2.a,S=2=3,W=3;x",
  "back\\slash'\"",
  "-rf",
  "*?[a]",
  "x".repeat(252),
  "y".repeat(253),
  `${"z".repeat(249)},S=2`,
  "w".repeat(255),
  `${"\xe9".repeat(255)}`,
];

for (const separator of [":", ";", "!"] as const) {
  describe(`in a Maildir whose names have "${separator}"`, () => {
    for (const folder of ["new", "cur"] as const) {
      test(`names of all kinds in ${folder}/`, async (t) => {
        const names = NAMES.filter((name) => !name.includes(separator));
        const files = Object.fromEntries(names.map((name, i) => [`${folder}/${name}`, `${i}\n`]));
        const maildir = await maildirWith(await temporaryDirectory(t), files);
        await isServed(maildir, names.length, separator);
      });
    }

    test("flags are read and written behind it", async (t) => {
      const maildir = await maildirWith(await temporaryDirectory(t), {
        [`cur/1.a${separator}2,F`]: "0\n",
        "new/2.b,S=2,W=3": "1\n",
        [`cur/3.c,U=3${separator}2,S`]: "2\n",
      });
      const open = await opened(maildir, how(separator));
      for (const number of [1, 2, 3]) open.maildrop.markRetrieved(messageOf(open, number));
      await quit(open);
      const flagged = [
        `cur/1.a${separator}2,FS`,
        `cur/2.b,S=2,W=3${separator}2,S`,
        `cur/3.c,U=3${separator}2,S`,
      ];
      assert.deepEqual(await filesIn(maildir), flagged);
    });
  });
}

test("a name that has no room for flags is moved as it is, and is not marked as seen", async (t) => {
  const long = "x".repeat(255);
  const maildir = await maildirWith(await temporaryDirectory(t), { [`new/${long}`]: "0\n" });
  for (const _session of [1, 2]) {
    const open = await opened(maildir);
    open.maildrop.markRetrieved(messageOf(open, 1));
    assert.deepEqual(await quit(open), { complete: true, removed: 0 });
    assert.deepEqual(await filesIn(maildir), [`cur/${long}`]);
  }
});

const TWINS: readonly (readonly [name: string, files: readonly string[]])[] = [
  ["one in each folder", ["new/1.a", "cur/1.a:2,S"]],
  ["different flags", ["cur/1.a:2,", "cur/1.a:2,S"]],
  ["no flags, no letters, an info part of another kind", ["cur/1.a", "cur/1.a:2,", "cur/1.a:1,x"]],
  ["different numbers of mbsync's", ["cur/1.a,S=2,U=1:2,", "cur/1.a,S=2,U=2:2,", "new/1.a,S=2"]],
  ["as long as names can be", [`new/${"x".repeat(252)}`, `cur/${"x".repeat(252)}:2,`]],
];

describe("files of one identity", () => {
  for (const [name, files] of TWINS) {
    test(`${name}: each is a message`, async (t) => {
      const contents = Object.fromEntries(files.map((file, i) => [file, `${i}\n`]));
      await isServed(await maildirWith(await temporaryDirectory(t), contents), files.length, ":");
    });
  }

  test("the one that was seen so far keeps name and unique-id; flags go with the other, and a size that has to be counted", async (t) => {
    const maildir = await maildirWith(await temporaryDirectory(t), {
      "new/1.a,S=2,W=3:2,F": "0\n",
      "cur/1.a,S=2,W=3:2,S": "1\n",
    });
    const open = await opened(maildir);
    assert.equal(messageOf(open, 1).uniqueId, "1.a");
    const [kept, other, ...more] = await filesIn(maildir);
    assert.equal(kept, "cur/1.a,S=2,W=3:2,S");
    assert.match(other ?? "", /^new\/\d+\.M\d+P\d+Q\d+\.test,S=2:2,F$/);
    assert.deepEqual(more, []);
  });

  test("two links to one file are two messages: nothing is ever removed that was not marked", async (t) => {
    const maildir = await maildirWith(await temporaryDirectory(t), { "new/1.a": "0\n" });
    await link(`${maildir.new}/1.a`, `${maildir.cur}/1.a:2,`);
    const open = await opened(maildir);
    assert.equal(open.maildrop.count, 2);
    open.maildrop.markDeleted(messageOf(open, 1));
    await quit(open);
    assert.equal((await opened(maildir)).maildrop.count, 1);
  });

  test("a file that was seen twice because it was being renamed keeps its name", async (t) => {
    const maildir = await maildirWith(await temporaryDirectory(t), { "cur/1.a:2,S": "0\n" });
    const seen = { identity: "1.a", unique: "1.a", size: undefined, wireSize: undefined, flags: "" };
    const kept = { ...seen, folder: "cur", filename: "1.a:2,S" } as const;
    const durable = new FailingDurable();
    const separator = new TwinSeparator({ durable, uniqueName });
    for (const filename of ["1.a", "1.a:2,"]) {
      const gone = { ...seen, folder: "new", filename } as const;
      for (const twins of [
        { kept, other: gone },
        { kept: gone, other: kept },
      ]) {
        assert.equal(await separator.separate(maildir, [twins], silent), false);
      }
    }
    assert.deepEqual([durable.history, await filesIn(maildir)], [[], ["cur/1.a:2,S"]]);
  });

  test("when they cannot be renamed, one of them stands for all, and there is mail all the same", async (t) => {
    const maildir = await maildirWith(await temporaryDirectory(t), {
      "new/1.a": "0\n",
      "cur/1.a:2,S": "1\n",
    });
    const durable = new FailingDurable((step) => (step.startsWith("publish") ? "EROFS" : undefined));
    const open = await opened(maildir, { ...opening(), twins: new TwinSeparator({ durable, uniqueName }) });
    assert.deepEqual([open.maildrop.count, durable.failures], [1, 1]);
    assert.deepEqual(await filesIn(maildir), ["cur/1.a:2,S", "new/1.a"]);
  });

  test("in folders of the maildrop, too", async (t) => {
    const files = { ".Spam/new/1.a": "0\n", ".Spam/cur/1.a:2,": "1\n", "new/1.a": "2\n" };
    const maildir = await maildirWith(await temporaryDirectory(t), files);
    assert.equal((await opened(maildir, opening(["", ".Spam"]))).maildrop.count, 3);
  });
});

/** Messages whose contents are `0\n`, `1\n` … are each listed, retrieved, flagged and deleted, one after the other. */
async function isServed(maildir: Maildir, count: number, separator: InfoSeparator): Promise<void> {
  const first = await opened(maildir, how(separator));
  assert.equal(first.maildrop.count, count);
  const ids = new Map<string, string>();
  for (const message of first.maildrop.listed()) {
    assert.match(message.uniqueId, /^[!-~]{1,70}$/);
    ids.set(await contentOf(first, message.number), message.uniqueId);
    first.maildrop.markRetrieved(message);
  }
  assert.deepEqual([...ids.keys()].sort(), Array.from({ length: count }, (_, i) => `${i}\n`).sort());
  assert.equal(new Set(ids.values()).size, count);
  assert.deepEqual(await quit(first), { complete: true, removed: 0 });
  assert.deepEqual(await readdir(maildir.new), []);

  for (let left = count; left > 0; left--) {
    const open = await opened(maildir, how(separator));
    assert.equal(open.maildrop.count, left);
    for (const { number, uniqueId } of open.maildrop.listed()) {
      assert.equal(uniqueId, ids.get(await contentOf(open, number)));
    }
    open.maildrop.markDeleted(messageOf(open, 1));
    assert.deepEqual(await quit(open), { complete: true, removed: 1 });
  }
  assert.deepEqual(await filesIn(maildir), []);
}

function how(infoSeparator: InfoSeparator) {
  return opening([""], { infoSeparator });
}

async function contentOf(open: OpenMaildrop, number: number): Promise<string> {
  const message = messageOf(open, number);
  const found = await open.folderOf(message).finder.with(message.identity, openMessage);
  assert.ok(found, `message ${number} is gone`);
  try {
    return await found.result.readFile("latin1");
  } finally {
    await found.result.close();
  }
}

async function quit(open: OpenMaildrop) {
  const { complete, removed } = await runWith(open, {});
  await open.lock?.release();
  return { complete, removed };
}
