/**
 * What POP3 servers get wrong, each case a test against the daemon. Seen elsewhere:
 *
 *   LIST, UIDL after DELE            Courier (since 2026), WildDuck renumber; Stalwart ignores DELE
 *   sizes                            notqmail tells the file's, not what it sends
 *   a message that begins with a dot Dovecot, Courier, Stalwart do not stuff a dot in the first octet
 *   odd messages                     hangs (James), extra lines (notqmail)
 *   TOP n 0, TOP without a count     Stalwart sends all; notqmail RETRs
 *   what is no message-number        WildDuck throws on 1.5, Stalwart deletes 1 on 0
 *   QUIT                             Courier, WildDuck, Cyrus say +OK before the removal, or whatever came of it
 *   spaces in passwords              WildDuck trims, Stalwart refuses
 *   STLS with more in the packet     WildDuck runs it after TLS; others had CVEs
 *   long commands                    WildDuck, notqmail read for ever
 *   CAPA before and after login      Dovecot, WildDuck drop USER and SASL after
 *   unique-ids                       Courier's and Cyrus's changed between releases; names over 70 octets
 *   two sessions on one maildrop     most have no lock, Dovecot's is off
 *   pipelined RETRs                  WildDuck interleaved (its issue 950)
 *   idle                             WildDuck closes after 60 s, Courier after 300 s
 *
 * Where a transcript is the proof, it is run here; how much memory and time things may take is in limits.test.ts.
 */
import assert from "node:assert/strict";
import { mkdir, readdir, rename, unlink, writeFile } from "node:fs/promises";
import { after, type TestContext, test } from "node:test";
import { FsyncDurable } from "../../shared/durable.js";
import { createMaildir } from "../../shared/maildir/create.js";
import { type DaemonOptions, DOMAIN, PASSWORD, type Pop3d, Site } from "../daemons/site.js";
import { Client } from "./client.js";
import { filesIn } from "./opened.js";
import { transcripts } from "./transcript.js";
import { makesSense, TranscriptDaemons, WAYS } from "./transcript-runs.js";

const TIMEOUT = { timeout: 60_000 };
const MIB = 1024 * 1024;

const daemons = new TranscriptDaemons();
after(() => daemons.end());

row("LIST, UIDL after DELE: numbers fixed at login, gaps where deleted", ["numbers-stay-after-dele"]);

row(
  "size in LIST, STAT, RETR: octets with CRLF, no stuffing counted, equal to what RETR sends",
  ["sizes"],
  async (t) => {
    const { pop3, site } = await started(t);
    const maildir = site.maildir("alice");
    await createMaildir(maildir, new FsyncDurable());
    const texts = ["a\n", "", "\n", ".\n..\n", "no end", "a\r\nb\n", "\r", "\n\r\n", "\xfc\0\xff"];
    for (const [i, text] of texts.entries()) await writeFile(`${maildir.new}/${i}.foreign`, text, "latin1");
    const client = await Client.loggedIn(pop3);
    const sum = Number((await client.command("STAT", "+OK 9 ")).split(" ")[2]);
    await client.command("LIST", "+OK");
    let total = 0;
    for (const line of await client.lines()) {
      const [number = "", octets = ""] = line.split(" ");
      await client.command(`RETR ${number}`, `+OK ${octets} octets`);
      const sent = (await client.lines()).map((line) => `${line.replace(/^\./, "")}\r\n`).join("");
      // One that does not end in a line end gets one that is not counted, as the end needs it.
      assert.ok([sent.length, sent.length - 2].includes(Number(octets)), line);
      total += Number(octets);
    }
    assert.equal(total, sum);
  },
);

row("a message that begins with a dot: stuffed", ["dot-in-the-first-octet"]);

row(
  "a message without a final newline; empty; bare CR; NUL; 8-bit; a long line: exact octets, then CRLF.CRLF",
  ["odd-messages"],
  async (t) => {
    const { pop3, site } = await started(t);
    const line = "x".repeat(8 * MIB);
    await site.deliver("alice", line);
    const client = await Client.loggedIn(pop3);
    await client.command("RETR 1", "+OK");
    assert.equal(await client.take(line.length + 5), `${line}\r\n.\r\n`);
    await client.command("NOOP", "+OK");
  },
);

row("TOP n 0, TOP without a count: header and the blank line; -ERR", ["top"]);

row("RETR 0 -1 1.5 1e0 0x1 +1 01x 4294967297: -ERR", ["no-message-numbers"]);

row("QUIT: +OK after the removal; -ERR when some were not removed", ["update"], async (t) => {
  const { pop3, site } = await started(t);
  for (const text of ["one\n", "two\n"]) await site.deliver("alice", text);
  const { new: folder } = site.maildir("alice");
  const [one = "", two = ""] = (await readdir(folder)).sort();
  const client = await Client.loggedIn(pop3);
  // A directory in its place cannot be unlinked, by root neither.
  await unlink(`${folder}/${one}`);
  await mkdir(`${folder}/${one}`);
  await client.command("DELE 1", "+OK");
  await client.command("DELE 2", "+OK");
  await client.command("QUIT", "-ERR");
  assert.ok(!(await readdir(folder)).includes(two), "the others are removed all the same");
});

row("connection lost: nothing deleted, lock released at once", ["connection-lost"], async (t) => {
  const { pop3, site } = await started(t, { tables: '[maildrop]\nlock_wait = "30s"' });
  await site.deliver("alice", "a\n");
  const client = await Client.loggedIn(pop3);
  await client.command("DELE 1", "+OK");
  client.destroy();
  await (await Client.loggedIn(pop3)).command("STAT", "+OK 1 ");
});

row("passwords with spaces at either end or in the middle: kept", ["spaces-in-passwords"], async (t) => {
  const site = await Site.make(["alice"]);
  t.after(() => site.remove());
  await writeFile(`${site.directory}/users`, `alice@${DOMAIN}:{PLAIN} two  spaces ::::::\n`);
  const { pop3, daemon } = await site.pop3d({ tables: '[limits]\nlogin_failure_delay = "0s"' });
  t.after(() => daemon.kill());
  const client = await Client.connect(pop3);
  await client.expect("+OK");
  for (const [password, status] of [
    ["two  spaces", "-ERR [AUTH]"],
    [" two spaces ", "-ERR [AUTH]"],
    [" two  spaces ", "+OK"],
  ] as const) {
    await client.command("USER alice", "+OK");
    await client.command(`PASS ${password}`, status);
  }
});

row(
  "STLS with more in the same packet; USER before STLS: dropped; forgotten",
  ["user-before-stls-is-forgotten"],
  async (t) => {
    const { pop3 } = await started(t);
    const client = await Client.connect(pop3);
    await client.expect("+OK");
    client.send("STLS\r\nUSER alice\r\nCAPA\r\nXYZZY");
    await client.expect("+OK");
    const secure = await client.startTls();
    // Neither a reply to what was injected, nor the rest of a line in front of ours.
    await secure.command("PASS correct horse", "-ERR");
    await secure.command("CAPA", "+OK");
    assert.ok(!(await secure.lines()).includes("STLS"));
    await secure.login();
    await secure.command("QUIT", "+OK");
    assert.equal(await secure.rest(), "");
  },
);

row("a command of 255 octets; one without end: accepted; -ERR and closed", [
  "command-of-255-octets",
  "command-too-long",
]);

row("CAPA before and after login: what holds in both states is listed in both", ["capa"], async (t) => {
  const { pop3, pop3s } = await started(t);
  for (const client of [await Client.connect(pop3), await Client.connectTls(pop3s)]) {
    await client.expect("+OK");
    await client.command("CAPA", "+OK");
    const before = await client.lines();
    await client.login();
    await client.command("CAPA", "+OK");
    assert.deepEqual(
      await client.lines(),
      before.filter((capability) => capability !== "STLS"),
    );
    await client.command("QUIT", "+OK");
  }
});

row("unique-id: base name or its hash; stable, unique", ["unique-ids", "order-of-delivery"], async (t) => {
  const { pop3, site } = await started(t);
  const maildir = site.maildir("alice");
  await createMaildir(maildir, new FsyncDurable());
  const long = `2.${"x".repeat(200)}`;
  for (const name of ["1.plain", long, "3.same,S=3", "3.same,S=4"])
    await writeFile(`${maildir.new}/${name}`, "a\n");
  const unique = async () => {
    const client = await Client.loggedIn(pop3);
    await client.command("UIDL", "+OK");
    const lines = await client.lines();
    await client.command("QUIT", "+OK");
    return lines.map((line) => line.split(" ")[1] ?? "");
  };
  const first = await unique();
  assert.equal(first[0], "1.plain");
  assert.equal(new Set(first).size, 4);
  for (const id of first) assert.match(id, /^[\x21-\x7e]{1,70}$/);
  // By now they lie in cur/; others flag them and number them.
  for (const name of await readdir(maildir.cur)) {
    await rename(`${maildir.cur}/${name}`, `${maildir.cur}/${name.replace(":2,", ",U=7:2,F")}`);
  }
  assert.deepEqual(await unique(), first);
});

row(
  "two sessions on one maildrop: the second waits briefly, then -ERR [IN-USE], after good credentials only",
  [],
  async (t) => {
    const { pop3, site } = await started(t, { tables: '[maildrop]\nlock_wait = "50ms"' });
    await site.deliver("alice", "Subject: a\n\nb\n");
    const first = await Client.loggedIn(pop3);
    const second = await Client.connect(pop3);
    await second.expect("+OK");
    await second.command("USER alice", "+OK");
    await second.command("PASS wrong", "-ERR [AUTH]");
    await second.command("USER alice", "+OK");
    await second.command(`PASS ${PASSWORD}`, "-ERR [IN-USE]");
    await (await Client.loggedIn(pop3, "bob")).command("STAT", "+OK");

    await first.command("QUIT", "+OK");
    // The reply to QUIT comes when the maildrop is free.
    await second.login();
    await second.command("STAT", "+OK 1 ");
  },
);

row(
  "another tool renames or deletes meanwhile: RETR finds it by base name; gone: -ERR, the session goes on",
  [],
  async (t) => {
    const { pop3, site } = await started(t);
    for (const subject of ["one", "two", "three", "four"])
      await site.deliver("alice", `Subject: ${subject}\n\n`);
    const client = await Client.loggedIn(pop3);
    const maildir = site.maildir("alice");
    const [one = "", two = "", three = "", four = ""] = (await readdir(maildir.new)).sort();
    await rename(`${maildir.new}/${one}`, `${maildir.cur}/${one}:2,FS`);
    await rename(`${maildir.new}/${two}`, `${maildir.cur}/${two},U=5:2,`);
    await unlink(`${maildir.new}/${three}`);
    await unlink(`${maildir.new}/${four}`);

    await client.command("RETR 1", "+OK");
    assert.equal((await client.lines())[0], "Subject: one");
    await client.command("TOP 2 0", "+OK");
    assert.equal((await client.lines())[0], "Subject: two");
    await client.command("RETR 3", "-ERR");
    await client.command("TOP 4 1", "-ERR");
    await client.command("STAT", "+OK 4 ");
    await client.command("LIST 3", "+OK 3 ");
    await client.command("DELE 1", "+OK");
    await client.command("DELE 4", "+OK");
    await client.command("QUIT", "+OK");
    assert.deepEqual(await filesIn(maildir), [`cur/${two},U=5:2,`]);
  },
);

row("pipelined RETRs: in order", [], async (t) => {
  const { pop3, site } = await started(t);
  const texts = Array.from({ length: 30 }, (_, i) => `${i}\n`.repeat(i % 3 === 0 ? 50_000 : 1));
  for (const text of texts) await site.deliver("alice", text);
  const client = await Client.loggedIn(pop3);
  client.send(texts.map((_, i) => `RETR ${i + 1}\r\nNOOP\r\n`).join(""));
  for (const text of texts) {
    await client.expect("+OK");
    const sent = `${text.replaceAll("\n", "\r\n")}.\r\n`;
    assert.ok((await client.take(sent.length)) === sent);
    await client.expect("+OK");
  }
});

row("idle: closed without a reply, nothing deleted", [], async (t) => {
  const { pop3, site } = await started(t, { tables: '[limits]\nidle_timeout = "1s"' });
  await site.deliver("alice", "Subject: a\n\nb\n");
  const client = await Client.loggedIn(pop3);
  await client.command("DELE 1", "+OK");
  // The beginning of a command is no command.
  client.send("QUI");
  assert.equal(await client.rest(), "");
  assert.equal((await site.messages("alice")).length, 1);
  await (await Client.loggedIn(pop3)).command("STAT", "+OK 1 ");
});

row("wrong password, unknown user: the same reply [AUTH]", ["refused-logins"]);

/** A test that runs transcripts, and then what else there is to prove. */
function row(
  name: string,
  proofs: readonly string[],
  more: (t: TestContext) => Promise<void> = async () => {},
): void {
  test(name, TIMEOUT, async (t) => {
    for (const proof of proofs) {
      const transcript = transcripts().find((one) => one.name === proof);
      assert.ok(transcript, `no transcript ${proof}`);
      for (const way of WAYS.filter((way) => makesSense(transcript, way))) await daemons.run(transcript, way);
    }
    await more(t);
  });
}

async function started(t: TestContext, options: DaemonOptions = {}): Promise<Pop3d & { site: Site }> {
  const site = await Site.make(["alice", "bob"]);
  t.after(() => site.remove());
  const pop3d = await site.pop3d(options);
  t.after(() => pop3d.daemon.kill());
  return { ...pop3d, site };
}
