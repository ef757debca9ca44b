/**
 * The order of system calls under strace: for a delivery the file's sync, its rename into new/, the sync of new/, and only
 * then `250`; for a message that is sent the next host's `250`, the removal of its envelope, the sync of that, and only then the
 * removal of the message; for an UPDATE the unlink, the sync of its directory, and only then `+OK`; where deleted messages are
 * moved, the sync of where to before the sync of where from.
 */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { DOMAIN, PASSWORD, Site } from "../daemons/site.js";
import { Sink } from "../fakes/sink.js";
import { Dialogue } from "../interop/dialogue.js";
import { without } from "../peers.js";
import { recipient } from "../smtpd/queue/envelopes.js";
import { enqueued, filesOf } from "../smtpd/queue/queue-site.js";
import { queueOf } from "./queue-on-disk.js";
import { type Call, isRename, isSync, isUnlink, readTrace, strace, tells, theCall } from "./trace.js";

let site: Site;
beforeEach(async () => {
  site = await Site.make(["alice", "bob"]);
});
afterEach(() => site.remove());

test("a delivery to two mailboxes: files synced, renamed, directories synced, then 250", {
  skip: without("strace"),
}, async () => {
  const trace = join(site.directory, "trace");
  const { daemon, mx } = await site.smtpd({ wrapper: strace(trace) });
  await send(mx, ["alice", "bob"]);
  await daemon.stop();

  const calls = await readTrace(trace, daemon.pid);
  const told = theCall(calls, "250", tells("250 2.0.0 delivered"));
  const renames = calls.filter((call) => isRename(call) && call.args.includes("/tmp/"));
  assert.equal(renames.length, 2);
  for (const user of ["alice", "bob"]) {
    const { tmp, new: inbox } = site.maildir(user);
    const file = theCall(calls, "sync of the file", (call) => isSync(call) && call.args.includes(`<${tmp}/`));
    const rename = theCall(calls, "rename", (call) => isRename(call) && call.args.includes(`${tmp}/`));
    const directory = theCall(
      calls,
      "sync of new/",
      (call) => isSync(call) && call.args.includes(`<${inbox}>`),
    );
    for (const other of renames)
      assert.ok(file.ended < other.began, "every copy is synced before the first is renamed");
    assert.ok(rename.ended < directory.began, "new/ is synced after the rename");
    assert.ok(directory.ended < told.began, "250 comes last");
  }
});

test("a message for two mailboxes and another host: all staged, renamed, synced, then the envelope the same way, then 250", {
  skip: without("strace"),
}, async () => {
  const trace = join(site.directory, "trace");
  const tables = '[relay]\nnetworks = ["127.0.0.1"]\nsmarthost = "127.0.0.1:1"\n';
  const { daemon, mx } = await site.smtpd({ wrapper: strace(trace), tables });
  await send(mx, [`alice@${DOMAIN}`, `bob@${DOMAIN}`, "dave@elsewhere.test"]);
  await daemon.stop();

  const calls = await readTrace(trace, daemon.pid);
  const told = theCall(calls, "250", tells("250 2.0.0 queued"));
  const before = calls.filter(({ began }) => began < told.began);
  const queue = `${site.directory}/state/queue`;
  const isOfEnvelope = (call: Call) => call.args.includes(".envelope");
  const mailboxes = ["alice", "bob"].map((user) => site.maildir(user));
  const commits = [...mailboxes, { tmp: `${queue}/tmp`, new: `${queue}/new` }].map(({ tmp, new: inbox }) => ({
    file: theCall(
      before,
      "sync of the file",
      (call) => isSync(call) && call.args.includes(`<${tmp}/`) && !isOfEnvelope(call),
    ),
    rename: theCall(before, "rename", (call) => isRename(call) && call.args.includes(`${inbox}/`)),
    inbox,
  }));
  // The first ones: by the time of the 250 the sender may have written down its first attempt.
  const envelope = before.find((call) => isSync(call) && isOfEnvelope(call));
  const commit = before.find((call) => isRename(call) && isOfEnvelope(call));
  assert.ok(envelope && commit);
  for (const { file, rename, inbox } of commits) {
    for (const other of commits)
      assert.ok(file.ended < other.rename.began, "all are staged before any rename");
    const directory = before.find(
      (call) => isSync(call) && call.args.includes(`<${inbox}>`) && call.began > rename.ended,
    );
    assert.ok(directory !== undefined && directory.ended < commit.began, "new/ is synced before the commit");
  }
  assert.ok(envelope.ended < commit.began, "the envelope is synced before its rename");
  const last = before.find(
    (call) => isSync(call) && call.args.includes(`<${queue}/envelope>`) && call.began > commit.ended,
  );
  assert.ok(last !== undefined && last.ended < told.began, "250 comes last");
});

test("a large message is synced in the same order", { skip: without("strace") }, async () => {
  const trace = join(site.directory, "trace");
  const { daemon, mx } = await site.smtpd({ wrapper: strace(trace) });
  await send(mx, ["alice"], `${"x".repeat(900)}\r\n`.repeat(400));
  await daemon.stop();

  const calls = await readTrace(trace, daemon.pid);
  const { tmp, new: inbox } = site.maildir("alice");
  const lastWrite = calls.findLast((call) => call.name === "write" && call.args.includes(`<${tmp}/`));
  const file = theCall(calls, "sync of the file", (call) => isSync(call) && call.args.includes(`<${tmp}/`));
  const rename = theCall(calls, "rename", (call) => isRename(call) && call.args.includes(`${tmp}/`));
  const directory = theCall(
    calls,
    "sync of new/",
    (call) => isSync(call) && call.args.includes(`<${inbox}>`),
  );
  const told = theCall(calls, "250", tells("250 2.0.0 delivered"));
  const order = [
    lastWrite?.ended ?? Number.NaN,
    file.began,
    file.ended,
    rename.began,
    rename.ended,
    directory.began,
    directory.ended,
    told.began,
  ];
  assert.deepEqual(
    order,
    order.toSorted((a, b) => a - b),
  );
});

test("a message that is sent: its envelope is there until the next host has said so, removed, that synced, then the message", {
  skip: without("strace"),
}, async (t) => {
  const trace = join(site.directory, "trace");
  const queue = await queueOf(site);
  const { maildir, folders } = queue;
  const there: string[] = [];
  const sink = await Sink.start(t, {
    host: "127.0.0.2",
    script: {
      end: () => {
        // Long before it is said.
        setTimeout(() => there.push(...readdirSync(folders.envelope)), 100);
        return { octets: "250 2.0.0 taken\r\n", late: 200 };
      },
    },
  });
  const tables = `[[route]]\ndomain = "remote.test"\nhost = "[127.0.0.2]:${sink.port}"\ntls = "never"\n`;
  const { queueId } = await enqueued(queue, { recipients: [recipient("u@remote.test")] });
  const { daemon } = await site.smtpd({ tables, wrapper: strace(trace) });
  try {
    await daemon.logged(({ msg }) => msg === "sent");
  } finally {
    await daemon.stop();
  }
  assert.deepEqual(there, [`${queueId}.json`]);
  assert.deepEqual(await filesOf(maildir.path), []);

  const calls = await readTrace(trace, daemon.pid);
  const envelope = theCall(
    calls,
    "unlink of the envelope",
    (call) => isUnlink(call) && call.args.includes(`${folders.envelope}/`),
  );
  const directory = theCall(
    calls,
    "sync of envelope/",
    (call) => isSync(call) && call.args.includes(`<${folders.envelope}>`),
  );
  const message = theCall(
    calls,
    "unlink of the message",
    (call) => isUnlink(call) && call.args.includes(`${maildir.new}/`),
  );
  const order = [envelope.began, envelope.ended, directory.began, directory.ended, message.began];
  assert.deepEqual(
    order,
    order.toSorted((a, b) => a - b),
  );
});

test("an UPDATE: unlink, directory synced, then +OK", { skip: without("strace") }, async () => {
  const smtpd = await site.smtpd();
  await send(smtpd.mx, ["alice"]);
  await smtpd.daemon.stop();
  const [message] = await site.messages("alice");
  assert.ok(message);

  const trace = join(site.directory, "trace");
  const { daemon, pop3 } = await site.pop3d({ wrapper: strace(trace) });
  const session = await Dialogue.connect(pop3);
  await session.expect(/^\+OK/);
  await session.command("USER alice", /^\+OK/);
  await session.command(`PASS ${PASSWORD}`, /^\+OK/);
  await session.command("DELE 1", /^\+OK/);
  const bye = await session.command("QUIT", /^\+OK/);
  await daemon.stop();

  const calls = await readTrace(trace, daemon.pid);
  const unlink = theCall(calls, "unlink", (call) => isUnlink(call) && call.args.includes(message.name));
  const told = theCall(calls, "+OK", tells(bye));
  const { new: inbox } = site.maildir("alice");
  const synced = calls.some(
    (call) =>
      isSync(call) &&
      call.args.includes(`<${inbox}>`) &&
      call.began > unlink.ended &&
      call.ended < told.began,
  );
  assert.ok(synced, "new/ is synced between the unlink and +OK");
});

test("an UPDATE with trash: rename, .Trash/cur synced, then the folder that it left, then +OK", {
  skip: without("strace"),
}, async () => {
  await site.deliver("alice", "Subject: x\n\nhello\n");
  const [message] = await site.messages("alice");
  assert.ok(message);

  const trace = join(site.directory, "trace");
  const { daemon, pop3 } = await site.pop3d({
    tables: '[maildrop]\ndeletion = "trash"\n',
    wrapper: strace(trace),
  });
  const session = await Dialogue.connect(pop3);
  await session.expect(/^\+OK/);
  await session.command("USER alice", /^\+OK/);
  await session.command(`PASS ${PASSWORD}`, /^\+OK/);
  await session.command("DELE 1", /^\+OK/);
  const bye = await session.command("QUIT", /^\+OK/);
  await daemon.stop();

  const calls = await readTrace(trace, daemon.pid);
  const { path, new: inbox } = site.maildir("alice");
  const rename = theCall(calls, "rename", (call) => isRename(call) && call.args.includes(message.name));
  const told = theCall(calls, "+OK", tells(bye));
  const syncOf = (directory: string, after: number) =>
    calls.find((call) => isSync(call) && call.args.includes(`<${directory}>`) && call.began > after);
  const mark = calls.find((call) => isSync(call) && call.args.includes("/.Trash/maildirfolder>"));
  assert.ok(mark !== undefined && mark.ended < rename.began, "the folder is durable before the move");
  assert.ok(calls.some((call) => isSync(call) && call.args.includes(`<${path}>`) && call.ended < mark.began));
  const to = syncOf(`${path}/.Trash/cur`, rename.ended);
  assert.ok(to, ".Trash/cur is synced after the move");
  const from = syncOf(inbox, to.ended);
  assert.ok(from, "new/ is synced after .Trash/cur");
  assert.ok(from.ended < told.began, "+OK comes last");
});

async function send(port: number, users: readonly string[], body = "hello\r\n"): Promise<void> {
  const smtp = await Dialogue.connect(port);
  await smtp.expect(/^220/);
  await smtp.command("EHLO client.test", /^250/);
  await smtp.command("MAIL FROM:<x@y.test>", /^250/);
  for (const user of users)
    await smtp.command(`RCPT TO:<${user.includes("@") ? user : `${user}@${DOMAIN}`}>`, /^250/);
  await smtp.command("DATA", /^354/);
  await smtp.command(`Subject: x\r\n\r\n${body}.`, /^250 /);
  await smtp.command("QUIT", /^221/);
}
