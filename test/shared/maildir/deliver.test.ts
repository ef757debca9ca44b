/** Deliveries on real files: what lies in the Maildir afterwards, in which order it got there, and after any error. */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, rmdir, stat, symlink, writeFile } from "node:fs/promises";
import { describe, type TestContext, test } from "node:test";
import fc from "fast-check";
import { type Durable, FsyncDurable } from "../../../shared/durable.js";
import { createMaildir } from "../../../shared/maildir/create.js";
import { commitAll, Delivery, rollbackAll } from "../../../shared/maildir/deliver.js";
import { type Maildir, maildirAt } from "../../../shared/maildir/maildir.js";
import { parseName, uniqueNames } from "../../../shared/maildir/name.js";
import { FailingDurable, type FailureOf, failAtStep } from "../../fakes/failing-durable.js";
import { temporaryDirectory } from "../../temporary-directory.js";

const nextUnique = uniqueNames("host", process.pid, Date.now);

async function stage(maildir: Maildir, content: string, durable: Durable): Promise<Delivery> {
  const delivery = await Delivery.begin(maildir, nextUnique(), durable);
  try {
    await delivery.write(Buffer.from(content));
    await delivery.stage();
  } catch (error) {
    await delivery.rollback();
    throw error;
  }
  return delivery;
}

async function deliver(maildir: Maildir, content: string, durable: Durable): Promise<string> {
  const delivery = await stage(maildir, content, durable);
  await commitAll([delivery], durable);
  return delivery.name;
}

/** Every file below a directory, `new/<name>`. */
async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(directory.length + 1))
    .sort();
}

async function freshMaildir(t: TestContext): Promise<Maildir> {
  const maildir = maildirAt(`${await temporaryDirectory(t)}/Maildir`);
  await createMaildir(maildir, new FsyncDurable());
  return maildir;
}

describe("a delivered message", () => {
  test("is the file that its name says, octet for octet, with both sizes", async (t) => {
    const maildir = await freshMaildir(t);
    const durable = new FsyncDurable();
    const message = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 });
    const lines = fc.array(fc.constantFrom("\n", "a\n", ".\n", "\n\n", "xyz"), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(message, lines, async (pieces, texts) => {
        const written = [...pieces, ...texts.map((text) => Buffer.from(text))];
        const delivery = await Delivery.begin(maildir, nextUnique(), durable);
        for (const piece of written) await delivery.write(piece);
        await delivery.stage();
        await commitAll([delivery], durable);

        const content = await readFile(`${maildir.new}/${delivery.name}`);
        assert.ok(content.equals(Buffer.concat(written)));
        const { size, wireSize } = parseName(delivery.name);
        assert.equal(size, content.length);
        assert.equal(wireSize, content.toString("latin1").replaceAll("\n", "\r\n").length);
        assert.equal(delivery.size, content.length);
      }),
      { numRuns: 50 },
    );
    assert.deepEqual(await readdir(maildir.tmp), []);
    assert.deepEqual(await readdir(maildir.cur), []);
  });

  for (const umask of [0o000, 0o022, 0o077]) {
    test(`is for its owner alone under umask ${umask.toString(8).padStart(3, "0")}`, async (t) => {
      const root = await temporaryDirectory(t);
      const before = process.umask(umask);
      t.after(() => process.umask(before));
      const maildir = maildirAt(`${root}/example.org/alice/Maildir`);
      const name = await deliver(maildir, "x\n", new FsyncDurable());
      const directories = ["example.org", "example.org/alice", "example.org/alice/Maildir"];
      const folders = [maildir.tmp, maildir.new, maildir.cur];
      for (const path of [...directories.map((directory) => `${root}/${directory}`), ...folders]) {
        assert.equal((await stat(path)).mode & 0o7777, 0o700, path);
      }
      assert.equal((await stat(`${maildir.new}/${name}`)).mode & 0o7777, 0o600);
    });
  }
});

describe("the order of what is made durable", () => {
  test("file, rename, directory; and only then is it committed", async (t) => {
    const maildir = await freshMaildir(t);
    const durable = new FailingDurable();
    await deliver(maildir, "x\n", durable);
    durable.history.push("acknowledged");
    assert.deepEqual(durable.history, [
      "create tmp",
      "create tmp done",
      "write",
      "write done",
      "sync",
      "sync done",
      "close",
      "close done",
      "publish new",
      "publish new done",
      "syncDirectory new",
      "syncDirectory new done",
      "acknowledged",
    ]);
  });

  test("several messages: all renames, then one sync of each directory", async (t) => {
    const root = await temporaryDirectory(t);
    const durable = new FailingDurable();
    const deliveries = [];
    for (const user of ["alice", "bob", "alice"]) {
      deliveries.push(await stage(maildirAt(`${root}/${user}`), "x\n", durable));
    }
    const staged = durable.history.length;
    await commitAll(deliveries, durable);
    const steps = durable.history.slice(staged).filter((step) => !step.endsWith("done"));
    const publish = "publish new";
    assert.deepEqual(steps, [publish, publish, publish, "syncDirectory new", "syncDirectory new"]);
  });

  test("a new Maildir: each directory in which something was made, before the message", async (t) => {
    const root = await temporaryDirectory(t);
    const durable = new FailingDurable();
    await deliver(maildirAt(`${root}/home/Maildir`), "x\n", durable);
    const steps = durable.history.filter((step) => step.startsWith("syncDirectory") && step.endsWith("done"));
    const { length } = root.split("/");
    const top = root.split("/")[length - 1];
    assert.deepEqual(steps, [
      `syncDirectory ${top} done`,
      "syncDirectory home done",
      "syncDirectory Maildir done",
      "syncDirectory Maildir done",
      "syncDirectory Maildir done",
      "syncDirectory new done",
    ]);
  });
});

describe("a Maildir", () => {
  test("that others are making is made durable all the same: they may not have come so far", async (t) => {
    const maildir = await freshMaildir(t);
    await rm(maildir.tmp, { recursive: true });
    const durable = new FailingDurable();
    await deliver(maildir, "x\n", durable);
    // For cur/ and new/, which are there, and for tmp/.
    assert.equal(durable.history.filter((step) => step === "syncDirectory Maildir done").length, 3);
  });

  test("is made by fifty first deliveries at the same time", async (t) => {
    const maildir = maildirAt(`${await temporaryDirectory(t)}/example.org/alice/Maildir`);
    const durable = new FsyncDurable();
    const contents = Array.from({ length: 50 }, (_, i) => `message ${i}\n`);
    const names = await Promise.all(contents.map((content) => deliver(maildir, content, durable)));
    assert.deepEqual((await readdir(maildir.new)).sort(), names.toSorted());
    for (const [i, name] of names.entries()) {
      assert.equal(await readFile(`${maildir.new}/${name}`, "utf8"), contents[i]);
    }
    assert.deepEqual(await readdir(maildir.tmp), []);
  });

  for (const missing of ["new", "cur", "tmp"] as const) {
    test(`that lacks ${missing}/ is made whole`, async (t) => {
      const maildir = await freshMaildir(t);
      await rm(maildir[missing], { recursive: true });
      const name = await deliver(maildir, "x\n", new FsyncDurable());
      assert.deepEqual(await readdir(maildir.new), [name]);
    });
  }

  test("below a link that leads nowhere is an error, and nothing is made", async (t) => {
    const root = await temporaryDirectory(t);
    await symlink(`${root}/not-mounted/mail`, `${root}/mail`);
    const delivery = deliver(maildirAt(`${root}/mail/alice/Maildir`), "x\n", new FsyncDurable());
    await assert.rejects(delivery, { code: "ENOENT" });
    assert.deepEqual(await readdir(root), ["mail"]);
  });

  test("where a file is in the way is an error, and the file stays", async (t) => {
    const root = await temporaryDirectory(t);
    await writeFile(`${root}/alice`, "precious");
    const delivery = deliver(maildirAt(`${root}/alice/Maildir`), "x\n", new FsyncDurable());
    await assert.rejects(delivery, { code: "ENOTDIR" });
    assert.equal(await readFile(`${root}/alice`, "utf8"), "precious");
  });

  test("whose new/ cannot take a message is found out before anything is visible", async (t) => {
    const maildir = await freshMaildir(t);
    // Not by its mode, which would not stop root: a file is no directory to anyone.
    await rmdir(maildir.new);
    await writeFile(maildir.new, "", { mode: 0o600 });
    await assert.rejects(stage(maildir, "x\n", new FsyncDurable()), { code: "EACCES" });
    assert.deepEqual(await filesBelow(maildir.path), ["new"]);
  });
});

describe("an error", () => {
  /** One delivery on a new Maildir, from beginning to end. */
  async function attempt(root: string, failureOf: FailureOf): Promise<FailingDurable> {
    const durable = new FailingDurable(failureOf);
    await deliver(maildirAt(`${root}/alice/Maildir`), "From: x\n\n".repeat(1000), durable);
    return durable;
  }

  for (const code of ["ENOSPC", "EDQUOT", "EIO", "EROFS", "EINTR"]) {
    test(`${code} at any step is passed on and leaves no file`, async (t) => {
      const { history } = await attempt(`${await temporaryDirectory(t)}`, () => undefined);
      const steps = history.length / 2;
      assert.ok(steps >= 11);
      for (let n = 0; n < steps; n++) {
        const root = await temporaryDirectory(t);
        await assert.rejects(attempt(root, failAtStep(n, code)), { code }, `step ${n}`);
        assert.deepEqual(await filesBelow(root), [], `step ${n}`);
        await attempt(root, () => undefined);
        assert.equal((await filesBelow(root)).length, 1, "the next attempt succeeds");
      }
    });
  }

  test("of a removal on top leaves a file in tmp/ or a whole one in new/, never a partial one there", async (t) => {
    const root = await temporaryDirectory(t);
    const content = "From: x\n\n".repeat(1000);
    for (const failing of ["write", "sync", "close", "publish", "syncDirectory"]) {
      const maildir = maildirAt(`${root}/${failing}`);
      await createMaildir(maildir, new FsyncDurable());
      const durable = new FailingDurable((step) =>
        step.startsWith(failing) || step.startsWith("remove") ? "EIO" : undefined,
      );
      await assert.rejects(
        async () => {
          const delivery = await Delivery.begin(maildir, nextUnique(), durable);
          try {
            await delivery.write(Buffer.from(content));
            await delivery.stage();
            await commitAll([delivery], durable);
          } finally {
            await rollbackAll([delivery]);
          }
        },
        { code: "EIO" },
      );
      for (const name of await readdir(maildir.new)) {
        assert.equal(await readFile(`${maildir.new}/${name}`, "utf8"), content);
      }
      assert.equal((await filesBelow(maildir.path)).length, 1);
    }
  });

  test("cannot be forgotten: what failed is never staged or committed after all", async (t) => {
    const maildir = await freshMaildir(t);
    for (const failing of ["write", "sync", "close"]) {
      const durable = new FailingDurable((step) =>
        step === failing && durable.failures === 0 ? "EIO" : undefined,
      );
      const delivery = await Delivery.begin(maildir, nextUnique(), durable);
      await assert.rejects(async () => {
        await delivery.write(Buffer.from("x\n"));
        await delivery.stage();
      });
      await assert.rejects(delivery.write(Buffer.from("x\n")));
      await assert.rejects(delivery.stage());
      await assert.rejects(commitAll([delivery], durable));
      assert.deepEqual(await filesBelow(maildir.path), []);
    }
  });
});

describe("deliveries committed together", () => {
  const USERS = ["alice", "bob", "carol", "dave"];

  async function commitTogether(root: string, failureOf: FailureOf): Promise<void> {
    const durable = new FailingDurable(failureOf);
    const deliveries = [];
    for (const user of USERS) {
      deliveries.push(await stage(maildirAt(`${root}/${user}`), `to ${user}\n`, durable));
    }
    await commitAll(deliveries, durable);
  }

  test("are all there", async (t) => {
    const root = await temporaryDirectory(t);
    await commitTogether(root, () => undefined);
    for (const user of USERS) {
      const [name, ...others] = await readdir(`${root}/${user}/new`);
      assert.deepEqual(others, []);
      assert.equal(await readFile(`${root}/${user}/new/${name}`, "utf8"), `to ${user}\n`);
    }
  });

  for (const [k, user] of USERS.entries()) {
    for (const failing of ["publish", "syncDirectory new"]) {
      test(`are not there, none of them, when ${failing} fails for ${user}`, async (t) => {
        const root = await temporaryDirectory(t);
        let seen = 0;
        const failureOf: FailureOf = (step) => (step.startsWith(failing) && seen++ === k ? "EIO" : undefined);
        await assert.rejects(commitTogether(root, failureOf), { code: "EIO" });
        assert.equal(seen > k, true);
        assert.deepEqual(await filesBelow(root), []);
      });
    }
  }

  test("leave alone what another program has already moved to cur/", async (t) => {
    const root = await temporaryDirectory(t);
    const [alice, bob] = [maildirAt(`${root}/alice`), maildirAt(`${root}/bob`)];
    const durable = new FailingDurable();
    const first = await stage(alice, "x\n", durable);
    const second = await stage(bob, "x\n", durable);
    await rm(bob.new, { recursive: true });
    // Bob's rename fails; by then Alice's message has been read.
    const publish = durable.publish.bind(durable);
    durable.publish = async (from, to) => {
      await publish(from, to);
      await new FsyncDurable().publish(to, `${alice.cur}/${first.name}:2,S`);
    };
    await assert.rejects(commitAll([first, second], durable), { code: "ENOENT" });
    assert.deepEqual(await filesBelow(root), [`alice/cur/${first.name}:2,S`]);
  });
});

describe("a delivery", () => {
  test("rolled back at any time leaves nothing; after its end rollback does nothing", async (t) => {
    const maildir = await freshMaildir(t);
    const durable = new FsyncDurable();

    const begun = await Delivery.begin(maildir, nextUnique(), durable);
    const written = await Delivery.begin(maildir, nextUnique(), durable);
    await written.write(Buffer.from("x"));
    const staged = await stage(maildir, "x\n", durable);
    await rollbackAll([begun, written, staged]);
    await rollbackAll([begun, written, staged]);
    assert.deepEqual(await filesBelow(maildir.path), []);

    const committed = await stage(maildir, "x\n", durable);
    await commitAll([committed], durable);
    await committed.rollback();
    assert.deepEqual(await filesBelow(maildir.path), [`new/${committed.name}`]);
  });

  test("rolled back in the middle of a write or of staging ends without being staged", async (t) => {
    const maildir = await freshMaildir(t);
    for (const act of ["write", "stage"] as const) {
      const delivery = await Delivery.begin(maildir, nextUnique(), new FsyncDurable());
      const acting = act === "write" ? delivery.write(Buffer.alloc(5_000_000)) : delivery.stage();
      const [outcome] = await Promise.allSettled([acting, delivery.rollback()]);
      assert.equal(outcome.status, "rejected");
      await assert.rejects(delivery.publish());
      assert.deepEqual(await filesBelow(maildir.path), []);
    }
  });

  test("goes through its states once and in order", async (t) => {
    const maildir = await freshMaildir(t);
    const durable = new FsyncDurable();
    const delivery = await Delivery.begin(maildir, nextUnique(), durable);
    await assert.rejects(commitAll([await Delivery.begin(maildir, nextUnique(), durable)], durable));
    await delivery.stage();
    await assert.rejects(delivery.stage());
    await assert.rejects(delivery.write(Buffer.from("x")));
    await commitAll([delivery], durable);
    await assert.rejects(commitAll([delivery], durable));
    assert.deepEqual(await filesBelow(maildir.path), [`new/${delivery.name}`]);
  });

  test("never takes the place of another in tmp/", async (t) => {
    const maildir = await freshMaildir(t);
    const unique = nextUnique();
    const first = await Delivery.begin(maildir, unique, new FsyncDurable());
    await assert.rejects(Delivery.begin(maildir, unique, new FsyncDurable()), { code: "EEXIST" });
    await first.rollback();
  });

  test("copies what another one holds after its first octets", async (t) => {
    const maildir = await freshMaildir(t);
    const durable = new FsyncDurable();
    const body = Buffer.from(Array.from({ length: 900_000 }, (_, i) => (i % 64 === 0 ? 0x0a : i % 256)));
    const one = await Delivery.begin(maildir, nextUnique(), durable);
    await one.write(Buffer.from("top of one\n"));
    await one.write(body);
    const other = await Delivery.begin(maildir, nextUnique(), durable);
    await other.write(Buffer.from("another top\n"));
    await other.copyFrom(one, "top of one\n".length);
    await one.stage();
    await other.stage();
    await commitAll([one, other], durable);
    const copied = await readFile(`${maildir.new}/${other.name}`);
    assert.ok(copied.equals(Buffer.concat([Buffer.from("another top\n"), body])));
    const lines = copied.reduce((sum, octet) => sum + (octet === 0x0a ? 1 : 0), 0);
    assert.equal(parseName(other.name).wireSize, copied.length + lines);
  });

  test("that cannot be copied from can be rolled back like any other", async (t) => {
    const maildir = await freshMaildir(t);
    const durable = new FsyncDurable();
    const gone = await Delivery.begin(maildir, nextUnique(), durable);
    await gone.rollback();
    const other = await Delivery.begin(maildir, nextUnique(), durable);
    await assert.rejects(other.copyFrom(gone, 0), { code: "ENOENT" });
    await other.rollback();
    assert.deepEqual(await filesBelow(maildir.path), []);
  });

  test("into a Maildir that vanishes meanwhile fails", async (t) => {
    const maildir = await freshMaildir(t);
    const durable = new FsyncDurable();
    const delivery = await stage(maildir, "x\n", durable);
    await rm(maildir.path, { recursive: true });
    await mkdir(maildir.path);
    await assert.rejects(commitAll([delivery], durable), { code: "ENOENT" });
    assert.deepEqual(await filesBelow(maildir.path), []);
  });
});
