/** Messages received into real Maildirs: what lies there afterwards, and that trouble leaves nothing. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import pino from "pino";
import type { Account } from "../../../shared/accounts/account.js";
import { parseMailbox } from "../../../shared/address.js";
import { type Durable, FsyncDurable } from "../../../shared/durable.js";
import { TmpCleaner } from "../../../shared/maildir/clean.js";
import { maildirAt } from "../../../shared/maildir/maildir.js";
import { parseName, uniqueNames } from "../../../shared/maildir/name.js";
import type { Envelope, IncomingMessage, SessionFacts } from "../../../smtpd/protocol/receiver.js";
import type { Reply } from "../../../smtpd/protocol/reply.js";
import { parseAliases } from "../../../smtpd/receive/aliases.js";
import { type Destination, MailReceiver } from "../../../smtpd/receive/receiver.js";
import { FailingDurable, failAtStep } from "../../fakes/failing-durable.js";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "pillarbox-receive-"));
});
afterEach(async () => {
  await chmod(root, 0o700);
  await rm(root, { recursive: true, force: true });
});

const session: SessionFacts = {
  role: "mx",
  localAddress: "192.0.2.1",
  remoteAddress: "192.0.2.7",
  helo: "client.example.com",
  esmtp: true,
  tls: undefined,
  account: undefined,
  log: pino({ level: "silent" }),
};

function accountOf(address: string): Account {
  const home = `${root}/${address}`;
  return { address, password: "{PLAIN}x", home, maildir: maildirAt(`${home}/Maildir`), extra: new Map() };
}

function receiver(durable: Durable = new FsyncDurable(), headerSizeMax = 64 * 1024): MailReceiver {
  const accounts = new Map(
    ["alice", "bob", "carol"].map((name) => [`${name}@us.example`, accountOf(`${name}@us.example`)]),
  );
  const { aliases } = parseAliases("team: alice, bob, carol", "us.example");
  return new MailReceiver({
    hostname: "mail.us.example",
    headerSizeMax,
    directory: () => ({
      domains: new Set(["us.example"]),
      defaultDomain: "us.example",
      accounts: {
        size: accounts.size,
        find: (address) => accounts.get(address),
        all: () => accounts.values(),
      },
      aliases,
    }),
    authenticator: {
      takesTokens: false,
      authenticate: async () => ({ kind: "refused" }),
      authenticateToken: async () => ({ kind: "refused" }),
    },
    durable,
    uniqueName: uniqueNames("mail.us.example", process.pid, Date.now),
    cleaner: new TmpCleaner(Date.now),
    now: () => Date.UTC(2026, 10, 22, 8),
  });
}

async function accept(
  to: readonly string[],
  of: MailReceiver,
  facts: SessionFacts = session,
): Promise<IncomingMessage> {
  const envelope: Envelope<Destination> & { recipients: Envelope<Destination>["recipients"][number][] } = {
    reversePath: {
      mailbox: parseMailbox("sender@them.example"),
      size: undefined,
      body: "8BITMIME",
      smtputf8: false,
    },
    recipients: [],
  };
  for (const address of to) {
    const mailbox = parseMailbox(address);
    assert.ok(mailbox);
    const answer = await of.rcpt(facts, envelope, { mailbox });
    assert.ok(answer.kind === "accepted", address);
    envelope.recipients.push({ forwardPath: { mailbox }, destination: answer.destination });
  }
  const answer = await of.data(facts, envelope);
  assert.ok(answer.kind === "accepted");
  return answer.message;
}

async function receive(
  message: string | Buffer,
  to: readonly string[],
  of: MailReceiver = receiver(),
  facts: SessionFacts = session,
): Promise<Reply> {
  const incoming = await accept(to, of, facts);
  const octets = Buffer.from(message);
  for (let start = 0; start < octets.length; start += 10_000)
    await incoming.write(octets.subarray(start, start + 10_000));
  return incoming.end();
}

async function stored(address: string): Promise<{ name: string; content: string }[]> {
  const { maildir } = accountOf(address);
  const names = await readdir(maildir.new).catch((): string[] => []);
  return Promise.all(
    names.map(async (name) => ({ name, content: await readFile(`${maildir.new}/${name}`, "latin1") })),
  );
}

/** Every file below the root, so that nothing can hide in a tmp/. */
async function filesLeft(): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

const MESSAGE = "From: a@them.example\nSubject: s\n\nHello\n";

test("a message lies whole in new/, under trace fields, with both sizes in its name", async () => {
  assert.equal((await receive(MESSAGE, ["alice@us.example"])).code, 250);
  const [only, ...others] = await stored("alice@us.example");
  assert.ok(only);
  assert.deepEqual(others, []);
  const top =
    "Return-Path: <sender@them.example>\nDelivered-To: alice@us.example\nReceived: from client.example.com (";
  assert.ok(only.content.startsWith(top));
  assert.ok(only.content.endsWith(`+0000\n${MESSAGE}`));
  const { size, wireSize } = parseName(only.name);
  assert.equal(size, only.content.length);
  assert.equal(wireSize, only.content.replaceAll("\n", "\r\n").length);
  assert.deepEqual(await readdir(accountOf("alice@us.example").maildir.tmp), []);
});

for (const [what, octets] of [
  ["small", 1000],
  ["large", 500_000],
] as const) {
  test(`a ${what} message for several mailboxes is one message on each, the same below the trace fields`, async () => {
    const message = `${MESSAGE}${"0123456789abcde\n".repeat(octets / 16)}`;
    const reply = await receive(message, ["team@us.example", "alice@us.example", "BOB+x@us.example"]);
    assert.equal(reply.code, 250);
    for (const name of ["alice", "bob", "carol"]) {
      const found = await stored(`${name}@us.example`);
      assert.equal(found.length, 1);
      assert.ok(found[0]?.content.includes(`\nDelivered-To: ${name}@us.example\n`));
      assert.ok(found[0]?.content.endsWith(`+0000\n${message}`));
      assert.equal(parseName(found[0]?.name ?? "").size, found[0]?.content.length);
    }
    assert.equal((await filesLeft()).length, 3);
  });
}

test("an empty message, a message without a header and one without a final blank line keep their octets", async () => {
  for (const message of ["", "Hello, no header\n", "\nbody\n", "Subject: x\n"]) {
    assert.equal((await receive(message, ["alice@us.example"])).code, 250);
  }
  const contents = (await stored("alice@us.example"))
    .map(({ content }) => content.split("+0000\n")[1])
    .sort();
  assert.deepEqual(contents, ["", "\nHello, no header\n", "\nbody\n", "Subject: x\n"]);
});

test("missing Date, Message-ID and From are added in submission, and in submission only", async () => {
  const submission = { ...session, role: "submission" as const, account: accountOf("alice@us.example") };
  await receive("Subject: x\n\n", ["bob@us.example"], receiver(), submission);
  await receive("Subject: x\n\n", ["carol@us.example"]);
  const [repaired] = await stored("bob@us.example");
  assert.match(
    repaired?.content ?? "",
    /\nDate: Sun, 22 Nov 2026 08:00:00 \+0000\nFrom: sender@them\.example\nMessage-ID: <[0-9A-Z]+@mail\.us\.example>\nSubject: x\n\n$/,
  );
  const [untouched] = await stored("carol@us.example");
  assert.ok(!/^(Date|From|Message-ID):/m.test(untouched?.content ?? ""));
});

test("fields that are there are not added again", async () => {
  const submission = { ...session, role: "submission" as const, account: accountOf("alice@us.example") };
  const message = "date: x\nFROM: y\nMessage-Id: z\n\n";
  await receive(message, ["bob@us.example"], receiver(), submission);
  assert.ok((await stored("bob@us.example"))[0]?.content.endsWith(`+0000\n${message}`));
});

const loops: readonly (readonly [string, string])[] = [
  ["51 Received fields", `${"Received: x\n".repeat(51)}\n`],
  ["a Delivered-To of the recipient", "Delivered-To: Bob@us.example\n\n"],
];
for (const [what, message] of loops) {
  test(`${what} end a loop with 5.4.6, and leave nothing`, async () => {
    const reply = await receive(message, ["alice@us.example", "bob@us.example"]);
    assert.deepEqual([reply.code, reply.status], [554, "4.6"]);
    assert.deepEqual(await filesLeft(), []);
  });
}

test("50 Received fields and another's Delivered-To are no loop", async () => {
  const message = `${"Received: x\n".repeat(50)}Delivered-To: carol@us.example\n\n`;
  assert.equal((await receive(message, ["alice@us.example"])).code, 250);
});

test("a header above its limit is refused, and leaves nothing", async () => {
  const reply = await receive(`X: ${"y".repeat(70_000)}\n\n`, ["alice@us.example"]);
  assert.deepEqual([reply.code, reply.status], [552, "3.4"]);
  assert.deepEqual(await filesLeft(), []);
});

test("an abandoned message leaves nothing, small or large", async () => {
  for (const octets of [10, 500_000]) {
    const incoming = await accept(["team@us.example"], receiver());
    await incoming.write(Buffer.from(MESSAGE));
    await incoming.write(Buffer.alloc(octets, "x"));
    await incoming.abandon();
  }
  assert.deepEqual(await filesLeft(), []);
});

test("a mailbox that cannot be written defers the whole message before any is delivered", async () => {
  // A file where the home should be: no right in the world makes a Maildir there, not even root's.
  await writeFile(accountOf("bob@us.example").home, "");
  for (const octets of [10, 500_000]) {
    const reply = await receive(`${MESSAGE}${"x".repeat(octets)}\n`, ["team@us.example"]);
    assert.deepEqual([reply.code, reply.status], [451, "3.0"]);
  }
  assert.deepEqual(await filesLeft(), [accountOf("bob@us.example").home]);
});

test("an error at any step leaves nothing; a full disk is told as one", async () => {
  const warm = receiver();
  await receive(MESSAGE, ["team@us.example"], warm);
  const before = (await filesLeft()).sort();
  for (let step = 0; ; step++) {
    const durable = new FailingDurable(failAtStep(step, "ENOSPC"));
    const reply = await receive(`${MESSAGE}${"x".repeat(300_000)}\n`, ["team@us.example"], receiver(durable));
    if (durable.failures === 0) {
      assert.equal(reply.code, 250);
      assert.ok(step > 15, `only ${step} steps`);
      break;
    }
    assert.deepEqual([reply.code, reply.status], [452, "3.1"], `step ${step}`);
    const added = (await filesLeft()).filter((file) => !before.includes(file));
    assert.deepEqual(added, [], `step ${step}`);
  }
});

test("refuses strangers' domains in the mx role for good, in submission for now", async () => {
  const mailbox = parseMailbox("u@them.example");
  assert.ok(mailbox);
  const envelope = {
    reversePath: { mailbox: undefined, size: undefined, body: "7BIT" as const, smtputf8: false },
    recipients: [],
  };
  const codes = [];
  for (const role of ["mx", "submission"] as const) {
    const answer = await receiver().rcpt({ ...session, role }, envelope, { mailbox });
    codes.push([answer.kind, answer.reply.code, answer.reply.status]);
  }
  assert.deepEqual(codes, [
    ["refused", 550, "7.1"],
    ["refused", 451, "3.3"],
  ]);
  assert.equal(existsSync(`${root}/u@them.example`), false);
});
