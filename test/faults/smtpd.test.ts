/**
 * Real trouble with the disk under a real smtpd: a full file system (a small tmpfs in a mount namespace of its own), a
 * mailbox that may not be written, and errors of single system calls (strace makes them fail). The client is told at
 * once and truly, nothing partial is left, and when the trouble is over mail flows again.
 */
import assert from "node:assert/strict";
import { chmod, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { FsyncDurable } from "../../shared/durable.js";
import { createMaildir } from "../../shared/maildir/create.js";
import { foldersAt, makeFolders } from "../../smtpd/queue/folders.js";
import { DOMAIN, Site } from "../daemons/site.js";
import { Dialogue } from "../interop/dialogue.js";
import { giveToNobody, runsAsRoot, withoutNobody } from "../nobody.js";
import { without } from "../peers.js";
import { onSmallDisk, withoutMounts } from "../small-disk.js";

let site: Site;
beforeEach(async () => {
  site = await Site.make(["alice", "bob"]);
});
afterEach(() => site.remove());

test("a full disk is 452 4.3.1, leaves nothing, and passes", { skip: withoutMounts() }, async () => {
  const mail = join(site.directory, "mail");
  await mkdir(mail);
  const { daemon, mx } = await site.smtpd({ wrapper: onSmallDisk(mail, "size=1m") });
  const seen = `/proc/${daemon.pid}/root${mail}`;
  try {
    assert.match(await send(mx, ["alice"], 10_000), /^250 /);
    for (const octets of [2_000_000, 1_100_000])
      assert.match(await send(mx, ["alice"], octets), /^452 4\.3\.1 /);
    // Enough for one copy and not for two: then the other waits in the queue, which is on another disk.
    assert.match(await send(mx, ["alice", "bob"], 600_000), /^250 /);
    await daemon.logged(({ msg, attempts }) => msg === "deferred" && attempts === 1);
    assert.equal((await filesIn(seen, "alice")).length + (await filesIn(seen, "bob")).length, 2);

    await writeFile(join(seen, "filler"), Buffer.alloc(1_000_000)).catch(() => {});
    assert.match(await send(mx, ["bob"], 100_000), /^452 4\.3\.1 /);
    await rm(join(seen, "filler"));
    const before = (await filesIn(seen, "bob")).length;
    assert.match(await send(mx, ["bob"], 100_000), /^250 /);
    assert.equal((await filesIn(seen, "bob")).length, before + 1);
  } finally {
    await daemon.stop();
  }
});

test("a mailbox that may not be written is 451; with another recipient, its copy waits in the queue", {
  skip: withoutNobody(),
}, async () => {
  const durable = new FsyncDurable();
  for (const user of ["alice", "bob"]) await createMaildir(site.maildir(user), durable);
  // Root may write anywhere, so as root the daemon becomes somebody who may not.
  const options = runsAsRoot ? { user: "nobody" } : {};
  await giveToNobody(site.directory);
  const { daemon, mx } = await site.smtpd(options);
  try {
    for (const folder of [site.maildir("bob").new, site.maildir("bob").tmp]) {
      await chmod(folder, 0o500);
      assert.match(await send(mx, ["bob"], 100), /^451 4\.3\.0 /);
      const before = (await site.messages("alice")).length;
      for (const octets of [100, 300_000]) {
        const reply = await send(mx, ["alice", "bob"], octets);
        assert.match(reply, /^250 /);
        await daemon.logged(({ msg, queueId }) => msg === "deferred" && reply.endsWith(String(queueId)));
      }
      await chmod(folder, 0o700);
      assert.equal((await site.messages("alice")).length, before + 2);
      assert.deepEqual(await site.messages("bob"), []);
      for (const user of ["alice", "bob"]) assert.deepEqual(await readdir(site.maildir(user).tmp), []);
    }
    assert.match(await send(mx, ["alice", "bob"], 100), /^250 /);
  } finally {
    await daemon.stop();
  }
});

for (const call of ["fsync", "rename"]) {
  for (const users of [["alice"], ["alice", "bob"]]) {
    const what =
      users.length === 1 ? "is 451: no 250, nothing left" : "of two copies lets the other wait, not long";
    test(`an EIO of the first ${call} ${what}`, { skip: without("strace") }, async () => {
      for (const user of users) await createMaildir(site.maildir(user), new FsyncDurable());
      await makeFolders(foldersAt(`${site.directory}/state/queue`), new FsyncDurable());
      const { daemon, mx } = await site.smtpd({
        wrapper: failingOnce(call),
        env: { UV_THREADPOOL_SIZE: "1" },
      });
      try {
        if (users.length === 1) {
          assert.match(await send(mx, users, 100), /^451 4\.3\.0 /);
          assert.deepEqual(await filesIn(join(site.directory, "mail"), "alice"), []);
        }
        assert.match(await send(mx, users, 100), /^250 /);
        if (users.length > 1) await daemon.logged(({ msg }) => msg === "sent");
        for (const user of users) assert.equal((await site.messages(user)).length, 1);
      } finally {
        await daemon.stop();
      }
    });
  }
}

/** A command to run a daemon under, whose first call of this kind fails. */
function failingOnce(call: string): string[] {
  const options = ["-D", "-f", "-qq", "-e", `trace=${call}`, "-e", `inject=${call}:error=EIO:when=1`];
  return ["strace", ...options, "-o", "/dev/null"];
}

test("the log says what the client is not told", async () => {
  await writeFile(join(site.directory, "mail"), "a file where the mail should be");
  const { daemon, mx } = await site.smtpd();
  try {
    const reply = await send(mx, ["alice"], 100);
    assert.match(reply, /^451 4\.3\.0 /);
    assert.ok(!reply.includes(site.directory) && !/ENOTDIR|errno/i.test(reply), reply);
    const line = await daemon.logged(({ err }) => JSON.stringify(err ?? "").includes("ENOTDIR"));
    assert.equal(line.level, "error");
  } finally {
    await daemon.stop();
  }
});

/** Sends a message of about so many octets; the reply to its end. */
async function send(port: number, users: readonly string[], octets: number): Promise<string> {
  const smtp = await Dialogue.connect(port);
  await smtp.expect(/^220/);
  await smtp.command("EHLO client.test", /^250/);
  await smtp.command("MAIL FROM:<x@y.test>", /^250/);
  for (const user of users) await smtp.command(`RCPT TO:<${user}@${DOMAIN}>`, /^250/);
  await smtp.command("DATA", /^354/);
  const reply = await smtp.command(
    `Subject: x\r\n\r\n${`${"x".repeat(98)}\r\n`.repeat(octets / 100)}.`,
    /^\d/,
  );
  await smtp.command("QUIT", /^221/);
  return reply;
}

/** Every file of a user's Maildir, in whichever folder. */
async function filesIn(mail: string, user: string): Promise<string[]> {
  const entries = await readdir(join(mail, DOMAIN, user), { recursive: true, withFileTypes: true }).catch(
    () => [],
  );
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}
