/** From the queue into real Maildirs: what lies there afterwards, and what becomes of those who did not get it. */
import assert from "node:assert/strict";
import { readdir, writeFile } from "node:fs/promises";
import type { Readable } from "node:stream";
import { test } from "node:test";
import type { QueuedRecipient } from "../../../smtpd/queue/envelope.js";
import { Srs } from "../../../smtpd/receive/srs.js";
import type { Job, Outcome } from "../../../smtpd/send/delivery.js";
import { FailingDurable } from "../../fakes/failing-durable.js";
import { MESSAGE, mailboxOf, receiverSite, session } from "../receive/receiver-site.js";

const { accountOf, localDeliverer, theQueue, receiver, receive, stored, queued, filesLeft } = receiverSite();

/** Queues a message by way of the receiver, and makes a job of it for these recipients. */
async function jobFor(recipients: readonly Partial<QueuedRecipient>[], message = MESSAGE): Promise<Job> {
  const of = receiver({ networks: ["192.0.2.0/24"] });
  await receive(message, ["x@them.example"], of);
  const [only] = await queued();
  assert.ok(only);
  const { envelope } = only;
  const [template] = envelope.recipients;
  const opened = await theQueue().open(envelope);
  assert.ok(opened && template);
  return {
    ...envelope,
    destination: { kind: "local" },
    recipients: recipients.map((recipient) => ({ ...template, ...recipient })),
    message: opened,
    log: session.log,
  };
}

const to = (address: string) => ({ forwardPath: mailboxOf(address) });
const forAccount = (address: string) => ({ ...to(address), account: address });

function shown(outcomes: readonly Outcome[]): string[] {
  return outcomes.map((outcome) => ("trouble" in outcome ? outcome.trouble.status : outcome.kind));
}

async function outcomesOf(job: Job, of = localDeliverer()): Promise<string[]> {
  return shown((await of.deliver(job, new AbortController().signal)).outcomes);
}

for (const [what, message] of [
  ["small", MESSAGE],
  ["large", `${MESSAGE}${"0123456789abcde\n".repeat(40_000)}`],
] as const) {
  test(`a ${what} message goes to accounts and to addresses of ours, each once, with the trace of its delivery`, async () => {
    const job = await jobFor(
      [forAccount("alice@us.example"), to("bob+x@us.example"), to("bob@us.example")],
      message,
    );
    assert.deepEqual(await outcomesOf(job), ["delivered", "delivered", "delivered"]);
    for (const name of ["alice", "bob"]) {
      const found = await stored(`${name}@us.example`);
      assert.equal(found.length, 1);
      const top = `Return-Path: <sender@them.example>\nDelivered-To: ${name}@us.example\nReceived: `;
      assert.ok(found[0]?.content.startsWith(top));
      assert.ok(found[0]?.content.endsWith(message));
      assert.deepEqual(await readdir(accountOf(`${name}@us.example`).maildir.tmp), []);
    }
  });
}

test("what is not there, loops, is full or cannot be written is told for each by itself", async () => {
  await writeFile(accountOf("bob@us.example").home, "");
  const message = `Delivered-To: carol@us.example\n${MESSAGE}`;
  const job = await jobFor(
    ["nobody", "carol", "bob", "alice", "gone"].map((name) =>
      name === "gone" ? forAccount("gone@us.example") : to(`${name}@us.example`),
    ),
    message,
  );
  assert.deepEqual(await outcomesOf(job), ["5.1.1", "5.4.6", "4.3.0", "delivered", "5.1.1"]);

  const rule = { octets: undefined, messages: 1, binding: true };
  const again = { ...job, recipients: job.recipients.slice(2, 4) };
  assert.deepEqual(await outcomesOf(again, localDeliverer({ rule })), ["4.3.0", "4.2.2"]);
  assert.equal((await stored("alice@us.example")).length, 1);
});

test("a full disk defers, and leaves nothing", async () => {
  const job = await jobFor([forAccount("alice@us.example"), forAccount("bob@us.example")]);
  const before = (await filesLeft()).length;
  const durable = new FailingDurable((step) => (step === "sync" ? "ENOSPC" : undefined));
  assert.deepEqual(await outcomesOf(job, localDeliverer({ durable })), ["4.3.1", "4.3.1"]);
  assert.equal((await filesLeft()).length, before);
});

test("whatever becomes of a large message, its file is let go", async () => {
  const message = `Delivered-To: carol@us.example\n${MESSAGE}${"0123456789abcde\n".repeat(40_000)}`;
  const job = await jobFor([to("carol@us.example")], message);
  const opened: Readable[] = [];
  const open = async () => {
    const stream = await job.message.open();
    opened.push(stream);
    return stream;
  };
  const { size, wireSize } = job.message;
  const watched = { ...job, message: { size, wireSize, open } };
  assert.deepEqual(await outcomesOf(watched), ["5.4.6"]);
  const full = localDeliverer({
    durable: new FailingDurable((step) => (step === "write" ? "ENOSPC" : undefined)),
  });
  const [template] = job.recipients;
  assert.ok(template);
  const toAlice = { ...watched, recipients: [{ ...template, ...forAccount("alice@us.example") }] };
  assert.deepEqual(await outcomesOf(toAlice, full), ["4.3.1"]);
  assert.deepEqual(
    await outcomesOf({ ...watched, recipients: [{ ...template, ...to("team@us.example") }] }, full),
    ["passed on"],
  );
  assert.deepEqual(
    opened.map(({ destroyed }) => destroyed),
    [true, true, true],
  );
});

test("a message that is gone, and a shutdown, defer", async () => {
  const job = await jobFor([forAccount("alice@us.example")]);
  const lost = { ...job, message: { ...job.message, open: () => Promise.reject(new Error("gone")) } };
  assert.deepEqual(await outcomesOf(lost), ["4.3.0"]);
  const { outcomes } = await localDeliverer().deliver(job, AbortSignal.abort());
  assert.deepEqual(shown(outcomes), ["4.3.2"]);
  assert.deepEqual(await stored("alice@us.example"), []);
});

test("an alias that leads to others becomes a message of its own for all of them", async () => {
  const srs = new Srs(["a secret of the test's own"], "us.example", new Set(["us.example"]));
  const aliases = "both: alice, dave@them.example\naway: dave@them.example";
  const job = await jobFor([
    { ...to("both@us.example"), notify: ["SUCCESS", "FAILURE"], orcpt: "rfc822;both@us.example" },
    to("away@us.example"),
  ]);
  assert.deepEqual(await outcomesOf(job, localDeliverer({ aliases, srs })), ["passed on", "passed on"]);
  const [expansion, ...more] = (await queued()).filter(({ envelope }) => envelope.queueId !== job.queueId);
  assert.ok(expansion && more.length === 0);
  const { recipients, owed } = expansion.envelope;
  assert.deepEqual(
    recipients.map(({ account, forwardPath: { localPart }, notify, rewrittenReversePath }) => [
      account ?? localPart,
      notify,
      rewrittenReversePath?.localPart.slice(0, 5),
    ]),
    [
      ["dave", ["FAILURE"], "SRS0="],
      ["alice@us.example", ["FAILURE"], undefined],
    ],
  );
  assert.deepEqual(
    owed.map(({ action, reports }) => [action, reports.map(({ forwardPath }) => forwardPath.localPart)]),
    [["expanded", ["both"]]],
  );
  assert.ok(expansion.content.endsWith(MESSAGE));
  assert.deepEqual(await stored("alice@us.example"), []);
});

test("a team of ours becomes one as well, so that each of them has attempts of his own", async () => {
  const job = await jobFor([to("team@us.example")]);
  assert.deepEqual(await outcomesOf(job), ["passed on"]);
  const [expansion] = (await queued()).filter(({ envelope }) => envelope.queueId !== job.queueId);
  assert.deepEqual(
    expansion?.envelope.recipients.map(({ account }) => account),
    ["alice@us.example", "bob@us.example", "carol@us.example"],
  );
});
