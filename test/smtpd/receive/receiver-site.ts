/**
 * A MailReceiver on real Maildirs and a real queue in a directory of the test's own, with the accounts alice, bob and carol of
 * us.example and an alias team for them all; and what lies there afterwards.
 */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { chmod, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "node:test";
import pino from "pino";
import type { Account } from "../../../shared/accounts/account.js";
import { type Mailbox, parseMailbox } from "../../../shared/address.js";
import { type Durable, FsyncDurable } from "../../../shared/durable.js";
import { TmpCleaner } from "../../../shared/maildir/clean.js";
import { maildirAt } from "../../../shared/maildir/maildir.js";
import { uniqueNames } from "../../../shared/maildir/name.js";
import type { QuotaRule } from "../../../shared/maildir/quota.js";
import { QuotaKeeper } from "../../../shared/maildir/quota-keeper.js";
import { Networks, parseNetwork } from "../../../shared/networks.js";
import type { RcptDsnRequest } from "../../../smtpd/protocol/dsn-request.js";
import type {
  IncomingMessage,
  MessageAnswer,
  Recipient,
  ReversePath,
  SessionFacts,
} from "../../../smtpd/protocol/receiver.js";
import type { Reply } from "../../../smtpd/protocol/reply.js";
import { enqueue } from "../../../smtpd/queue/enqueue.js";
import type { QueueEnvelope } from "../../../smtpd/queue/envelope.js";
import { Queue } from "../../../smtpd/queue/queue.js";
import { formatQueueId } from "../../../smtpd/queue/queue-id.js";
import { parseAliases } from "../../../smtpd/receive/aliases.js";
import type { Destination } from "../../../smtpd/receive/plan.js";
import { MailReceiver } from "../../../smtpd/receive/receiver.js";
import { Senders } from "../../../smtpd/receive/senders.js";
import type { Srs } from "../../../smtpd/receive/srs.js";
import { Expansion } from "../../../smtpd/send/expansion.js";
import { LocalDeliverer } from "../../../smtpd/send/local.js";
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

/** Of MAIL. */
export const REVERSE_PATH: ReversePath = {
  mailbox: mailboxOf("sender@them.example"),
  size: undefined,
  ...PLAIN,
  body: "8BITMIME",
};

/** What a receiver of the site is to be like. */
export interface SiteOptions {
  readonly durable?: Durable;
  readonly headerSizeMax?: number;
  readonly rule?: QuotaRule;
  readonly aliases?: string;
  readonly networks?: readonly string[];
  readonly recipientsPerHour?: { account?: number; network?: number };
  readonly srs?: Srs;
  readonly queue?: Queue;
  readonly extra?: ReadonlyMap<string, string>;
}

/** A recipient: an address, or one with what is asked for it. */
export type To = string | ({ readonly to: string } & Partial<RcptDsnRequest>);

export function mailboxOf(address: string): Mailbox {
  const mailbox = parseMailbox(address);
  assert.ok(mailbox, `${address} is an address`);
  return mailbox;
}

/** Makes the directory before each test of a file, and removes it after. */
export function receiverSite() {
  let root = "";
  let ownQueue: Queue | undefined;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "pillarbox-receive-"));
    ownQueue = await openQueue(new FsyncDurable());
  });
  afterEach(async () => {
    await chmod(root, 0o700);
    await rm(root, { recursive: true, force: true });
  });

  const uniqueName = uniqueNames("mail.us.example", process.pid, Date.now);

  function openQueue(durable: Durable): Promise<Queue> {
    return Queue.open(`${root}/queue`, { durable, uniqueName, now: Date.now, log: session.log });
  }

  function accountOf(address: string, extra: ReadonlyMap<string, string> = new Map()): Account {
    const home = `${root}/${address}`;
    return { address, password: "{PLAIN}x", home, maildir: maildirAt(`${home}/Maildir`), extra };
  }

  const now = () => Date.UTC(2026, 10, 22, 8);

  function parts({ durable = new FsyncDurable(), rule, aliases: aliasText = "", extra }: SiteOptions) {
    const accounts = new Map(
      ["alice", "bob", "carol"].map((name) => [`${name}@us.example`, accountOf(`${name}@us.example`, extra)]),
    );
    const { aliases, errors } = parseAliases(`team: alice, bob, carol\n${aliasText}`, "us.example");
    assert.deepEqual(errors, []);
    const directory = () => ({
      domains: new Set(["us.example", "also.example"]),
      defaultDomain: "us.example",
      accounts: {
        size: accounts.size,
        find: (address: string) => accounts.get(address),
        all: () => accounts.values(),
      },
      aliases,
    });
    const quotas = {
      keeper: new QuotaKeeper({ durable, uniqueName, now: Date.now, log: session.log }),
      of: () => rule,
    };
    return { directory, quotas, durable, uniqueName, cleaner: new TmpCleaner(Date.now), now };
  }

  function receiver(options: SiteOptions = {}): MailReceiver {
    const { headerSizeMax = 64 * 1024, networks = [], recipientsPerHour = {}, srs } = options;
    const { account = Number.POSITIVE_INFINITY, network = Number.POSITIVE_INFINITY } = recipientsPerHour;
    const { queue = ownQueue } = options;
    const site = parts(options);
    return new MailReceiver({
      ...site,
      hostname: "mail.us.example",
      headerSizeMax,
      authenticator: NOBODY,
      senders: new Senders({
        ...site,
        networks: new Networks(networks.map(parseNetwork).filter((one) => one !== undefined)),
        recipientsPerHour: { account, network },
      }),
      srs: () => srs,
      queue: () => queue,
    });
  }

  /** Delivers from the queue, on the same Maildirs. */
  function localDeliverer(options: SiteOptions = {}): LocalDeliverer {
    const { srs } = options;
    const expansion = new Expansion({
      enqueue: async (envelope, pieces) => enqueue(theQueue(), envelope, pieces),
      newQueueId: () => formatQueueId(Date.now(), randomInt(2 ** 25)),
      srs: () => srs,
      now,
    });
    return new LocalDeliverer({ ...parts(options), expansion });
  }

  function theQueue(): Queue {
    assert.ok(ownQueue);
    return ownQueue;
  }

  /** A transaction up to DATA. */
  async function accept(
    to: readonly To[],
    of: MailReceiver,
    facts: SessionFacts = session,
    reversePath: ReversePath = REVERSE_PATH,
  ): Promise<IncomingMessage> {
    const recipients: Recipient<Destination>[] = [];
    const envelope = { reversePath, recipients };
    for (const one of to) {
      const { to: address, ...asked } = typeof one === "string" ? { to: one } : one;
      const forwardPath = { ...NOTHING_ASKED, ...asked, mailbox: mailboxOf(address) };
      const answer = await of.rcpt(facts, envelope, forwardPath);
      assert.ok(answer.kind === "accepted", `${address}: ${answer.reply.code} ${answer.reply.text}`);
      recipients.push({ forwardPath, destination: answer.destination });
    }
    const answer = await of.data(facts, envelope);
    assert.ok(answer.kind === "accepted");
    return answer.message;
  }

  /** A whole transaction; the answers to the message. */
  async function answers(
    message: string | Buffer,
    to: readonly To[],
    of: MailReceiver = receiver(),
    facts: SessionFacts = session,
    reversePath: ReversePath = REVERSE_PATH,
  ): Promise<MessageAnswer> {
    const incoming = await accept(to, of, facts, reversePath);
    const octets = Buffer.from(message);
    for (let start = 0; start < octets.length; start += 10_000)
      await incoming.write(octets.subarray(start, start + 10_000));
    return incoming.end();
  }

  /** The same, where there is one answer. */
  async function receive(...how: Parameters<typeof answers>): Promise<Reply> {
    const answer = await answers(...how);
    assert.ok("code" in answer);
    return answer;
  }

  /** What is in the queue: envelopes with their messages. */
  async function queued(): Promise<{ envelope: QueueEnvelope; content: string }[]> {
    const queue = theQueue();
    const found = [];
    for (const queueId of (await queue.ids()).sort()) {
      const envelope = await queue.load(queueId);
      assert.ok(envelope);
      found.push({
        envelope,
        content: await readFile(`${queue.maildir.new}/${envelope.message}`, "latin1"),
      });
    }
    return found;
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

  return {
    accountOf,
    receiver,
    localDeliverer,
    openQueue,
    theQueue,
    accept,
    answers,
    receive,
    stored,
    queued,
    filesLeft,
  };
}
