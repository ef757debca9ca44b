/** What strangers can make pop3d hold, wait for and send: each has its bound. */
import assert from "node:assert/strict";
import { open, readdir, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { FsyncDurable } from "../../shared/durable.js";
import { createMaildir } from "../../shared/maildir/create.js";
import { type DaemonOptions, type Pop3d, Site } from "../daemons/site.js";
import { Client } from "./client.js";

const TIMEOUT = { timeout: 60_000 };
const MIB = 1024 * 1024;

test("connections from one address are limited, and one that ends makes room", TIMEOUT, async (t) => {
  const { pop3, pop3s } = await started(t, "[limits]\nconnections_per_ip = 2");
  const first = await Client.connect(pop3);
  await first.expect("+OK");
  const second = await Client.connect(pop3);
  await second.expect("+OK");
  const third = await Client.connect(pop3);
  await third.expect("-ERR [SYS/TEMP]");
  assert.equal(await third.rest(), "");
  await assert.rejects(Client.connectTls(pop3s), "before TLS nothing can be said");

  first.send("QUIT\r\n");
  await first.expect("+OK");
  await first.rest();
  await eventuallyGreeted(pop3);
});

test("connections in all are limited", TIMEOUT, async (t) => {
  const { pop3, daemon } = await started(t, "[limits]\nconnections = 1");
  const first = await Client.connect(pop3);
  await first.expect("+OK");
  await (await Client.connect(pop3)).expect("-ERR [SYS/TEMP]");
  await daemon.logged(({ msg, reason }) => msg === "connection refused" && reason === "too many connections");
});

test(
  "a login that failed keeps its place until its reply was due, even if the client hangs up",
  TIMEOUT,
  async (t) => {
    const { pop3, daemon } = await started(
      t,
      '[limits]\nconnections_per_ip = 1\nlogin_failure_delay = "10m"',
    );
    const client = await Client.connect(pop3);
    await client.expect("+OK");
    client.send("USER alice\r\nPASS wrong\r\n");
    await client.expect("+OK");
    await daemon.logged(({ msg }) => msg === "login failed");
    client.destroy();
    await (await Client.connect(pop3)).expect("-ERR [SYS/TEMP]");
  },
);

test("who hangs up while the reply to a mistake waits holds no maildrop any longer", TIMEOUT, async (t) => {
  const { pop3 } = await started(t, '[limits]\nbad_command_delay = "8s"');
  for (const leave of ["destroy", "end"] as const) {
    const client = await Client.loggedIn(pop3);
    client.send("XYZZY\r\n".repeat(6));
    for (let n = 1; n <= 5; n++) await client.expect("-ERR");
    client[leave]();
    await (await Client.loggedIn(pop3)).command("QUIT", "+OK");
  }
});

test("who does not log in in time is sent away, however busy it looks", TIMEOUT, async (t) => {
  const { pop3 } = await started(t, '[limits]\nlogin_time = "1s"\nbad_commands = 10000');
  const silent = await Client.connect(pop3);
  await silent.expect("+OK");
  const busy = await Client.connect(pop3);
  await busy.expect("+OK");
  const dribble = setInterval(() => busy.send("CAPA\r\nNO"), 50);
  t.after(() => clearInterval(dribble));
  assert.equal(await silent.rest(), "", "closed without a reply");
  await busy.rest();
});

test("a TLS handshake that does not come ends the connection", TIMEOUT, async (t) => {
  const { pop3, pop3s, daemon } = await started(t, '[limits]\ntls_handshake_time = "1s"');
  const implicit = connect({ port: pop3s, host: "127.0.0.1" });
  const ended = new Promise((resolve) => implicit.once("close", resolve));
  implicit.resume().on("error", () => {});
  await ended;
  const client = await Client.connect(pop3);
  await client.expect("+OK");
  await client.command("STLS", "+OK");
  assert.equal(await client.rest(), "");
  assert.deepEqual(
    daemon.log.filter(({ level }) => level === "error"),
    [],
  );
});

test("two hundred connections that idle or dribble keep nobody from being served", TIMEOUT, async (t) => {
  const { pop3, site } = await started(t, "[limits]\nconnections_per_ip = 300");
  await site.deliver("alice", "Subject: a\n\nb\n");
  const nuisances = await Promise.all(Array.from({ length: 200 }, () => Client.connect(pop3)));
  const dribble = setInterval(() => {
    for (const nuisance of nuisances.slice(100)) nuisance.send("x");
  }, 20);
  t.after(() => clearInterval(dribble));
  await Promise.all(nuisances.map((nuisance) => nuisance.expect("+OK")));
  const client = await Client.loggedIn(pop3);
  await client.command("RETR 1", "+OK");
  assert.equal((await client.lines())[0], "Subject: a");
  await client.command("QUIT", "+OK");
  for (const nuisance of nuisances) nuisance.destroy();
});

test("a line without end costs a reply, not memory", TIMEOUT, async (t) => {
  const { pop3, daemon } = await started(t);
  const before = await daemon.residentOctets();
  const clients = await Promise.all(Array.from({ length: 20 }, () => Client.connect(pop3)));
  await Promise.all(
    clients.map(async (client) => {
      await client.expect("+OK");
      client.send(Buffer.alloc(16 * MIB, "x"));
      await client.expect("-ERR");
      client.destroy();
    }),
  );
  assert.ok((await daemon.residentOctets()) - before < 64 * MIB);
});

test("a message of 1 GiB in one line is sent in constant memory, and whole", TIMEOUT, async (t) => {
  const { pop3, site, daemon } = await started(t);
  const octets = 1024 * MIB;
  await sparseMessage(site, octets);
  const client = await Client.loggedIn(pop3);
  await client.command("LIST 1", `+OK 1 ${octets}`);
  const before = await daemon.residentOctets();
  let most = 0;
  let next = 0;
  await client.command("RETR 1", "+OK");
  await client.skip(octets + "\r\n.\r\n".length, async (skipped) => {
    if (skipped < next) return;
    next += 16 * MIB;
    most = Math.max(most, await daemon.residentOctets());
  });
  assert.ok(most - before < 64 * MIB, `grew by ${most - before}`);
  await client.command("NOOP", "+OK");
});

test("clients that do not read cost a bounded buffer each, and are given up", TIMEOUT, async (t) => {
  const { pop3, site, daemon } = await started(t, '[limits]\nstall_timeout = "1s"', 10);
  const before = await daemon.residentOctets();
  const users = Array.from({ length: 10 }, (_, i) => `user${i}`);
  await Promise.all(users.map((user) => sparseMessage(site, 100 * MIB, user)));
  const clients = await Promise.all(users.map((user) => Client.loggedIn(pop3, user)));
  for (const client of clients) {
    // Many times, and none of it is read but the first line.
    client.send("RETR 1\r\n".repeat(100));
    await client.expect("+OK");
  }
  assert.ok((await daemon.residentOctets()) - before < 64 * MIB);
  for (const account of users.map((user) => `${user}@pillarbox.test`)) {
    await daemon.logged((line) => line.msg === "connection closed" && line.account === account);
  }
  // The maildrops are free.
  for (const user of users) await (await Client.loggedIn(pop3, user)).command("QUIT", "+OK");
});

test("connections that were cut leave no descriptor behind", TIMEOUT, async (t) => {
  const { pop3, pop3s, site, daemon } = await started(t);
  await sparseMessage(site, 100 * MIB);
  const descriptors = async () => (await readdir(`/proc/${daemon.pid}/fd`)).length;
  const first = await Client.loggedIn(pop3);
  await first.command("QUIT", "+OK");
  await first.rest();
  const before = await descriptors();
  for (let round = 0; round < 10; round++) {
    const client = await Client.loggedIn(pop3);
    await client.command("RETR 1", "+OK");
    client.destroy();
    const secure = await Client.connectTls(pop3s);
    await secure.expect("+OK");
    secure.destroy();
  }
  const closed = () => daemon.log.filter(({ msg }) => msg === "connection closed").length;
  await daemon.logged(() => closed() >= 21);
  // A connection says that it is closed a moment before its socket is.
  await (await Client.loggedIn(pop3)).command("QUIT", "+OK");
  assert.ok((await descriptors()) <= before + 2, `${await descriptors()} after ${before}`);
});

async function started(t: TestContext, tables = "", users = 0): Promise<Pop3d & { site: Site }> {
  const site = await Site.make(["alice", ...Array.from({ length: users }, (_, i) => `user${i}`)]);
  t.after(() => site.remove());
  const options: DaemonOptions = { tables };
  const pop3d = await site.pop3d(options);
  t.after(() => pop3d.daemon.kill());
  return { ...pop3d, site };
}

/** A message of so many NULs that takes no room on the disk. */
async function sparseMessage(site: Site, octets: number, user = "alice"): Promise<void> {
  const maildir = site.maildir(user);
  await createMaildir(maildir, new FsyncDurable());
  const path = `${maildir.cur}/1.sparse,S=${octets},W=${octets}:2,`;
  await writeFile(path, "");
  const handle = await open(path, "r+");
  await handle.truncate(octets);
  await handle.close();
}

/** A place that was given back may take a moment to be free. */
async function eventuallyGreeted(port: number): Promise<void> {
  for (;;) {
    const client = await Client.connect(port);
    const greeting = await client.line();
    client.destroy();
    if (greeting.startsWith("+OK")) return;
  }
}
