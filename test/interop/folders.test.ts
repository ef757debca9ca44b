/** Maildir++ folders beside Dovecot's imapd: what POP3 trashes is in its Trash, and what it files can be collected by POP3. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { PASSWORD, Site } from "../daemons/site.js";
import { without } from "../peers.js";
import { Dialogue } from "./dialogue.js";
import { dovecotImap } from "./dovecot.js";

const SKIP = { skip: without("doveadm"), timeout: 60_000 };

test(
  "Dovecot's imapd finds in Trash what POP3 has deleted, flagged \\Deleted, and knows the folder",
  SKIP,
  async (t) => {
    const { site, pop3 } = await started(t, 'deletion = "trash"');
    const session = await loggedIn(pop3);
    await session.command("RETR 2", /^\+OK/);
    await session.multiline();
    await session.command("DELE 1", /^\+OK/);
    await session.command("DELE 2", /^\+OK/);
    await session.command("QUIT", /^\+OK/);

    const imap = dovecotImap(site.directory, site.maildir("alice"));
    const seen = await imap([
      'a LIST "" "*"',
      "b EXAMINE Trash",
      "c FETCH 1:* (FLAGS RFC822.SIZE BODY.PEEK[HEADER.FIELDS (SUBJECT)])",
      "d EXAMINE INBOX",
      "e LOGOUT",
    ]);
    assert.match(seen, /^\* LIST .* "?Trash"?\r$/m);
    const [trash = "", inbox = ""] = seen.split(/^b OK /m);
    assert.match(trash, /\* 2 EXISTS/);
    assert.match(inbox, /\* 1 EXISTS/);
    const flags = new Map(
      [...inbox.matchAll(/FETCH \(FLAGS \(([^)]*)\).*?Subject: (\w+)/gs)].map(([, flags, subject]) => [
        subject,
        flags,
      ]),
    );
    assert.match(flags.get("first") ?? "", /\\Deleted/);
    assert.doesNotMatch(flags.get("first") ?? "", /\\Seen/);
    assert.match(flags.get("second") ?? "", /\\Deleted.*\\Seen|\\Seen.*\\Deleted/);

    // What is restored there is back here, and what is expunged there is gone.
    await imap(["a SELECT Trash", "b STORE 1 -FLAGS (\\Deleted)", "c MOVE 1 INBOX", "d EXPUNGE", "e LOGOUT"]);
    const again = await loggedIn(pop3);
    await again.command("STAT", /^\+OK 2 /);
    await again.command("QUIT", /^\+OK/);
    assert.match(await imap(["a EXAMINE Trash", "b LOGOUT"]), /\* 0 EXISTS/);
  },
);

test("what Dovecot's imapd files while a session is open is another message to the next", SKIP, async (t) => {
  const { site, pop3 } = await started(t, 'folders = ["", ".Spam"]');
  const before = await loggedIn(pop3);
  const ids = await uniqueIds(before);
  const imap = dovecotImap(site.directory, site.maildir("alice"));
  await imap(["a CREATE Spam", "b SELECT INBOX", "c MOVE 1 Spam", "d LOGOUT"]);
  // It is not in the folder where it was; what somebody has filed meanwhile is not ours to delete.
  await before.command("RETR 1", /^-ERR/);
  await before.command("DELE 1", /^\+OK/);
  await before.command("QUIT", /^\+OK/);

  const after = await loggedIn(pop3);
  const now = await uniqueIds(after);
  assert.equal(now.length, 3);
  assert.deepEqual(now.slice(1).map(idOf), ids.slice(1).map(idOf));
  assert.notEqual(idOf(now[0]), idOf(ids[0]));
  await after.command("RETR 1", /^\+OK/);
  assert.match((await after.multiline()).toString(), /^Subject: first\r$/m);
  // Flagged in its folder meanwhile, and found there.
  await imap(["a SELECT Spam", "b STORE 1 +FLAGS (\\Flagged)", "c LOGOUT"]);
  await after.command("TOP 1 0", /^\+OK/);
  await after.multiline();
  await after.command("QUIT", /^\+OK/);
  const spam = await imap(["a EXAMINE Spam", "b FETCH 1 (FLAGS)", "c LOGOUT"]);
  assert.match(spam, /FLAGS \((?=[^)]*\\Flagged)(?=[^)]*\\Seen)/, "flagged by both");

  const last = await loggedIn(pop3);
  assert.deepEqual((await uniqueIds(last)).map(idOf), now.map(idOf));
  await last.command("DELE 1", /^\+OK/);
  await last.command("QUIT", /^\+OK/);
  assert.match(await imap(["a EXAMINE Spam", "b LOGOUT"]), /\* 0 EXISTS/);
});

async function started(t: TestContext, maildrop: string): Promise<{ site: Site; pop3: number }> {
  const site = await Site.make(["alice"]);
  t.after(() => site.remove());
  for (const subject of ["first", "second", "third"])
    await site.deliver("alice", `From: bob@x.test\nSubject: ${subject}\n\nHello\n`);
  const { daemon, pop3 } = await site.pop3d({ tables: `[maildrop]\n${maildrop}\n` });
  t.after(() => daemon.kill());
  return { site, pop3 };
}

async function loggedIn(port: number): Promise<Dialogue> {
  const pop3 = await Dialogue.connect(port);
  await pop3.expect(/^\+OK/);
  await pop3.command("USER alice", /^\+OK/);
  await pop3.command(`PASS ${PASSWORD}`, /^\+OK/);
  return pop3;
}

async function uniqueIds(pop3: Dialogue): Promise<string[]> {
  await pop3.command("UIDL", /^\+OK/);
  return (await pop3.multiline()).toString().split("\r\n").filter(Boolean);
}

function idOf(listing = ""): string {
  return listing.replace(/^\d+ /, "");
}
