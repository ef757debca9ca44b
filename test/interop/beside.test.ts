/**
 * Other programs work on the Maildir while a POP3 session is open: Dovecot's imapd lists, flags, moves and expunges;
 * mutt reads. The session goes on, its numbers and unique-ids stay, and RETR finds what was renamed.
 */
import assert from "node:assert/strict";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { PASSWORD, type Pop3d, Site } from "../daemons/site.js";
import { without } from "../peers.js";
import { Dialogue } from "./dialogue.js";
import { dovecotAnswers } from "./dovecot.js";
import { succeed } from "./run.js";

let site: Site;
let pop3d: Pop3d;
beforeEach(async () => {
  site = await Site.make(["alice"]);
  for (const subject of ["first", "second", "third"]) {
    await site.deliver(
      "alice",
      `From: bob@x.test
Subject: ${subject}

Hello
`,
    );
  }
  pop3d = await site.pop3d();
});
afterEach(async () => {
  await pop3d?.daemon.stop();
  await site?.remove();
});

test("Dovecot's imapd reads and flags while a POP3 session is open", {
  skip: without("doveadm"),
}, async () => {
  const pop3 = await loggedIn();
  const before = await uniqueIds(pop3);
  assert.equal(before.length, 3);

  const imap = await imapd([
    "a SELECT INBOX",
    "b FETCH 1:* (FLAGS RFC822.SIZE BODY[HEADER.FIELDS (SUBJECT)])",
    "c STORE 1 +FLAGS (\\Seen \\Flagged)",
    "d STORE 2 +FLAGS (\\Answered)",
    "e STORE 3 +FLAGS (\\Deleted)",
    "f EXPUNGE",
    "g LOGOUT",
  ]);
  assert.match(imap, /\* 3 EXISTS/);
  for (const tag of "abcdefg") assert.match(imap, new RegExp(`^${tag} OK `, "m"), imap);
  for (const subject of ["first", "second", "third"]) assert.match(imap, new RegExp(`Subject: ${subject}`));

  // All three have been renamed or removed under the session's feet.
  assert.deepEqual(await uniqueIds(pop3), before);
  await retrieves(pop3, 1, "first");
  await retrieves(pop3, 2, "second");
  await pop3.command("RETR 3", /^-ERR/);
  await pop3.command("DELE 3", /^\+OK/);
  await pop3.command("DELE 2", /^\+OK/);
  await pop3.command("QUIT", /^\+OK/);

  const left = await readdir(site.maildir("alice").cur);
  assert.equal(left.length, 1);
  assert.match(left[0] ?? "", /:2,FS$/);
  const again = await loggedIn();
  assert.deepEqual(await uniqueIds(again), before.slice(0, 1));
  await again.command("QUIT", /^\+OK/);

  const afterwards = await imapd(["a SELECT INBOX", "b FETCH 1:* (FLAGS)", "c LOGOUT"]);
  assert.match(afterwards, /\* 1 FETCH \(FLAGS \([^)]*\\Flagged[^)]*\)\)/);
});

test("sizes that Dovecot announces are those of pop3d", { skip: without("doveadm") }, async () => {
  const pop3 = await loggedIn();
  await pop3.command("LIST", /^\+OK/);
  const listed = (await pop3.multiline()).toString().match(/\d+(?=\r\n)/g);
  await pop3.command("QUIT", /^\+OK/);
  const imap = await imapd(["a SELECT INBOX", "b FETCH 1:* (RFC822.SIZE)", "c LOGOUT"]);
  assert.deepEqual(imap.match(/(?<=RFC822\.SIZE )\d+/g), listed);
});

test("a message whose sizes Dovecot takes out of its name stays the same message", {
  skip: without("doveadm"),
}, async () => {
  const { cur } = site.maildir("alice");
  // It does so when it has found W= wrong.
  await writeFile(join(cur, "1.misnamed,S=15,W=99:2,"), "Subject: odd\n\nx");
  const pop3 = await loggedIn();
  const before = await uniqueIds(pop3);
  assert.equal(before[0], "1 1.misnamed");
  await imapd(["a SELECT INBOX", "b FETCH 1 (BODY.PEEK[])", "c LOGOUT"]);
  assert.ok((await readdir(cur)).includes("1.misnamed,S=15:2,"), `${await readdir(cur)}`);

  await retrieves(pop3, 1, "odd");
  await pop3.command("QUIT", /^\+OK/);
  const again = await loggedIn();
  assert.deepEqual(await uniqueIds(again), before);
  await again.command("DELE 1", /^\+OK/);
  await again.command("QUIT", /^\+OK/);
  assert.ok(!(await readdir(cur)).some((name) => name.startsWith("1.misnamed")));
});

test("a message that Dovecot moves away and back is announced with the octets that are sent, whatever its name says", {
  skip: without("doveadm"),
}, async () => {
  const { cur, new: fresh } = site.maildir("alice");
  // As maildrop and Courier name a message.
  await writeFile(join(cur, "1.half,S=16:2,"), "Subject: odd\n\nx\n");
  await imapd([
    "a CREATE Other",
    "b SELECT INBOX",
    "c MOVE 1:* Other",
    "d SELECT Other",
    "e MOVE 1:* INBOX",
    "f LOGOUT",
  ]);
  const [name = ""] = (await readdir(fresh)).filter((name) => name.includes(",S=16"));
  assert.match(name, /,S=16,W=16/, "Dovecot is right by now, and this test has nothing to say");
  const pop3 = await loggedIn();
  const listed = await uniqueIds(pop3);
  const number = listed.find((line) => line.endsWith(` ${name.split(",")[0]}`))?.split(" ")[0];
  await pop3.command(`LIST ${number}`, /^\+OK \d+ 19$/);
  await pop3.command("QUIT", /^\+OK/);
});

test("mutt opens the Maildir, reads and flags while a POP3 session is open", {
  skip: without("mutt", "script"),
}, async () => {
  const pop3 = await loggedIn();
  const before = await uniqueIds(pop3);

  // Opens the folder, shows the first message, marks the second as important, saves on leaving.
  const mutt = [
    ...[
      "mutt",
      "-n",
      "-F",
      "/dev/null",
      "-e",
      `set folder=${site.maildir("alice").path} mbox_type=Maildir quit=yes move=no wait_key=no delete=no prompt_after=no pager=cat`,
    ],
    ...["-f", site.maildir("alice").path],
    ...["-e", "push '<display-message><next-entry><flag-message><sync-mailbox><quit>'"],
  ];
  // It wants a terminal, which script(1) gives it.
  const command = mutt.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  await succeed("script", ["--quiet", "--return", "--command", command, "/dev/null"], {
    env: { TERM: "xterm", HOME: site.directory },
  });
  const names = [
    ...(await readdir(site.maildir("alice").new)),
    ...(await readdir(site.maildir("alice").cur)),
  ];
  assert.ok(
    names.some((name) => /:2,.*[FS]/.test(name)),
    `mutt has changed nothing: ${names.join(" ")}`,
  );

  assert.deepEqual(await uniqueIds(pop3), before);
  await retrieves(pop3, 1, "first");
  await retrieves(pop3, 2, "second");
  await retrieves(pop3, 3, "third");
  await pop3.command("QUIT", /^\+OK/);
  const again = await loggedIn();
  assert.deepEqual(await uniqueIds(again), before);
  await again.command("QUIT", /^\+OK/);
});

async function loggedIn(): Promise<Dialogue> {
  const pop3 = await Dialogue.connect(pop3d.pop3);
  await pop3.expect(/^\+OK/);
  await pop3.command("USER alice", /^\+OK/);
  await pop3.command(`PASS ${PASSWORD}`, /^\+OK/);
  return pop3;
}

async function uniqueIds(pop3: Dialogue): Promise<string[]> {
  await pop3.command("UIDL", /^\+OK/);
  return (await pop3.multiline()).toString().split("\r\n").filter(Boolean);
}

async function retrieves(pop3: Dialogue, number: number, subject: string): Promise<void> {
  await pop3.command(`RETR ${number}`, /^\+OK/);
  assert.match((await pop3.multiline()).toString(), new RegExp(`^Subject: ${subject}\r$`, "m"));
}

/** Runs IMAP commands in Dovecot's imap process; what it answers, be it NO. */
function imapd(commands: readonly string[]): Promise<string> {
  return dovecotAnswers("imap", site.directory, site.maildir("alice"), {}, commands);
}
