/**
 * smtpd killed with SIGKILL: at each step of a delivery (strace delivers the signal as the system call begins), in the
 * middle of a message, and at any moment under load. What was acknowledged is there, whole, once; what was not is
 * absent or whole; the next start goes on.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { FsyncDurable } from "../../shared/durable.js";
import { parseName } from "../../shared/maildir/name.js";
import { foldersAt, makeFolders } from "../../smtpd/queue/folders.js";
import { DOMAIN, Site } from "../daemons/site.js";
import { Dialogue } from "../interop/dialogue.js";
import { without } from "../peers.js";
import { CALLS_MAX, killedAt } from "./trace.js";

let site: Site;
beforeEach(async () => {
  site = await siteWithQueue();
});
afterEach(() => site.remove());

// Two Maildirs and the directories above them, each made and synced; two files, two renames, two syncs of new/.
for (const [call, least] of [
  ["mkdir", 9],
  ["fsync", 13],
  ["rename", 2],
] as const) {
  test(`at each ${call} of a delivery to two mailboxes`, { skip: without("strace") }, async () => {
    for (let step = 1; step < CALLS_MAX; step++) {
      const { daemon, mx } = await site.smtpd(killedAt(call, step));
      const acknowledged = await send(mx, "killed", ["alice", "bob"]);
      const exit = await daemon.stop();
      for (const user of ["alice", "bob"]) {
        const found = await wholeMessages(user, "killed");
        assert.ok(found === 1 || (found === 0 && !acknowledged), `${call} ${step}: ${found} for ${user}`);
      }
      if (exit.signal !== "SIGKILL") {
        assert.equal(acknowledged, true);
        assert.ok(step > least, `killed at ${step - 1} calls`);
        return;
      }
      assert.equal(acknowledged, false);
      const next = await site.smtpd();
      assert.equal(await send(next.mx, "after", ["alice"]), true, "the next start goes on");
      await next.daemon.stop();
      assert.equal(await wholeMessages("alice", "after"), 1);
      await site.remove();
      site = await siteWithQueue();
    }
    assert.fail("the delivery has no end");
  });
}

test("in the middle of a message, small or large", async () => {
  for (const octets of [100, 1_000_000]) {
    const { daemon, mx } = await site.smtpd();
    const smtp = await begun(mx, ["alice"]);
    await smtp.command("DATA", /^354/);
    smtp.send(`Subject: half\r\n\r\n${`${"x".repeat(98)}\r\n`.repeat(octets / 100)}`);
    // A whole session after it, so that what was sent before has been read.
    assert.equal(await send(mx, `beside-${octets}`, ["bob"]), true);
    await daemon.kill();
    await smtp.closed();
    assert.equal(await wholeMessages("alice", "half"), 0);
    assert.equal(await wholeMessages("bob", `beside-${octets}`), 1);
  }
});

test("at any moment under load: nothing acknowledged is lost, nothing is partial", async () => {
  const acknowledged: string[] = [];
  let sent = 0;
  for (let round = 0; round < 6; round++) {
    const { daemon, mx } = await site.smtpd();
    const goal = acknowledged.length + 20 + round * 17;
    const clients = Array.from({ length: 10 }, async () => {
      for (;;) {
        const subject = `load-${++sent}`;
        if (!(await send(mx, subject, ["alice"]).catch(() => false))) return;
        acknowledged.push(subject);
        if (acknowledged.length >= goal) daemon.signal("SIGKILL");
      }
    });
    await Promise.all(clients);
    await daemon.kill();
  }
  const subjects = new Map<string, number>();
  for (const { name, content } of await site.messages("alice")) {
    assert.equal(parseName(name).size, content.length, name);
    const [subject = ""] = /(?<=^Subject: ).*/m.exec(content.toString()) ?? [];
    subjects.set(subject, (subjects.get(subject) ?? 0) + 1);
    assert.ok(content.toString().endsWith(`end of ${subject}\n`));
  }
  for (const subject of acknowledged) assert.equal(subjects.get(subject), 1, subject);
  for (const [subject, count] of subjects) assert.equal(count, 1, subject);
});

/** Where smtpd has run before: what makes the queue's folders is not what is killed for. */
async function siteWithQueue(): Promise<Site> {
  const made = await Site.make(["alice", "bob"]);
  await makeFolders(foldersAt(`${made.directory}/state/queue`), new FsyncDurable());
  return made;
}

/** How often a message with this subject lies in the Maildir; each must be whole. */
async function wholeMessages(user: string, subject: string): Promise<number> {
  const messages = (await site.messages(user)).filter(({ content }) =>
    content.includes(`Subject: ${subject}\n`),
  );
  for (const { name, content } of messages) {
    assert.equal(parseName(name).size, content.length, name);
    assert.ok(content.toString().endsWith(`end of ${subject}\n`), name);
  }
  return messages.length;
}

/** Sends a message; true when it was acknowledged, false when the connection broke before. */
async function send(port: number, subject: string, users: readonly string[]): Promise<boolean> {
  try {
    const smtp = await begun(port, users);
    await smtp.command("DATA", /^354/);
    await smtp.command(`Subject: ${subject}\r\n\r\nend of ${subject}\r\n.`, /^250 /);
    smtp.destroy();
    return true;
  } catch (error) {
    // A reply that is not the one expected is no broken connection.
    if (error instanceof assert.AssertionError) throw error;
    return false;
  }
}

async function begun(port: number, users: readonly string[]): Promise<Dialogue> {
  const smtp = await Dialogue.connect(port);
  await smtp.expect(/^220/);
  await smtp.command("EHLO client.test", /^250/);
  await smtp.command("MAIL FROM:<x@y.test>", /^250/);
  for (const user of users) await smtp.command(`RCPT TO:<${user}@${DOMAIN}>`, /^250/);
  return smtp;
}
