/** Quotas in the receiver: who is refused at RCPT and at the end, and what stands in maildirsize afterwards. */
import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { parseMailbox } from "../../../shared/address.js";
import type { QuotaRule } from "../../../shared/maildir/quota.js";
import type { MailReceiver } from "../../../smtpd/receive/receiver.js";
import { FailingDurable } from "../../fakes/failing-durable.js";
import { MESSAGE, NOTHING_ASKED, PLAIN, receiverSite, session } from "./receiver-site.js";

const { accountOf, receiver, accept, receive, stored, queued, filesLeft } = receiverSite();

const FULL = [452, "2.2"];

function quotaSite(rule: QuotaRule): MailReceiver {
  return receiver({ rule });
}

async function maildirsize(address: string): Promise<string[]> {
  const text = await readFile(`${accountOf(address).maildir.path}/maildirsize`, "latin1");
  return text.split("\n").slice(0, -1);
}

test("what is delivered is in the sum, with the size of its file", async () => {
  const of = quotaSite({ octets: 10_000, messages: 10, binding: true });
  for (const to of ["team@us.example", "alice@us.example"])
    assert.equal((await receive(MESSAGE, [to], of)).code, 250);
  const sizes = (await stored("alice@us.example")).map(({ content }) => `${content.length} 1`);
  assert.deepEqual(await maildirsize("alice@us.example"), ["10000S,10C", "0 0", ...sizes]);
  assert.equal((await maildirsize("carol@us.example")).length, 3);
});

test("without a quota nothing is written", async () => {
  assert.equal((await receive(MESSAGE, ["alice@us.example"])).code, 250);
  assert.deepEqual((await readdir(accountOf("alice@us.example").maildir.path)).sort(), ["cur", "new", "tmp"]);
});

test("a quota that stands in maildirsize alone is kept", async () => {
  await receive(MESSAGE, ["alice@us.example"]);
  await writeFile(`${accountOf("alice@us.example").maildir.path}/maildirsize`, "2C\n1 1\n");
  const of = receiver();
  assert.equal((await receive(MESSAGE, ["alice@us.example"], of)).code, 250);
  await assert.rejects(receive(MESSAGE, ["alice@us.example"], of), { code: "ERR_ASSERTION" });
  assert.equal((await stored("alice@us.example")).length, 2);
});

test("a mailbox that is full, or that the declared size would fill, is refused at RCPT; not an alias that leads to others as well", async () => {
  const of = quotaSite({ octets: undefined, messages: 1, binding: true });
  await receive(MESSAGE, ["bob@us.example"], of);
  const verdicts = [];
  for (const [to, size] of [
    ["alice", undefined],
    ["bob", undefined],
    ["bob+detail", undefined],
    ["team", undefined],
  ] as const)
    verdicts.push(await verdictOn(of, to, size));
  assert.deepEqual(verdicts, [[250, "1.5"], FULL, FULL, [250, "1.5"]]);

  const byOctets = quotaSite({ octets: 10_000, messages: undefined, binding: true });
  assert.deepEqual(await verdictOn(byOctets, "alice", 10_000), [250, "1.5"]);
  assert.deepEqual(await verdictOn(byOctets, "alice", 10_001), FULL);
});

async function verdictOn(of: MailReceiver, localPart: string, size: number | undefined) {
  const mailbox = parseMailbox(`${localPart}@us.example`);
  assert.ok(mailbox);
  const reversePath = { ...PLAIN, mailbox: undefined, size };
  const { reply } = await of.rcpt(session, { reversePath, recipients: [] }, { mailbox, ...NOTHING_ASKED });
  return [reply.code, reply.status];
}

for (const [what, octets] of [
  ["small", 1000],
  ["large", 500_000],
] as const) {
  test(`a ${what} message too large for any of its mailboxes is refused`, async () => {
    const of = quotaSite({ octets, messages: undefined, binding: true });
    const message = `${MESSAGE}${"0123456789abcde\n".repeat(octets / 16)}`;
    const reply = await receive(message, ["team@us.example"], of);
    assert.deepEqual([reply.code, reply.status], FULL);
    for (const name of ["alice", "bob", "carol"])
      assert.deepEqual(await stored(`${name}@us.example`), [], name);
    assert.ok((await filesLeft()).every((file) => file.endsWith("/maildirsize")));
    assert.equal((await receive(MESSAGE, ["team@us.example"], of)).code, 250);
  });
}

for (const [what, octets] of [
  ["small", 1000],
  ["large", 500_000],
] as const) {
  test(`a ${what} message waits in the queue for a mailbox that is full when it has come, and the others have it`, async () => {
    const of = quotaSite({ octets: undefined, messages: 1, binding: true });
    const incoming = await accept(["team@us.example"], of);
    await receive(MESSAGE, ["bob@us.example"], of);
    const message = `${MESSAGE}${"0123456789abcde\n".repeat(octets / 16)}`;
    await incoming.write(Buffer.from(message));
    const answer = await incoming.end();
    assert.ok("code" in answer && answer.code === 250);
    assert.deepEqual(
      await Promise.all(
        ["alice", "bob", "carol"].map(async (name) => (await stored(`${name}@us.example`)).length),
      ),
      [1, 1, 1],
    );
    const [waiting, ...more] = await queued();
    assert.ok(waiting && more.length === 0);
    assert.deepEqual(
      waiting.envelope.recipients.map(({ account }) => account),
      ["bob@us.example"],
    );
    assert.ok(waiting.content.endsWith(`+0000\n${message}`));
    const [, ...lines] = await maildirsize("bob@us.example");
    assert.equal(
      lines.reduce((sum, line) => sum + Number(line.split(" ")[1]), 0),
      1,
    );
    assert.deepEqual(await readdir(accountOf("bob@us.example").maildir.tmp), []);
  });
}

test("messages that come at once fill a mailbox and no more", async () => {
  const of = quotaSite({ octets: undefined, messages: 5, binding: true });
  const incoming = await Promise.all(Array.from({ length: 12 }, () => accept(["alice@us.example"], of)));
  const replies = await Promise.all(
    incoming.map(async (message) => {
      await message.write(Buffer.from(MESSAGE));
      return message.end();
    }),
  );
  const codes = replies.map((answer) => ("code" in answer ? answer.code : 0));
  assert.equal(codes.filter((code) => code === 250).length, 5);
  assert.equal(codes.filter((code) => code === 452).length, 7);
  assert.equal((await stored("alice@us.example")).length, 5);
  const [, ...lines] = await maildirsize("alice@us.example");
  assert.equal(
    lines.reduce((sum, line) => sum + Number(line.split(" ")[1]), 0),
    5,
  );
  assert.deepEqual(await readdir(accountOf("alice@us.example").maildir.tmp), []);
});

test("a message that could not be delivered after all leaves its room to others", async () => {
  const durable = new FailingDurable((step) => (step === "publish new" ? "EIO" : undefined));
  const of = receiver({ durable, rule: { octets: undefined, messages: 1, binding: true } });
  for (let times = 0; times < 3; times++)
    assert.equal((await receive(MESSAGE, ["alice@us.example"], of)).code, 451);
});

test("a sum that cannot be written keeps no message away", async () => {
  const durable = new FailingDurable((step) => (step.startsWith("publish Maildir") ? "EACCES" : undefined));
  const of = receiver({ durable, rule: { octets: undefined, messages: 2, binding: true } });
  for (let times = 0; times < 2; times++)
    assert.equal((await receive(MESSAGE, ["alice@us.example"], of)).code, 250);
  assert.deepEqual(await verdictOn(of, "alice", undefined), FULL);
});
