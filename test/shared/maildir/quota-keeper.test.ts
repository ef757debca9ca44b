/** Keeping maildirsize right on real files: what is counted, when, and that no change is lost or counted twice. */
import assert from "node:assert/strict";
import {
  chmod,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  unlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { describe, type TestContext, test } from "node:test";
import fc from "fast-check";
import pino from "pino";
import { type Durable, FsyncDurable } from "../../../shared/durable.js";
import { createMaildir } from "../../../shared/maildir/create.js";
import { type Maildir, maildirAt } from "../../../shared/maildir/maildir.js";
import { parseName, uniqueNames } from "../../../shared/maildir/name.js";
import type { Amount, QuotaRule } from "../../../shared/maildir/quota.js";
import { QuotaKeeper } from "../../../shared/maildir/quota-keeper.js";
import { MAILDIRSIZE_OCTETS_MAX, parseLines } from "../../../shared/maildir/quota-lines.js";
import { FailingDurable } from "../../fakes/failing-durable.js";
import { inapplicable } from "../../peers.js";
import { temporaryDirectory } from "../../temporary-directory.js";

const RULE: QuotaRule = { octets: 1000, messages: 10, binding: true };
const nextUnique = uniqueNames("quota", process.pid, Date.now);

function keeper(durable: Durable = new FsyncDurable(), now = Date.now): QuotaKeeper {
  return new QuotaKeeper({ durable, uniqueName: nextUnique, now, log: pino({ level: "silent" }) });
}

async function maildirWith(t: TestContext, files: Readonly<Record<string, number>> = {}): Promise<Maildir> {
  const maildir = maildirAt(`${await temporaryDirectory(t)}/Maildir`);
  await createMaildir(maildir, new FsyncDurable());
  for (const [name, octets] of Object.entries(files)) await put(maildir, name, octets);
  return maildir;
}

async function put(maildir: Maildir, name: string, octets: number): Promise<void> {
  const path = `${maildir.path}/${name}`;
  await mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  await writeFile(path, "x".repeat(octets));
}

function fileOf(maildir: Maildir): string {
  return `${maildir.path}/maildirsize`;
}

/** What the file says, if anything. */
async function told(maildir: Maildir) {
  return parseLines(await readFile(fileOf(maildir)));
}

async function linesOf(maildir: Maildir): Promise<string[]> {
  return (await readFile(fileOf(maildir), "latin1")).split("\n").slice(0, -1);
}

const MIXED = {
  "new/1.a,S=10": 1,
  "new/2.b": 20,
  "cur/3.c,S=30,W=33:2,S": 30,
  "cur/4.d,U=7:2,ST": 40,
  ".Sent/cur/5.e,S=50:2,S": 50,
  ".Trash/cur/6.f,S=60:2,T": 60,
  ".Trash/new/7.g": 70,
  // Whatever is no message.
  "new/.hidden": 1,
  "tmp/8.h": 1,
  ".Sent/maildirfolder": 1,
  ".Sent/tmp/9.i": 1,
  "..odd/cur/10.j": 1,
  "plain/cur/11.k": 1,
  "dovecot-uidlist": 1,
} as const;

describe("what is counted", () => {
  test("everything in new/ and cur/ of the Maildir and its folders, by S= or by stat", async (t) => {
    const maildir = await maildirWith(t, MIXED);
    await symlink(`${maildir.path}/.Sent`, `${maildir.path}/.Linked`);
    await symlink(`${maildir.path}/new/2.b`, `${maildir.cur}/12.linked`);
    const state = await keeper().state(maildir, RULE);
    assert.deepEqual(state?.usage, { octets: 280, messages: 7 });
    assert.deepEqual(await linesOf(maildir), ["1000S,10C", "280 7"]);
    assert.deepEqual(await readdir(maildir.tmp), ["8.h"]);
  });

  test("as Courier counts, without .Trash and T, where Courier has counted before; and written as it writes", async (t) => {
    const maildir = await maildirWith(t, MIXED);
    await writeFile(fileOf(maildir), "500S,10C\n           0            0\n");
    assert.deepEqual((await keeper().state(maildir, RULE))?.usage, { octets: 110, messages: 4 });
    assert.deepEqual(await linesOf(maildir), ["1000S,10C", `${"110".padStart(12)} ${"4".padStart(12)}`]);
  });

  test("nothing where there is no quota", async (t) => {
    const maildir = await maildirWith(t, { "new/1.a": 10 });
    assert.equal(await keeper().state(maildir, undefined), undefined);
    assert.equal(await keeper().fits(maildir, undefined, { octets: 1e9, messages: 1 }), true);
    await assert.rejects(readFile(fileOf(maildir)), { code: "ENOENT" });
  });

  test("nothing in a Maildir that is not there, and it is not made", async (t) => {
    const maildir = maildirAt(`${await temporaryDirectory(t)}/nowhere/Maildir`);
    assert.deepEqual((await keeper().state(maildir, RULE))?.usage, { octets: 0, messages: 0 });
    await assert.rejects(readdir(maildir.path), { code: "ENOENT" });
  });

  test("by the quota in the file, where nobody has configured one", async (t) => {
    const maildir = await maildirWith(t, { "new/1.a": 10 });
    await writeFile(fileOf(maildir), "20S\n10 1\n");
    assert.equal(await keeper().fits(maildir, undefined, { octets: 10, messages: 1 }), true);
    assert.equal(await keeper().fits(maildir, undefined, { octets: 11, messages: 1 }), false);
  });
});

describe("the file is replaced", () => {
  for (const [what, content, minutes] of [
    ["when it is damaged", "1000S,10C\n5 1\nxyz\n", 0],
    ["when it has another definition", "5S\n3 1\n", 0],
    ["when it has grown", `1000S,10C\n0 0\n${"0 0\n".repeat(MAILDIRSIZE_OCTETS_MAX / 4)}`, 0],
    ["when it says over quota and is old", "1000S,10C\n1001 1\n", 16],
    ["when it says over quota by changes", "1000S,10C\n0 0\n1001 1\n", 0],
  ] as const) {
    test(what, async (t) => {
      const maildir = await maildirWith(t, { "new/1.a": 10 });
      await writeFile(fileOf(maildir), content);
      const time = Date.now() / 1000 - minutes * 60;
      await utimes(fileOf(maildir), time, time);
      assert.equal(await keeper().fits(maildir, RULE, { octets: 1, messages: 1 }), true);
      assert.deepEqual(await linesOf(maildir), ["1000S,10C", "10 1"]);
    });
  }

  test("not while it says over quota, and is young and a summary", async (t) => {
    const maildir = await maildirWith(t);
    await writeFile(fileOf(maildir), "1000S,10C\n1001 1\n");
    assert.equal(await keeper().fits(maildir, RULE, { octets: 1, messages: 1 }), false);
    assert.deepEqual(await linesOf(maildir), ["1000S,10C", "1001 1"]);
  });

  test("not at all when it cannot be, and what was counted holds", async (t) => {
    for (const step of ["create", "write", "sync", "publish"]) {
      const maildir = await maildirWith(t, { "new/1.a": 10 });
      const failing = new FailingDurable((at) => (at.startsWith(step) ? "ENOSPC" : undefined));
      assert.equal(await keeper(failing).fits(maildir, RULE, { octets: 990, messages: 1 }), true);
      assert.equal(await keeper(failing).fits(maildir, RULE, { octets: 991, messages: 1 }), false);
      assert.deepEqual(await readdir(maildir.tmp), [], step);
    }
  });

  test("something else in its place is an error, and nothing waits for it", async (t) => {
    const maildir = await maildirWith(t);
    await mkdir(fileOf(maildir));
    await assert.rejects(keeper().state(maildir, RULE));
    await rm(fileOf(maildir), { recursive: true });
    await symlink("/dev/zero", fileOf(maildir));
    await assert.rejects(keeper().state(maildir, RULE));
  });
});

describe("reservations", () => {
  test("keep what is in flight out of others' room, until they are given up", async (t) => {
    const maildir = await maildirWith(t);
    const quotas = keeper();
    const half = { octets: 600, messages: 1 };
    const first = await quotas.reserve(maildir, RULE, half);
    assert.ok(first);
    assert.equal(await quotas.reserve(maildir, RULE, half), undefined);
    assert.equal(await quotas.fits(maildir, RULE, { octets: 400, messages: 1 }), true);
    first.release();
    assert.ok(await quotas.reserve(maildir, RULE, half));
  });

  test("let in exactly what fits, however many come at once", async (t) => {
    const maildir = await maildirWith(t);
    const quotas = keeper();
    const outcomes = await Promise.all(Array.from({ length: 25 }, () => deliver(quotas, maildir, 10)));
    assert.equal(outcomes.filter(Boolean).length, 10);
    assert.equal((await readdir(maildir.new)).length, 10);
    assert.deepEqual((await told(maildir)).usage, { octets: 100, messages: 10 });
  });
});

/** A delivery as smtpd makes it, when it fits. */
async function deliver(quotas: QuotaKeeper, maildir: Maildir, octets: number, rule = RULE): Promise<boolean> {
  const room = await quotas.reserve(maildir, rule, { octets, messages: 1 });
  if (room === undefined) return false;
  const change = await quotas.change(maildir);
  const unique = nextUnique();
  await writeFile(`${maildir.tmp}/${unique}`, "x".repeat(octets));
  await rename(`${maildir.tmp}/${unique}`, `${maildir.new}/${unique}`);
  change.added(octets);
  await change.made();
  await change.record();
  room.release();
  return true;
}

/** Removes all that is there by now, as pop3d does. */
async function removeAll(quotas: QuotaKeeper, maildir: Maildir): Promise<void> {
  const change = await quotas.change(maildir);
  for (const filename of await readdir(maildir.new)) {
    try {
      const octets = parseName(filename).size ?? (await stat(`${maildir.new}/${filename}`)).size;
      await unlink(`${maildir.new}/${filename}`);
      change.left({ folder: "", filename, octets, to: "nowhere" });
    } catch {
      // Another has been quicker.
    }
  }
  await change.record();
}

async function reallyThere(maildir: Maildir): Promise<Amount> {
  let octets = 0;
  const names = await readdir(maildir.new);
  for (const name of names) octets += (await readFile(`${maildir.new}/${name}`)).length;
  return { octets, messages: names.length };
}

describe("a change", () => {
  test("is one line, whatever it was made of", async (t) => {
    const maildir = await maildirWith(t, { "new/1.a,S=10": 1, "new/2.b": 20 });
    const quotas = keeper();
    await quotas.state(maildir, RULE);
    await removeAll(quotas, maildir);
    await deliver(quotas, maildir, 5);
    assert.deepEqual(await linesOf(maildir), ["1000S,10C", "30 2", "-30 -2", "5 1"]);
  });

  test("is none where nothing has changed, or there is no file", async (t) => {
    const maildir = await maildirWith(t);
    const quotas = keeper();
    await removeAll(quotas, maildir);
    await deliver(quotas, maildir, 5, { octets: undefined, messages: undefined, binding: false });
    await rm(fileOf(maildir));
    await removeAll(quotas, maildir);
    await assert.rejects(readFile(fileOf(maildir)), { code: "ENOENT" });
  });

  const BY_COURIER = "           99            9";
  const BY_DOVECOT = "99 9";
  for (const [what, summary, departure, lines] of [
    ["a message", BY_DOVECOT, {}, ["-7 -1"]],
    ["a message", BY_COURIER, {}, ["-7 -1"]],
    ["one flagged T", BY_DOVECOT, { filename: "1.a:2,ST" }, ["-7 -1"]],
    ["one flagged T", BY_COURIER, { filename: "1.a:2,ST" }, []],
    ["one of a folder", BY_COURIER, { folder: ".Spam" }, ["-7 -1"]],
    ["one of .Trash", BY_DOVECOT, { folder: ".Trash" }, ["-7 -1"]],
    ["one of .Trash", BY_COURIER, { folder: ".Trash" }, []],
    ["one that moves to .Trash", BY_DOVECOT, { to: ".Trash" }, []],
    ["one that moves to .Trash", BY_COURIER, { to: ".Trash" }, ["-7 -1"]],
    ["one flagged T that moves to .Trash", BY_COURIER, { filename: "1.a:2,T", to: ".Trash" }, []],
  ] as const) {
    test(`of ${what} is [${lines}] where the summary is "${summary}"`, async (t) => {
      const maildir = await maildirWith(t);
      await writeFile(fileOf(maildir), `1000S\n${summary}\n`);
      const change = await keeper().change(maildir);
      change.left({ folder: "", filename: "1.a:2,S", octets: 7, to: "nowhere", ...departure });
      await change.record();
      assert.deepEqual(await linesOf(maildir), ["1000S", summary, ...lines]);
    });
  }

  test("that somebody has counted since is not added again", async (t) => {
    const maildir = await maildirWith(t);
    const quotas = keeper();
    await quotas.state(maildir, RULE);
    const change = await quotas.change(maildir);
    await put(maildir, "new/1.a", 7);
    change.added(7);
    await change.made();
    await keeper().recount(maildir);
    await change.record();
    assert.deepEqual(await linesOf(maildir), ["1000S,10C", "7 1"]);
  });

  test("during which somebody has counted is counted", async (t) => {
    for (const early of [true, false]) {
      const maildir = await maildirWith(t);
      const quotas = keeper();
      await quotas.state(maildir, RULE);
      const change = await quotas.change(maildir);
      if (early) await keeper().recount(maildir);
      await put(maildir, "new/1.a", 7);
      if (!early) await keeper().recount(maildir);
      change.added(7);
      await change.record();
      assert.deepEqual((await told(maildir)).usage, { octets: 7, messages: 1 });
    }
  });

  test("during which the first file has come is counted", async (t) => {
    const maildir = await maildirWith(t, { "new/1.a": 7, "new/2.b": 5 });
    const change = await keeper().change(maildir);
    await keeper().state(maildir, RULE);
    await unlink(`${maildir.new}/1.a`);
    change.left({ folder: "", filename: "1.a", octets: 7, to: "nowhere" });
    await change.record();
    assert.deepEqual((await told(maildir)).usage, { octets: 5, messages: 1 });
  });

  const mayWriteAnything = process.getuid?.() === 0 && inapplicable("root may write to any file");
  test("that may not be added replaces the file", { skip: mayWriteAnything }, async (t) => {
    const maildir = await maildirWith(t, { "new/1.a": 7, "new/2.b": 5 });
    const quotas = keeper();
    await quotas.state(maildir, RULE);
    await chmod(fileOf(maildir), 0o400);
    await removeAll(quotas, maildir);
    assert.deepEqual(await linesOf(maildir), ["1000S,10C", "0 0"]);
  });
});

test("counts, deliveries and removals in any order and at once, by several processes, end right", async (t) => {
  const rule = { octets: 10_000, messages: undefined, binding: true };
  const action = fc.record({
    by: fc.nat(2),
    what: fc.constantFrom("deliver", "deliver", "deliver", "remove", "count", "redefine"),
    octets: fc.integer({ min: 1, max: 300 }),
  });
  const rounds = fc.array(fc.array(action, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(rounds, async (plan) => {
      const maildir = await maildirWith(t);
      // Each knows nothing of the others, as processes do not.
      const keepers = [keeper(), keeper(), keeper()];
      for (const round of plan) {
        await Promise.all(
          round.map(async ({ by, what, octets }) => {
            const quotas = keepers[by] ?? keeper();
            if (what === "deliver") await deliver(quotas, maildir, octets, rule);
            else if (what === "remove") await removeAll(quotas, maildir);
            else if (what === "count") await quotas.recount(maildir);
            else await quotas.state(maildir, { ...rule, octets: 10_000 + octets });
          }),
        );
      }
      const there = await reallyThere(maildir);
      const { usage } = (await keeper().state(maildir, undefined)) ?? {};
      if (usage !== undefined) assert.deepEqual(usage, there);
      assert.deepEqual((await keeper().state(maildir, rule))?.usage, there);
      assert.deepEqual(await readdir(maildir.tmp), []);
    }),
    { numRuns: 25 },
  );
});
