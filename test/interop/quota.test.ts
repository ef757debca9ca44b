/**
 * Quotas on Maildirs that Dovecot or Courier's programs keep at the same time: all see the same sums, refuse at the same
 * limit, and each sees the room that another has made.
 */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { Maildir } from "../../shared/maildir/maildir.js";
import { DOMAIN, PASSWORD, type Pop3d, Site, type Smtpd } from "../daemons/site.js";
import { SmtpClient } from "../fakes/smtp-client.js";
import { giveToNobody, withoutNobody } from "../nobody.js";
import { without } from "../peers.js";
import { Client } from "../pop3d/client.js";
import {
  courierDeliver,
  courierQuota,
  DELIVERQUOTA,
  DOVECOT_LDA,
  DovecotQuota,
  lyingIn,
  MAILDIRMAKE,
  QUOTA_PLUGIN,
  toldBy,
} from "./quota-peers.js";

const DELIVERED = "250 2.0.0";
const FULL = "452 4.2.2";
const RULE = "*:storage=10K:messages=12";
const KIB = "0123456789abcde\n".repeat(64);

let site: Site;
let maildir: Maildir;
let smtpd: Smtpd;
let pop3d: Pop3d;
beforeEach(async () => {
  site = await Site.make(["alice"]);
  maildir = site.maildir("alice");
});
afterEach(async () => {
  await smtpd?.daemon.stop();
  await pop3d?.daemon.stop();
  await site?.remove();
});

/** Starts both daemons, as the owner of the mail; the account has these extra fields. */
async function start(extra = ""): Promise<void> {
  await writeFile(join(site.directory, "users"), `alice@${DOMAIN}:{PLAIN}${PASSWORD}::::::${extra}\n`);
  await giveToNobody(site.directory);
  smtpd = await site.smtpd({ user: "nobody" });
  pop3d = await site.pop3d({ user: "nobody" });
}

/** Sends a message to alice; what was said to it. */
async function send(message: string, { mx }: Smtpd = smtpd): Promise<string> {
  const client = await SmtpClient.greeted(mx);
  try {
    const [, rcpt = ""] = await client.envelope(undefined, `<alice@${DOMAIN}>`);
    if (!rcpt.startsWith("250")) return rcpt;
    return await client.data(`${message.replaceAll("\n", "\r\n")}.\r\n`);
  } finally {
    client.end();
  }
}

/** Removes the messages of these numbers by POP3. */
async function collect(...numbers: readonly number[]): Promise<void> {
  const client = await Client.loggedIn(pop3d.pop3);
  for (const number of numbers) await client.command(`DELE ${number}`, "+OK");
  await client.command("QUIT", "+OK");
  await client.rest();
}

function message(subject: string, body = ""): string {
  return `From: bob@x.test\nSubject: ${subject}\n\n${body}`;
}

async function linesOfFile(): Promise<string[]> {
  return (await readFile(`${maildir.path}/maildirsize`, "latin1")).split("\n").slice(0, -1);
}

describe("beside Dovecot", { skip: without("doveadm", DOVECOT_LDA, QUOTA_PLUGIN) || withoutNobody() }, () => {
  let dovecot: DovecotQuota;
  beforeEach(async () => {
    await start(`userdb_quota_rule=${RULE}`);
    dovecot = await DovecotQuota.make(site.directory, maildir, RULE);
  });

  /** The sum is what is there, for us, for Dovecot, and for Dovecot when it counts by itself. */
  async function agree(messages: number): Promise<void> {
    const there = await lyingIn(maildir);
    assert.equal(there.messages, messages);
    assert.deepEqual(await toldBy(maildir), there);
    assert.equal(await dovecot.messages(), messages);
    await dovecot.recalculate();
    assert.deepEqual(await toldBy(maildir), there);
  }

  test("what one delivers, moves or removes is in the sum of the other", async () => {
    assert.equal(await send(message("one")), DELIVERED);
    await agree(1);
    assert.equal(await dovecot.deliver(message("two")), 0);
    assert.equal(await send(message("three", "more\n")), DELIVERED);
    await agree(3);

    await dovecot.imap(["a SELECT INBOX", "b CREATE Saved", "c COPY 1 Saved", "d MOVE 2 Saved", "e LOGOUT"]);
    await agree(4);
    await dovecot.imap(["a SELECT INBOX", "b STORE 1 +FLAGS (\\Deleted)", "c LOGOUT"]);
    await agree(4);
    await collect(1);
    await agree(3);
    await dovecot.imap(["a SELECT INBOX", "b STORE 1 +FLAGS (\\Deleted)", "c EXPUNGE", "d LOGOUT"]);
    await agree(2);
    assert.equal(await send(message("four")), DELIVERED);
    await agree(3);
  });

  test("a mailbox is full for both, and has room again for both when one has removed mail", async () => {
    for (let n = 1; n <= 9; n++) assert.equal(await send(message(String(n), KIB.slice(0, 704))), DELIVERED);
    assert.equal(await send(message("too much", KIB.repeat(2))), FULL);
    assert.notEqual(await dovecot.deliver(message("too much", KIB.repeat(3))), 0);
    await agree(9);

    // By IMAP, then by POP3.
    for (const remove of [
      () => dovecot.imap(["a SELECT INBOX", "b STORE 1:3 +FLAGS (\\Deleted)", "c EXPUNGE", "d LOGOUT"]),
      () => collect(1, 2, 3),
    ]) {
      await remove();
      assert.equal(await send(message("fits", KIB.repeat(2))), DELIVERED);
      assert.equal(await send(message("too much", KIB.repeat(5))), FULL);
    }
    await agree(5);
    assert.equal(await dovecot.deliver(message("fits")), 0);
    await agree(6);
  });

  test("the last message that fits is the same for both", async () => {
    for (let n = 1; n <= 11; n++)
      assert.equal(n % 2 ? await dovecot.deliver(message("m")) : Number(!(await send(message("m")))), 0);
    assert.equal(await send(message("the twelfth")), DELIVERED);
    assert.equal(await send(message("the thirteenth")), FULL);
    assert.notEqual(await dovecot.deliver(message("the thirteenth")), 0);
    await agree(12);
  });

  test("what we count first, in folders and with any flags, is what Dovecot counts", async () => {
    for (const folder of ["Trash", "Saved"]) await dovecot.imap([`a CREATE ${folder}`, "b LOGOUT"]);
    for (const [name, content] of [
      ["new/1.a", "x"],
      ["cur/2.b:2,ST", "xx"],
      ["cur/3.c,S=4:2,S", "xxxx"],
      [".Trash/cur/4.d:2,T", "x".repeat(8)],
      [".Saved/new/5.e", "x".repeat(16)],
    ] as const) {
      await writeFile(`${maildir.path}/${name}`, content);
    }
    await giveToNobody(site.directory);
    await rm(`${maildir.path}/maildirsize`, { force: true });
    assert.equal(await send(message("counted")), DELIVERED);
    await agree(6);
  });
});

describe("beside Courier's programs", { skip: without(MAILDIRMAKE, DELIVERQUOTA) || withoutNobody() }, () => {
  const DEFINITION = "10240S,12C";
  /** Names that Courier leaves out. */
  const LEFT_OUT = /^\.Trash$|:2,[A-Z]*T/;

  /** Without a rule in the accounts, the quota is what Courier has put into the file. */
  beforeEach(async () => {
    await start();
    assert.equal(await send(message("first")), DELIVERED);
    await courierQuota(site.directory, maildir, DEFINITION);
  });

  async function agree(messages: number): Promise<void> {
    const there = await lyingIn(maildir, LEFT_OUT);
    assert.equal(there.messages, messages);
    assert.deepEqual(await toldBy(maildir), there);
    await courierQuota(site.directory, maildir, DEFINITION);
    assert.deepEqual(await toldBy(maildir), there);
  }

  const deliver = (text: string, options?: readonly string[]) =>
    courierDeliver(site.directory, maildir, text, options);

  test("what one delivers or removes is in the sum of the other", async () => {
    await agree(1);
    assert.equal(await deliver(message("two")), 0);
    assert.equal(await send(message("three")), DELIVERED);
    await agree(3);
    await collect(1, 3);
    assert.equal(await deliver(message("four")), 0);
    await agree(2);
    assert.equal((await linesOfFile())[0], DEFINITION);
  });

  test("a mailbox is full for both, and has room again for both when one has removed mail", async () => {
    for (let n = 2; n <= 6; n++) assert.equal(await deliver(message(String(n), KIB)), 0);
    assert.equal(await send(message("too much", KIB.repeat(5))), FULL);
    assert.equal(await deliver(message("too much", KIB.repeat(5))), 77);
    await agree(6);
    await collect(2, 3, 4);
    assert.equal(await send(message("fits", KIB.repeat(5))), DELIVERED);
    assert.equal(await deliver(message("too much", KIB.repeat(4))), 77);
    await agree(4);
  });

  test("what Courier leaves out, .Trash and messages flagged T, we leave out as well", async () => {
    await mkdir(`${maildir.path}/.Trash/cur`, { recursive: true });
    await writeFile(`${maildir.path}/.Trash/cur/1.a:2,S`, "x");
    await writeFile(`${maildir.cur}/2.b:2,ST`, "xx");
    await giveToNobody(site.directory);
    // One that went to the trash by hand, so that we have to count when it seems full.
    for (let n = 2; n <= 12; n++) assert.equal(await send(message(String(n))), DELIVERED);
    const [newest = ""] = (await readdir(maildir.new)).slice(-1);
    await rename(`${maildir.new}/${newest}`, `${maildir.path}/.Trash/cur/${newest}:2,`);
    assert.equal(await send(message("fits")), DELIVERED);
    await agree(12);
    assert.equal(await send(message("does not")), FULL);
    // The one flagged T was not in the sum, and leaves none.
    await collect(1);
    await agree(12);
  });

  test("the warning that deliverquota adds is in the sum", async () => {
    await writeFile(`${site.directory}/warning`, message("you have a lot of mail"));
    assert.equal(
      await deliver(message("two", KIB.repeat(8)), ["-w", "50", "-W", `${site.directory}/warning`]),
      0,
    );
    assert.equal(await send(message("four")), DELIVERED);
    await agree(4);
  });
});
