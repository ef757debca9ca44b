/** Mail that leaves: who may send it, as whom and how much; what the queue then holds; and that nobody else gets it relayed. */
import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { formatMailbox } from "../../../shared/address.js";
import type { SessionFacts } from "../../../smtpd/protocol/receiver.js";
import { Srs } from "../../../smtpd/receive/srs.js";
import {
  MESSAGE,
  mailboxOf,
  NOTHING_ASKED,
  REVERSE_PATH,
  receiverSite,
  type SiteOptions,
  session,
} from "./receiver-site.js";

const { accountOf, receiver, receive, answers, stored, queued, filesLeft } = receiverSite();

const NETWORKS = ["192.0.2.0/24"];
const SRS = new Srs(["a secret of the test's own"], "us.example", new Set(["us.example"]));
const NULL = { ...REVERSE_PATH, mailbox: undefined };

function submission(name = "alice", extra?: ReadonlyMap<string, string>): SessionFacts {
  return { ...session, role: "submission", account: accountOf(`${name}@us.example`, extra) };
}

async function verdictOnRcpt(
  to: string,
  facts: SessionFacts,
  options: SiteOptions = {},
  from = REVERSE_PATH,
) {
  const envelope = { reversePath: from, recipients: [] };
  const forwardPath = { ...NOTHING_ASKED, mailbox: mailboxOf(to) };
  const { reply } = await receiver(options).rcpt(facts, envelope, forwardPath);
  return `${reply.code} ${reply.status}`;
}

/** Recipients of the one message in the queue, as `address` or `account:address`. */
async function waiting(): Promise<string[]> {
  const [only, ...more] = await queued();
  assert.ok(only && more.length === 0);
  return only.envelope.recipients.map(({ account, forwardPath }) =>
    account === undefined ? formatMailbox(forwardPath) : `${account}:${formatMailbox(forwardPath)}`,
  );
}

test("one message to mailboxes of ours and of others: copies, one envelope, one 250", async () => {
  const own = {
    ...REVERSE_PATH,
    mailbox: mailboxOf("alice@us.example"),
    envid: "QQ314159",
    ret: "HDRS" as const,
  };
  const message = "From: alice@us.example\nSubject: s\n\nHello\n";
  const to = [
    "bob@us.example",
    "dave@them.example",
    "dave@them.example",
    "team@us.example",
    "erin@other.example",
  ];
  const reply = await receive(message, to, receiver(), submission(), own);
  assert.deepEqual([reply.code, reply.status], [250, "0.0"]);
  for (const name of ["alice", "bob", "carol"]) assert.equal((await stored(`${name}@us.example`)).length, 1);
  assert.deepEqual(await waiting(), ["dave@them.example", "erin@other.example"]);
  const [found] = await queued();
  assert.ok(found);
  const { envelope, content } = found;
  assert.match(content, /^Received: from [^\0]*\nDate: .*\nMessage-ID: .*\nFrom: alice@us\.example\n/);
  assert.ok(!/^(?:Return-Path|Delivered-To):/m.test(content));
  assert.deepEqual(
    [envelope.reversePath, envelope.body, envelope.envid, envelope.ret, envelope.account],
    [own.mailbox, "8BITMIME", "QQ314159", "HDRS", "alice@us.example"],
  );
  assert.ok(content.includes(`id ${envelope.queueId}`), "it is called the same in Received");
  assert.equal((await filesLeft()).length, 5);
});

for (const [what, facts, options, verdict] of [
  ["a stranger", session, {}, "550 7.1"],
  ["a stranger at a submission listener", { ...session, role: "submission" }, {}, "550 7.1"],
  ["a user who has logged in", submission(), {}, "250 1.5"],
  ["a client of the networks", session, { networks: NETWORKS }, "250 1.5"],
  [
    "a client of the networks, to submission",
    { ...session, role: "submission" },
    { networks: NETWORKS },
    "250 1.5",
  ],
  ["a client of the networks, by LMTP", { ...session, role: "lmtp" }, { networks: NETWORKS }, "550 7.1"],
  [
    "a client beside the networks",
    { ...session, remoteAddress: "192.0.3.1" },
    { networks: NETWORKS },
    "550 7.1",
  ],
  [
    "a client at a Unix socket",
    { ...session, remoteAddress: "" },
    { networks: ["0.0.0.0/0", "::/0"] },
    "550 7.1",
  ],
  [
    "an IPv4 client written as IPv6",
    { ...session, remoteAddress: "::ffff:192.0.2.7" },
    { networks: NETWORKS },
    "250 1.5",
  ],
] as const satisfies readonly (readonly [string, SessionFacts, SiteOptions, string])[])
  test(`mail for others from ${what}: ${verdict}`, async () => {
    assert.equal(await verdictOnRcpt("u@them.example", facts, options), verdict);
    assert.equal(await verdictOnRcpt("u@[192.0.2.99]", facts, options), verdict);
    assert.equal(await verdictOnRcpt("nobody@us.example", facts, options), "550 1.1");
    assert.equal(await verdictOnRcpt("alice@us.example", facts, options), "250 1.5");
  });

for (const facts of [session, submission()])
  test(`no spelling makes a local-part a route, ${facts.account === undefined ? "for strangers" : "logged in"}`, async () => {
    for (const to of [
      "u%them.example@us.example",
      "them.example!u@us.example",
      '"u@them.example"@us.example',
      '"them.example!u"@us.example',
      "u@[192.0.2.1]",
      '"u@them.example"@[192.0.2.1]',
      "SRS0=abcdefgh=ab=them.example=u@us.example",
      "srs0+abcdefgh=ab=them.example=u@us.example",
      "SRS1=abcdefgh=them.example==x=ab=y.example=u@us.example",
    ])
      for (const srs of [undefined, SRS])
        assert.equal(await verdictOnRcpt(to, facts, { ...(srs && { srs }) }, NULL), "550 1.1", to);
  });

test("who has logged in has a reverse-path of his own, or none; networks have any", async () => {
  const of = receiver({ aliases: "sales: alice" });
  const code = async (facts: SessionFacts, address: string | undefined) =>
    (
      await of.mail(facts, {
        ...REVERSE_PATH,
        mailbox: address === undefined ? undefined : mailboxOf(address),
      })
    ).code;
  assert.equal(await code(submission(), "alice+x@us.example"), 250);
  assert.equal(await code(submission(), "sales@us.example"), 250);
  assert.equal(await code(submission(), undefined), 250);
  assert.equal(await code(submission(), "bob@us.example"), 550);
  assert.equal(await code(submission(), "u@them.example"), 550);
  const granted = new Map([["userdb_send_as", "@them.example"]]);
  assert.equal(await code(submission("alice", granted), "u@them.example"), 250);
  assert.equal(await code(session, "u@them.example"), 250);
});

for (const [what, header, code] of [
  ["his own address", "From: Alice <alice+x@us.example>\n", 250],
  ["none", "Subject: x\n", 250],
  ["another's", "From: bob@us.example\n", 550],
  ["a stranger's", "From: ceo@corp.example\n", 550],
  ["his own and another's", "From: alice@us.example, bob@us.example\n", 550],
  ["his own, with another's Sender", "From: alice@us.example\nSender: bob@us.example\n", 550],
  ["one that cannot be read", "From: alice\n", 550],
] as const)
  test(`a From that has ${what}, of a user who has logged in: ${code}`, async () => {
    const own = { ...REVERSE_PATH, mailbox: mailboxOf("alice@us.example") };
    for (const to of ["bob@us.example", "u@them.example"]) {
      const reply = await receive(`${header}\nHello\n`, [to], receiver(), submission(), own);
      assert.deepEqual([reply.code, reply.status], [code, code === 250 ? "0.0" : "7.1"]);
    }
    if (code === 550) assert.deepEqual(await filesLeft(), []);
    // Whom the networks trust is not held to any.
    const trusted = { ...session, role: "submission" as const };
    assert.equal(
      (await receive(`${header}\n`, ["u@them.example"], receiver({ networks: NETWORKS }), trusted)).code,
      250,
    );
  });

test("recipients are counted by the hour, for accounts and for clients of the networks, and not for strangers", async () => {
  const of = receiver({ networks: NETWORKS, recipientsPerHour: { account: 2, network: 3 } });
  const codes = async (facts: SessionFacts, to: string) => {
    const found = [];
    for (let i = 0; i < 4; i++) {
      const envelope = { reversePath: REVERSE_PATH, recipients: [] };
      const { reply } = await of.rcpt(facts, envelope, { ...NOTHING_ASKED, mailbox: mailboxOf(to) });
      found.push(reply.code);
    }
    return found;
  };
  assert.deepEqual(await codes(submission("alice"), "u@them.example"), [250, 250, 450, 450]);
  assert.deepEqual(await codes(submission("bob"), "u@them.example"), [250, 250, 450, 450]);
  assert.deepEqual(await codes(session, "u@them.example"), [250, 250, 250, 450]);
  assert.deepEqual(
    await codes({ ...session, remoteAddress: "198.51.100.1" }, "alice@us.example"),
    [250, 250, 250, 250],
  );
});

const ALIASES = "away: dave@them.example\nboth: alice, dave@them.example\nchain: away";

test("an alias leads to others, with the reverse-path that it came with", async () => {
  const to = ["away@us.example", "both@us.example", "chain@us.example"];
  assert.equal((await receive(MESSAGE, to, receiver({ aliases: ALIASES }))).code, 250);
  assert.deepEqual(await waiting(), ["dave@them.example"]);
  const [found] = await queued();
  assert.equal(found?.envelope.recipients[0]?.rewrittenReversePath, undefined);
  assert.deepEqual(found?.envelope.reversePath, REVERSE_PATH.mailbox);
  assert.equal((await stored("alice@us.example")).length, 1);
});

test("with SRS what an alias sends on has a reverse-path of ours, what is merely relayed has not", async () => {
  const of = receiver({ aliases: ALIASES, srs: SRS, networks: NETWORKS });
  await receive(MESSAGE, ["away@us.example", "erin@them.example"], of);
  const [found] = await queued();
  assert.ok(found);
  const paths = found.envelope.recipients.map(({ rewrittenReversePath }) => rewrittenReversePath);
  const [rewritten] = paths;
  assert.ok(rewritten && paths.length === 2 && paths[1] === undefined);
  assert.match(formatMailbox(rewritten), /^SRS0=\w+=\w+=them\.example=sender@us\.example$/);

  // A bounce goes back to whom it came from; nothing but a bounce does.
  const stranger = { ...session, remoteAddress: "198.51.100.1" };
  const back = formatMailbox(rewritten);
  assert.equal(await verdictOnRcpt(back, stranger, { srs: SRS }), "550 7.1");
  assert.equal(await verdictOnRcpt(back, stranger, { srs: SRS }, NULL), "250 1.5");
  assert.equal(await verdictOnRcpt(back, stranger, {}, NULL), "550 1.1");
  await receive(MESSAGE, [back], receiver({ srs: SRS }), stranger, NULL);
  const bounce = (await queued()).find(({ envelope }) => envelope.reversePath === undefined);
  assert.deepEqual(
    bounce?.envelope.recipients.map(({ forwardPath }) => formatMailbox(forwardPath)),
    ["sender@them.example"],
  );
});

test("whose sender wants to be told of success waits in the queue, but not for a null reverse-path", async () => {
  const asked = { notify: ["SUCCESS"] as const, orcpt: "rfc822;alice@us.example" };
  await receive(MESSAGE, [{ to: "alice+x@us.example", ...asked }, "bob@us.example"]);
  assert.deepEqual(await waiting(), ["alice@us.example:alice+x@us.example"]);
  const [found] = await queued();
  assert.deepEqual(found?.envelope.recipients[0]?.notify, ["SUCCESS"]);
  assert.equal(found?.envelope.recipients[0]?.orcpt, asked.orcpt);
  assert.deepEqual(await stored("alice@us.example"), []);
  assert.equal((await stored("bob@us.example")).length, 1);

  await receive(MESSAGE, [{ to: "alice@us.example", ...asked }], receiver(), session, NULL);
  assert.equal((await stored("alice@us.example")).length, 1);
  assert.equal((await queued()).length, 1);
});

test("an alias of several owes the one notice that it was expanded, and asks for none from them", async () => {
  const asked = { notify: ["SUCCESS", "FAILURE"] as const, orcpt: "rfc822;team@us.example" };
  await receive(MESSAGE, [{ to: "team@us.example", ...asked }]);
  for (const name of ["alice", "bob", "carol"]) assert.equal((await stored(`${name}@us.example`)).length, 1);
  const [found] = await queued();
  assert.ok(found);
  const { recipients, owed } = found.envelope;
  assert.deepEqual(recipients, []);
  assert.deepEqual(
    owed.map(({ action, reports }) => [
      action,
      reports.map(({ forwardPath, orcpt }) => [formatMailbox(forwardPath), orcpt]),
    ]),
    [["expanded", [["team@us.example", asked.orcpt]]]],
  );
});

test("by LMTP each recipient is answered: who loops, who cannot take it now, and who has it", async () => {
  const facts = { ...session, role: "lmtp" as const };
  const message = `Delivered-To: carol@us.example\n${MESSAGE}`;
  const of = receiver({ aliases: "two: alice, bob" });
  const to = ["alice@us.example", "carol@us.example", "bob@us.example"];
  const codes = async (...how: Parameters<typeof answers>) => {
    const found = await answers(...how);
    return "code" in found ? found.code : found.map(({ code }) => code);
  };
  assert.deepEqual(await codes(message, to, of, facts), [250, 554, 250]);
  assert.deepEqual(await codes(message, ["carol@us.example"], of, facts), 554);

  const { maildir } = accountOf("bob@us.example");
  await rm(maildir.path, { recursive: true });
  await writeFile(maildir.path, "");
  assert.deepEqual(await codes(MESSAGE, to, of, facts), [250, 250, 451]);
  assert.deepEqual(await queued(), []);
  assert.deepEqual(await codes(MESSAGE, ["two@us.example", "bob@us.example"], of, facts), [250, 250]);
  assert.deepEqual(await waiting(), ["bob@us.example:bob@us.example"]);
});
