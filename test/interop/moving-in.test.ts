/**
 * Moving in from Dovecot and from Courier: the unique-ids that the real ones gave to the messages of a Maildir are those that
 * pop3d gives, whatever has become of the messages since, and whoever goes on working on them.
 */
import assert from "node:assert/strict";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, test } from "node:test";
import { FsyncDurable } from "../../shared/durable.js";
import { createMaildir } from "../../shared/maildir/create.js";
import type { Maildir } from "../../shared/maildir/maildir.js";
import { PASSWORD, type Pop3d, Site } from "../daemons/site.js";
import { without } from "../peers.js";
import { Dialogue } from "./dialogue.js";
import { DOVECOT_POP3, dovecotImap, dovecotPop3, type MailServer } from "./dovecot.js";
import { COURIER_POP3, courierPop3, idsBySubject } from "./former-servers.js";

let site: Site;
let maildir: Maildir;
const running: Pop3d[] = [];

beforeEach(async () => {
  site = await Site.make(["alice"]);
  maildir = site.maildir("alice");
  await createMaildir(maildir, new FsyncDurable());
  // Some that smtpd has delivered, and some of other programs.
  for (const subject of ["one", "two", "three"]) await deliver(subject);
  await put("new/1700000001.4711_1.host", "four");
  await put("cur/1700000002.M5P6V0000000000000902I0000000000123456_0.host,S=17:2,S", "five");
  await put("cur/1700000003.M7P8.host:2,", "six");
  await put("cur/1700000004.9.host,U=7:2,FS", "seven");
});
afterEach(async () => {
  for (const { daemon } of running.splice(0)) await daemon.stop();
  await site?.remove();
});

const FORMATS = [
  "%08Xu%08Xv",
  "%u.%v",
  "%v-%u",
  "UID%u-%v",
  "%f",
  "%g",
  "%Xu%Xv",
  "%XUv.%010u",
  "%10u.%3v.%.4f%5.0g",
  "%5.3f-%u",
  "%Lf%%%UXu",
  "%.20Uf%0u%00v",
];

describe("from Dovecot", { skip: without("doveadm", DOVECOT_POP3) }, () => {
  for (const format of FORMATS) {
    test(`whose pop3_uidl_format is ${format}`, async () => {
      const before = await idsBySubject(dovecot(format));
      assert.equal(before.size, 7);
      assert.deepEqual(await idsBySubject(await pop3d(`dovecot:${format}`)), before);
    });
  }

  test("with unique-ids that it has stored, before it made any by its format", async () => {
    const format = "%08Xu%08Xv";
    await idsBySubject(dovecot(format));
    const list = `${maildir.path}/dovecot-uidlist`;
    const text = await readFile(list, "latin1");
    // As its migration from yet another server writes them: P is a unique-id, empty for the base name, G a GUID.
    const stored = ["Pold-1 ", "P ", "O3 Pold:3 ", "Gaguid ", ""];
    let message = 0;
    await writeFile(
      list,
      text.replace(/(?<=^\d+ )/gm, (at) => (at === "" ? (stored[message++ - 1] ?? "") : at)),
    );
    await rm(`${maildir.path}/dovecot.index`, { force: true });
    for (const uidl of [format, "%g"]) {
      const before = await idsBySubject(dovecot(uidl));
      assert.ok([...before.values()].includes("old:3"), [...before].join());
      assert.deepEqual(await idsBySubject(await pop3d(`dovecot:${uidl}`)), before);
      await rm(`${maildir.path}/pillarbox-uniqueids`);
    }
  });

  test("which goes on working on the messages, and lists new ones", async () => {
    const format = "%08Xu%08Xv";
    const imap = dovecotImap(site.directory, maildir);
    const before = await idsBySubject(dovecot(format));
    await imap([
      "a SELECT INBOX",
      "b STORE 2 +FLAGS (\\Flagged kw)",
      "c STORE 3 +FLAGS (\\Deleted)",
      "d LOGOUT",
    ]);
    await imap(["a SELECT INBOX", "b EXPUNGE", "c LOGOUT"]);
    await deliver("eight");

    // It has expunged one, and never heard of the eighth.
    const pop3 = await pop3d(`dovecot:${format}`);
    const first = await idsBySubject(pop3);
    assert.equal(first.size, 7);
    const eight = first.get("eight") ?? "";
    assert.match(eight, /^\d+\.M\d+P/);
    for (const [subject, id] of first)
      if (subject !== "eight") assert.equal(id, before.get(subject), subject);

    // Now it has; and of the ninth as well, before pop3d has.
    await deliver("nine");
    await imap([
      "a SELECT INBOX",
      "b STORE 1:* +FLAGS (\\Seen)",
      "c FETCH 1:* (UID RFC822.SIZE)",
      "d LOGOUT",
    ]);
    const nine = (await idsBySubject(dovecot(format))).get("nine");
    assert.notEqual((await idsBySubject(dovecot(format))).get("eight"), eight);
    assert.deepEqual(await idsBySubject(pop3), new Map([...first, ["nine", nine]]));

    // Nor does it matter what becomes of the list, or that mbsync puts numbers into names.
    await rm(`${maildir.path}/dovecot-uidlist`);
    await rename(`${maildir.cur}/1700000004.9.host,U=7:2,FS`, `${maildir.cur}/1700000004.9.host,U=12:2,FS`);
    await deliver("ten");
    const last = await idsBySubject(pop3);
    last.delete("ten");
    assert.deepEqual(last, new Map([...first, ["nine", nine]]));
  });

  test("after days on which both were in use", async () => {
    const format = "%u.%v";
    await idsBySubject(dovecot(format));
    const pop3 = await pop3d(`dovecot:${format}`);
    await idsBySubject(pop3);
    await deliver("eight");
    const both = await idsBySubject(dovecot(format));
    assert.deepEqual(await idsBySubject(pop3), both);
  });
});

describe("from Courier", { skip: without(COURIER_POP3) }, () => {
  test("as it is", async () => {
    const courier = courierPop3(site.directory, maildir);
    const before = await idsBySubject(courier);
    assert.equal(before.size, 7);
    await deliver("eight");
    const pop3 = await pop3d("courier");
    const first = await idsBySubject(pop3);
    assert.match(first.get("eight") ?? "", /^\d+\.M\d+P/);
    assert.deepEqual(first, new Map([...before, ["eight", first.get("eight") ?? ""]]));

    // Courier numbers the eighth, and drops one that it has deleted.
    await courier(["DELE 1", "QUIT"]);
    const second = await idsBySubject(pop3);
    assert.equal(second.size, 7);
    for (const [subject, id] of second) assert.equal(id, first.get(subject), subject);
  });

  test("with a list of an older version, in which some messages have no number", async () => {
    const courier = courierPop3(site.directory, maildir);
    await idsBySubject(courier);
    const list = `${maildir.path}/courierpop3dsizelist`;
    const [, ...lines] = (await readFile(list, "latin1")).trimEnd().split("\n");
    const old = lines.map((line, i) =>
      line.replace(/ \d+:(\d+):0$/, i === 0 ? " 0:0" : i === 1 ? " 5:0" : ` ${i + 5}:$1`),
    );
    await writeFile(list, `/2 99 1795317347\n${old.join("\n")}\n`);
    const before = await idsBySubject(courier);
    assert.ok([...before.values()].includes("UID5"), [...before.values()].join());
    // Courier has written its own version again; the old one must do as well.
    await writeFile(list, `/2 99 1795317347\n${old.join("\n")}\n`);
    assert.deepEqual(await idsBySubject(await pop3d("courier")), before);
  });
});

function dovecot(format: string): MailServer {
  return dovecotPop3(site.directory, maildir, { pop3_uidl_format: format });
}

/** Starts pop3d with the unique-ids of a former server. */
async function pop3d(uniqueId: string): Promise<MailServer> {
  const tables = `[maildrop]\nunique_id = "${uniqueId}"\n`;
  const started = await site.pop3d({ tables });
  running.push(started);
  return async (commands) => {
    const pop3 = await Dialogue.connect(started.pop3);
    await pop3.expect(/^\+OK/);
    await pop3.command("USER alice", /^\+OK/);
    await pop3.command(`PASS ${PASSWORD}`, /^\+OK/);
    let output = "";
    for (const command of commands) {
      await pop3.command(command, /^\+OK/);
      if (command !== "QUIT") output += await pop3.multiline();
    }
    await pop3.closed();
    return output;
  };
}

async function deliver(subject: string): Promise<void> {
  await site.deliver("alice", `Subject: ${subject}\n\nHello\n`);
}

async function put(path: string, subject: string): Promise<void> {
  await writeFile(`${maildir.path}/${path}`, `Subject: ${subject}\n\nx\n`);
}
