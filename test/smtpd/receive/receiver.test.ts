/** Messages received into real Maildirs: what lies there afterwards, and that trouble leaves nothing. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, rm, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { parseMailbox } from "../../../shared/address.js";
import { parseName } from "../../../shared/maildir/name.js";
import { FailingDurable } from "../../fakes/failing-durable.js";
import { MESSAGE, NOTHING_ASKED, PLAIN, receiverSite, session } from "./receiver-site.js";

const { accountOf, receiver, openQueue, accept, receive, stored, queued, filesLeft } = receiverSite();

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
  const submission = { ...session, role: "submission" as const };
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
  const submission = { ...session, role: "submission" as const };
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

for (const [what, octets] of [
  ["small", 10],
  ["large", 500_000],
] as const) {
  const message = `${MESSAGE}${"x".repeat(octets)}\n`;

  test(`a ${what} message waits in the queue for a mailbox that cannot be written, and the others have it`, async () => {
    // A file where the home should be: no right in the world makes a Maildir there, not even root's.
    for (const broken of ["alice", "bob"]) {
      const { home } = accountOf(`${broken}@us.example`);
      await rm(home, { recursive: true, force: true });
      await writeFile(home, "");
      const before = (await queued()).length;
      const reply = await receive(message, ["team@us.example"]);
      assert.deepEqual([reply.code, reply.status], [250, "0.0"]);
      assert.equal((await queued()).length, before + 1);
    }
    const [first, second] = (await queued()).sort(
      (a, b) => a.envelope.recipients.length - b.envelope.recipients.length,
    );
    assert.ok(first && second);
    assert.deepEqual(
      first.envelope.recipients.map(({ account }) => account),
      ["alice@us.example"],
    );
    assert.deepEqual(
      second.envelope.recipients.map(({ account }) => account),
      ["alice@us.example", "bob@us.example"],
    );
    for (const { content } of [first, second]) {
      assert.ok(content.startsWith("Received: from"), "the queue's copy has no trace of a delivery");
      assert.ok(content.endsWith(`+0000\n${message}`));
    }
    assert.equal((await stored("carol@us.example")).length, 2);
  });

  test(`a ${what} message that no mailbox can take is refused for now, and leaves nothing`, async () => {
    await writeFile(accountOf("bob@us.example").home, "");
    for (const to of [["bob@us.example"], ["bob@us.example", "bob+x@us.example"]]) {
      const reply = await receive(message, to);
      assert.deepEqual([reply.code, reply.status], [451, "3.0"]);
    }
    assert.deepEqual(await filesLeft(), [accountOf("bob@us.example").home]);
  });
}

/** Every recipient, as often as it has or will have the message. */
async function whereabouts(before: readonly string[]): Promise<string[]> {
  const files = (await filesLeft()).filter((file) => !before.includes(file));
  assert.ok(!files.some((file) => /\/tmp\/[^/]+$/.test(file)), files.join("\n"));
  const inMaildirs = files.map((file) => /([a-z]+)@us\.example\/Maildir\/new\//.exec(file)?.[1]);
  const inQueue = (await queued())
    .filter(({ envelope }) => files.some((file) => file.endsWith(`/${envelope.queueId}.json`)))
    .flatMap(({ envelope }) => envelope.recipients)
    .map(({ account, forwardPath }) => (account ?? forwardPath.localPart).replace(/@.*/, ""));
  return [...inMaildirs.filter((name) => name !== undefined), ...inQueue].sort();
}

for (const code of ["ENOSPC", "EIO"]) {
  for (const [what, octets] of [
    ["small", 10],
    ["large", 300_000],
  ] as const) {
    test(`${code} at any step of a ${what} message: every recipient has it once, or 4xx and nobody has`, async () => {
      const message = `${MESSAGE}${"x".repeat(octets)}\n`;
      const to = ["team@us.example", "dave@them.example"];
      const networks = ["192.0.2.0/24"];
      await receive(message, to, receiver({ networks }));
      let refusals = 0;
      let waits = 0;
      for (let step = 0; ; step++) {
        const before = await filesLeft();
        let begun = Number.POSITIVE_INFINITY;
        const durable: FailingDurable = new FailingDurable((_, index) =>
          index === begun + step ? code : undefined,
        );
        const queue = await openQueue(durable);
        begun = durable.steps;
        const reply = await receive(message, to, receiver({ durable, queue, networks }));
        const found = await whereabouts(before);
        if (reply.code === 250) assert.deepEqual(found, ["alice", "bob", "carol", "dave"], `step ${step}`);
        else assert.deepEqual([reply.code, found], [code === "EIO" ? 451 : 452, []], `step ${step}`);
        if (durable.failures === 0) break;
        if (reply.code === 250) waits++;
        else refusals++;
      }
      assert.ok(waits > 9, `${waits} times a mailbox failed`);
      assert.ok(refusals > 4, `${refusals} times the queue failed`);
    });
  }
}

test("refuses strangers' domains in every role", async () => {
  const mailbox = parseMailbox("u@them.example");
  assert.ok(mailbox);
  const envelope = {
    reversePath: { ...PLAIN, mailbox: undefined, size: undefined },
    recipients: [],
  };
  const codes = [];
  for (const role of ["mx", "submission", "lmtp"] as const) {
    const answer = await receiver().rcpt({ ...session, role }, envelope, { mailbox, ...NOTHING_ASKED });
    codes.push([answer.kind, answer.reply.code, answer.reply.status]);
  }
  assert.deepEqual(codes, [
    ["refused", 550, "7.1"],
    ["refused", 550, "7.1"],
    ["refused", 550, "7.1"],
  ]);
  assert.equal(existsSync(accountOf("u@them.example").home), false);
});
