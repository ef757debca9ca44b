/**
 * A MailReceiver on real Maildirs in a directory of the test's own, with the accounts alice, bob and carol of us.example and an
 * alias team for them all; and what lies there afterwards.
 */
import assert from "node:assert/strict";
import { chmod, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "node:test";
import pino from "pino";
import type { Account } from "../../../shared/accounts/account.js";
import { parseMailbox } from "../../../shared/address.js";
import { type Durable, FsyncDurable } from "../../../shared/durable.js";
import { TmpCleaner } from "../../../shared/maildir/clean.js";
import { maildirAt } from "../../../shared/maildir/maildir.js";
import { uniqueNames } from "../../../shared/maildir/name.js";
import type { QuotaRule } from "../../../shared/maildir/quota.js";
import { QuotaKeeper } from "../../../shared/maildir/quota-keeper.js";
import type { Envelope, IncomingMessage, SessionFacts } from "../../../smtpd/protocol/receiver.js";
import type { Reply } from "../../../smtpd/protocol/reply.js";
import { parseAliases } from "../../../smtpd/receive/aliases.js";
import { type Destination, MailReceiver } from "../../../smtpd/receive/receiver.js";
import { NOBODY } from "../../fakes/authenticator.js";

export const session: SessionFacts = {
  role: "mx",
  localAddress: "192.0.2.1",
  remoteAddress: "192.0.2.7",
  helo: "client.example.com",
  esmtp: true,
  tls: undefined,
  account: undefined,
  log: pino({ level: "silent" }),
};

/** A RCPT, and the rest of a MAIL, that asks for nothing. */
export const NOTHING_ASKED = { notify: undefined, orcpt: undefined };
export const PLAIN = { body: "7BIT" as const, smtputf8: false, ret: undefined, envid: undefined };

export const MESSAGE = "From: a@them.example\nSubject: s\n\nHello\n";

/** Makes the directory before each test of a file, and removes it after. */
export function receiverSite() {
  let root = "";
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "pillarbox-receive-"));
  });
  afterEach(async () => {
    await chmod(root, 0o700);
    await rm(root, { recursive: true, force: true });
  });

  function accountOf(address: string): Account {
    const home = `${root}/${address}`;
    return { address, password: "{PLAIN}x", home, maildir: maildirAt(`${home}/Maildir`), extra: new Map() };
  }

  const uniqueName = uniqueNames("mail.us.example", process.pid, Date.now);

  function receiver(
    durable: Durable = new FsyncDurable(),
    headerSizeMax = 64 * 1024,
    rule?: QuotaRule,
  ): MailReceiver {
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
      authenticator: NOBODY,
      durable,
      uniqueName,
      cleaner: new TmpCleaner(Date.now),
      quotas: {
        keeper: new QuotaKeeper({ durable, uniqueName, now: Date.now, log: session.log }),
        of: () => rule,
      },
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
        ...PLAIN,
        body: "8BITMIME",
      },
      recipients: [],
    };
    for (const address of to) {
      const mailbox = parseMailbox(address);
      assert.ok(mailbox);
      const answer = await of.rcpt(facts, envelope, { mailbox, ...NOTHING_ASKED });
      assert.ok(answer.kind === "accepted", address);
      envelope.recipients.push({
        forwardPath: { mailbox, ...NOTHING_ASKED },
        destination: answer.destination,
      });
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
    const answer = await incoming.end();
    assert.ok("code" in answer);
    return answer;
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

  return { accountOf, receiver, accept, receive, stored, filesLeft };
}
