/**
 * Several processes change one Maildir at the same time: two smtpd deliver, pop3d removes, and Dovecot's and Courier's
 * programs deliver, too. No line is lost or mixed with another, and the sum is what lies there.
 */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { FsyncDurable } from "../../shared/durable.js";
import { createMaildir } from "../../shared/maildir/create.js";
import type { Maildir } from "../../shared/maildir/maildir.js";
import { DOMAIN, PASSWORD, Site } from "../daemons/site.js";
import { SmtpClient } from "../fakes/smtp-client.js";
import { giveToNobody, withoutNobody } from "../nobody.js";
import { without } from "../peers.js";
import { Client } from "../pop3d/client.js";
import {
  courierDeliver,
  DELIVERQUOTA,
  DOVECOT_LDA,
  DovecotQuota,
  lyingIn,
  QUOTA_PLUGIN,
  toldBy,
} from "./quota-peers.js";

const MESSAGE = "From: bob@x.test\nSubject: at once\n\nHello\n";
const DEFINITION = "100000000S";

let site: Site;
let maildir: Maildir;
const running: { stop(): Promise<unknown> }[] = [];

beforeEach(async () => {
  site = await Site.make(["alice"]);
  maildir = site.maildir("alice");
  await createMaildir(maildir, new FsyncDurable());
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((daemon) => daemon.stop()));
  await site?.remove();
});

/** The daemons, as the owner of the mail, and ways to send through each smtpd and to empty the maildrop. */
async function start() {
  const rule = `userdb_quota_rule=*:backend=${DEFINITION}`;
  await writeFile(join(site.directory, "users"), `alice@${DOMAIN}:{PLAIN}${PASSWORD}::::::${rule}\n`);
  await giveToNobody(site.directory);
  const who = { user: "nobody" };
  const [one, two, pop3d] = [
    await site.smtpd(who),
    await site.smtpd({ ...who, state: "state-of-two" }),
    await site.pop3d(who),
  ];
  running.push(one.daemon, two.daemon, pop3d.daemon);
  return {
    senders: [one, two].map(({ mx }) => {
      return (messages: number) => send(mx, messages);
    }),
    empty: () => empty(pop3d.pop3),
  };
}

/** Puts a file in place, as the owner of the mail. */
async function giveFile(text: string): Promise<void> {
  await writeFile(`${maildir.path}/maildirsize`, text);
  await giveToNobody(site.directory);
}

/** Sends messages one after the other. */
async function send(port: number, messages: number): Promise<void> {
  const client = await SmtpClient.greeted(port);
  for (let sent = 0; sent < messages; sent++) {
    assert.deepEqual(await client.envelope(undefined, `<alice@${DOMAIN}>`), ["250 2.1.0", "250 2.1.5"]);
    assert.equal(await client.data(`${MESSAGE.replaceAll("\n", "\r\n")}.\r\n`), "250 2.0.0");
  }
  client.end();
}

/** Removes what is there by now by POP3; resolves to how much that was. */
async function empty(port: number): Promise<number> {
  const client = await Client.loggedIn(port);
  const [, count = ""] = (await client.command("STAT", "+OK")).split(" ");
  for (let number = 1; number <= Number(count); number++) await client.command(`DELE ${number}`, "+OK");
  await client.command("QUIT", "+OK");
  await client.rest();
  return Number(count);
}

test("two smtpd and a pop3d, while the file has to be counted anew again and again", {
  skip: withoutNobody(),
}, async () => {
  const { senders, empty } = await start();
  let sent = 0;
  let removed = 0;
  let known = 0;
  for (let round = 0; round < 8; round++) {
    // So large that a few lines more make everybody count.
    const { octets, messages } = await lyingIn(maildir);
    await giveFile(`${DEFINITION}\n${octets} ${messages}\n${"0 0\n".repeat(1268)}`);
    const emptying = round % 2 ? [empty().then((count) => (removed += count))] : [];
    await Promise.all([...senders.flatMap((sender) => [sender(8), sender(8), sender(8)]), ...emptying]);
    sent += 48;

    const there = await lyingIn(maildir);
    assert.equal(there.messages + removed, sent);
    const told = await toldBy(maildir);
    // Who comes next counts, when it grew too large with the last lines.
    if (told === undefined) continue;
    assert.deepEqual(told, there);
    known++;
  }
  assert.ok(known > 0);
});

test("with dovecot-lda and deliverquota beside them", {
  skip: without("doveadm", DOVECOT_LDA, QUOTA_PLUGIN, DELIVERQUOTA) || withoutNobody(),
}, async () => {
  const { senders, empty } = await start();
  await giveFile(`${DEFINITION}\n0 0\n`);
  const dovecot = await DovecotQuota.make(site.directory, maildir, `*:backend=${DEFINITION}`);
  let removed = 0;
  for (let round = 0; round < 3; round++) {
    await Promise.all([
      ...senders.flatMap((sender) => [sender(1), sender(1), sender(1)]),
      ...Array.from({ length: 3 }, async () => assert.equal(await dovecot.deliver(MESSAGE), 0)),
      ...Array.from({ length: 3 }, async () =>
        assert.equal(await courierDeliver(site.directory, maildir, MESSAGE), 0),
      ),
      empty().then((count) => (removed += count)),
    ]);
    const there = await lyingIn(maildir);
    assert.equal(there.messages + removed, 12 * (round + 1));
    assert.deepEqual(await toldBy(maildir), there);
  }
  assert.equal(await dovecot.messages(), (await lyingIn(maildir)).messages);
});
