/**
 * Real trouble with the disk under a real pop3d: a full file system (a small tmpfs in a mount namespace of its own), and
 * errors of single system calls (strace makes them fail). A user can make room on a full disk, no message that could not
 * be read or removed passes for one that was, and when the trouble is over everything is as before.
 */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { type DaemonOptions, DOMAIN, PASSWORD, Site } from "../daemons/site.js";
import { without } from "../peers.js";
import { Client } from "../pop3d/client.js";
import { onSmallDisk, withoutMounts } from "../small-disk.js";

const LOCK = "dovecot-pop3-session.lock";
const LONG = `Subject: long\n\n${`${"x".repeat(99)}\n`.repeat(3000)}`;

let site: Site;
beforeEach(async () => {
  site = await Site.make(["alice"]);
});
afterEach(() => site.remove());

/** Ways for a disk to be full: what is mounted, and how many small files fill it up. */
const FULL: readonly [name: string, mount: string, octets: number][] = [
  ["octets", "size=1m", 8192],
  ["files", "nr_inodes=40", 0],
];

for (const [what, mount, octets] of FULL) {
  test(`with no room for more ${what}, mail can be collected and removed`, {
    skip: withoutMounts(),
  }, async () => {
    const mail = join(site.directory, "mail");
    await mkdir(mail);
    const tables = '[maildrop]\nlock_wait = "0s"';
    const { daemon, pop3 } = await site.pop3d({ tables, wrapper: onSmallDisk(mail, mount) });
    try {
      const maildir = join(`/proc/${daemon.pid}/root${mail}`, DOMAIN, "alice", "Maildir");
      for (const folder of ["tmp", "new", "cur"]) await mkdir(join(maildir, folder), { recursive: true });
      await writeFile(join(maildir, "new/1.a"), "Subject: a\n\nb\n");
      // Far over its quota, too.
      await writeFile(join(maildir, "maildirsize"), "1S\n9999 99\n");
      await fill(join(maildir, "new"), octets);

      const client = await Client.loggedIn(pop3);
      const second = await Client.connect(pop3);
      await second.expect("+OK");
      await second.command("USER alice", "+OK");
      await second.command(`PASS ${PASSWORD}`, "-ERR [IN-USE]");
      await client.command("RETR 1", "+OK");
      assert.deepEqual(await client.lines(), ["Subject: a", "", "b"]);
      await client.command("DELE 2", "+OK");
      await client.command("QUIT", "+OK");
      await client.rest();
      assert.equal((await readdir(maildir)).includes(LOCK), false);
      assert.equal(await readFile(join(maildir, "maildirsize"), "latin1"), "1S\n9999 99\n0 -1\n");
      // There is room again, so the lock has its file.
      await second.login();
      assert.match(await readFile(join(maildir, LOCK), "latin1"), /^\d+:./);
      await second.command("QUIT", "+OK");
      await second.rest();
    } finally {
      await daemon.stop();
    }
  });
}

test("a message that cannot be removed is told of, and is there the next time", {
  skip: without("strace"),
}, async () => {
  await site.deliver("alice", "Subject: a\n\nb\n");
  const [file = ""] = await readdir(site.maildir("alice").new);
  const options = failing("unlink", "EIO", 1, join(site.maildir("alice").new, file));
  const { daemon, pop3 } = await site.pop3d(options);
  try {
    const client = await Client.loggedIn(pop3);
    await client.command("DELE 1", "+OK");
    await client.command("QUIT", "-ERR [SYS/TEMP]");
    await client.rest();
    const again = await Client.loggedIn(pop3);
    await again.command("STAT", "+OK 1 ");
    await again.command("DELE 1", "+OK");
    await again.command("QUIT", "+OK");
    await again.rest();
    assert.deepEqual(await site.messages("alice"), []);
  } finally {
    await daemon.stop();
  }
});

test("a removal that is not durable is not called one", { skip: without("strace") }, async () => {
  await site.deliver("alice", "Subject: a\n\nb\n");
  const { daemon, pop3 } = await site.pop3d(failing("fsync", "EIO", 1, site.maildir("alice").new));
  try {
    const client = await Client.loggedIn(pop3);
    await client.command("DELE 1", "+OK");
    await client.command("QUIT", "-ERR [SYS/TEMP]");
    await client.rest();
  } finally {
    await daemon.stop();
  }
});

test("a message that cannot be read is an error, and the session goes on", {
  skip: without("strace"),
}, async () => {
  await site.deliver("alice", LONG);
  await site.deliver("alice", "Subject: b\n\n");
  const { daemon, pop3 } = await site.pop3d(failing("read,pread64", "EIO", 1, await firstFile()));
  try {
    const client = await Client.loggedIn(pop3);
    await client.command("RETR 1", "-ERR [SYS/TEMP]");
    await client.command("RETR 2", "+OK");
    assert.deepEqual(await client.lines(), ["Subject: b", ""]);
    await client.command("RETR 1", "+OK");
    assert.equal((await client.lines()).length, 3002);
    await client.command("QUIT", "+OK");
    await client.rest();
  } finally {
    await daemon.stop();
  }
});

test("half a message is never taken for a whole one", { skip: without("strace") }, async () => {
  await site.deliver("alice", LONG);
  const { daemon, pop3 } = await site.pop3d(failing("read,pread64", "EIO", 3, await firstFile()));
  try {
    const client = await Client.loggedIn(pop3);
    await client.command("RETR 1", "+OK");
    const rest = await client.rest();
    assert.ok(!`\r\n${rest}`.includes("\r\n.\r\n"), "no end of the message");
    const again = await Client.loggedIn(pop3);
    await again.command("STAT", "+OK 1 ");
    await again.command("QUIT", "+OK");
    await again.rest();
    assert.equal(
      (await readdir(site.maildir("alice").cur))[0]?.endsWith(":2,"),
      true,
      "it is not called seen",
    );
  } finally {
    await daemon.stop();
  }
});

test("a Maildir that cannot be read keeps its user waiting, and is not locked", {
  skip: without("strace"),
}, async () => {
  await site.deliver("alice", "Subject: a\n\nb\n");
  const { daemon, pop3 } = await site.pop3d(failing("getdents64", "EIO", 1, site.maildir("alice").new));
  try {
    const client = await Client.connect(pop3);
    await client.expect("+OK");
    await client.command("USER alice", "+OK");
    const reply = await client.command(`PASS ${PASSWORD}`, "-ERR [SYS/TEMP]");
    assert.ok(!reply.includes(site.directory) && !/EIO|errno/i.test(reply), reply);
    const line = await daemon.logged(({ err }) => JSON.stringify(err ?? "").includes("EIO"));
    assert.equal(line.level, "error");
    await client.login();
    await client.command("STAT", "+OK 1 ");
    await client.command("QUIT", "+OK");
    await client.rest();
  } finally {
    await daemon.stop();
  }
});

async function firstFile(): Promise<string> {
  const { new: folder } = site.maildir("alice");
  return join(folder, (await readdir(folder)).sort()[0] ?? "");
}

/** Options that make the `n`th of these system calls on a path fail. A single thread makes them, in order. */
function failing(calls: string, code: string, n: number, path: string): DaemonOptions {
  const injection = ["-e", `trace=${calls}`, "-e", `inject=${calls}:error=${code}:when=${n}`, "-P", path];
  return {
    wrapper: ["strace", "-D", "-f", "-qq", ...injection, "-o", "/dev/null"],
    env: { UV_THREADPOOL_SIZE: "1" },
  };
}

/** Makes files until there is no room for another one. */
async function fill(directory: string, octets: number): Promise<void> {
  try {
    for (let n = 2; ; n++) await writeFile(join(directory, `${n}.filler,S=0,W=0`), Buffer.alloc(octets));
  } catch (error) {
    assert.match(String(error), /ENOSPC/);
  }
}
