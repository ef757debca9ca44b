/**
 * Delivering from the queue into mailboxes of ours: what could not take a message when it came, whose sender wants to be told of
 * success, and what local programs have queued. Each mailbox by itself, as a message that is received (receive/copies.ts).
 *
 * A recipient without an account is looked up in the accounts and aliases in force. An alias that leads to several, or to other
 * hosts, is followed by a message of its own in the queue (expansion.ts): each of them then has attempts of its own.
 *
 * What fails is deferred, but what nobody can mend: a mailbox that does not exist (5.1.1), or that the message has been
 * delivered to before (5.4.6).
 */
import type { Readable } from "node:stream";
import type { Account } from "../../shared/accounts/account.js";
import type { TmpCleaner } from "../../shared/maildir/clean.js";
import type { QueuedRecipient } from "../queue/envelope.js";
import { Copies, type CopyTools } from "../receive/copies.js";
import { HeaderSection } from "../receive/header-section.js";
import { MailboxCopies } from "../receive/mailbox-copies.js";
import type { Quotas } from "../receive/room.js";
import { type Directory, type Route, route } from "../receive/route.js";
import { mailboxTop } from "../receive/top-fields.js";
import type { Deliverer, Job, JobResult, Outcome } from "./delivery.js";
import type { ExpandedRecipient, Expansion } from "./expansion.js";
import { LOOP, NO_SUCH_MAILBOX, NOT_OURS_NOW, STOPPING, troubleOf } from "./local-outcomes.js";

export interface LocalOptions extends CopyTools {
  /** The accounts, aliases and domains in force. */
  readonly directory: () => Directory;
  readonly quotas: Quotas;
  readonly cleaner: TmpCleaner;
  readonly expansion: Expansion;
}

/** As much of a header as is looked at for loops; receivers take no longer one. */
const HEADER_OCTETS_MAX = 1024 * 1024;

type Outcomes = Map<QueuedRecipient, Outcome>;

export class LocalDeliverer implements Deliverer {
  readonly #options: LocalOptions;

  constructor(options: LocalOptions) {
    this.#options = options;
  }

  async deliver(job: Job, signal: AbortSignal): Promise<JobResult> {
    const outcomes: Outcomes = new Map();
    if (!signal.aborted) {
      const { direct, expanded } = this.#sort(job, outcomes);
      await this.#deliverTo(direct, job, outcomes);
      await this.#expand(expanded, job, outcomes);
    }
    return {
      outcomes: job.recipients.map((recipient) => outcomes.get(recipient) ?? STOPPING),
      reached: true,
    };
  }

  /** Recipients by account, and those that stand for others; those that are neither get their outcome. */
  #sort({ recipients }: Job, outcomes: Outcomes) {
    const directory = this.#options.directory();
    const direct = new Map<Account, QueuedRecipient[]>();
    const expanded: ExpandedRecipient[] = [];
    for (const recipient of recipients) {
      const way = wayOf(recipient, directory);
      const [account] = way.kind === "local" && way.accounts.length === 1 ? way.accounts : [];
      if (account !== undefined) direct.set(account, [...(direct.get(account) ?? []), recipient]);
      else if (way.kind === "local" || way.kind === "forwarded") expanded.push({ recipient, way });
      else outcomes.set(recipient, way.kind === "unknown" ? NO_SUCH_MAILBOX : NOT_OURS_NOW);
    }
    return { direct, expanded };
  }

  async #deliverTo(
    direct: ReadonlyMap<Account, readonly QueuedRecipient[]>,
    job: Job,
    outcomes: Outcomes,
  ): Promise<void> {
    if (direct.size === 0) return;
    const tell = (account: Account, outcome: Outcome) => {
      for (const recipient of direct.get(account) ?? []) outcomes.set(recipient, outcome);
    };
    try {
      await this.#write([...direct.keys()], job, tell);
    } catch (err) {
      job.log.error({ err }, "message cannot be delivered here");
      for (const account of direct.keys()) tell(account, troubleOf(err));
    }
  }

  /** Rejects, with nothing delivered, when the message cannot be read or no mailbox takes it. */
  async #write(
    accounts: readonly Account[],
    job: Job,
    tell: (account: Account, outcome: Outcome) => void,
  ): Promise<void> {
    const copies = new Copies(this.#options);
    const stream = await job.message.open();
    let mailboxes: MailboxCopies | undefined;
    try {
      const source = await readHeader(stream);
      const before = new Set(source.header.deliveredTo.map((address) => address.toLowerCase()));
      const wanted = accounts.filter(({ address }) => !before.has(address));
      for (const account of accounts) if (before.has(account.address)) tell(account, LOOP);
      const blank = source.header.headless ? "\n" : "";
      const tops = wanted.map((account) => ({
        account,
        top: Buffer.from(mailboxTop(job.reversePath, account.address) + blank),
      }));
      mailboxes = new MailboxCopies(copies, tops, { ...this.#options, log: job.log });
      if (wanted.length === 0) return;
      for await (const octets of source.octets) await copies.write(octets);
      await copies.stage();
      await mailboxes.prepare();
      await mailboxes.publish();
      await mailboxes.end();
      for (const { account, copy } of mailboxes.failed) {
        job.log.info(
          { err: copy.failure?.error, account: account.address },
          "mailbox cannot take the message",
        );
        tell(account, troubleOf(copy.failure?.error));
      }
      for (const { account } of mailboxes.sound) this.#delivered(account, job, tell);
    } finally {
      // It may not have been read to its end, and holds a file.
      stream.destroy();
      mailboxes?.release();
      await copies.rollback();
    }
  }

  #delivered(account: Account, { log }: Job, tell: (account: Account, outcome: Outcome) => void): void {
    tell(account, { kind: "delivered", host: undefined, reply: undefined });
    this.#options.cleaner
      .visit(account.maildir)
      .catch((err: unknown) => log.warn({ err }, "tmp/ not cleaned"));
  }

  async #expand(expanded: readonly ExpandedRecipient[], job: Job, outcomes: Outcomes): Promise<void> {
    if (expanded.length === 0) return;
    let outcome: Outcome = { kind: "passed on", host: undefined, reply: undefined };
    try {
      await this.#options.expansion.enqueue(expanded, job);
    } catch (err) {
      job.log.error({ err }, "message cannot be delivered here");
      outcome = troubleOf(err);
    }
    for (const { recipient } of expanded) outcomes.set(recipient, outcome);
  }
}

/** An account that was found when the message came is meant whatever the aliases say now. */
function wayOf({ account: address, forwardPath }: QueuedRecipient, directory: Directory): Route {
  if (address === undefined) return route(forwardPath, "", directory);
  const account = directory.accounts.find(address);
  return account === undefined ? { kind: "unknown" } : { kind: "local", accounts: [account], missing: [] };
}

/** Reads up to the end of the header; gives all octets again, those that were read for it first. */
async function readHeader(stream: Readable) {
  const header = new HeaderSection();
  const rest: AsyncIterator<unknown> = stream[Symbol.asyncIterator]();
  const beginning: Buffer[] = [];
  let size = 0;
  for (let ended = false; !ended && size < HEADER_OCTETS_MAX; ) {
    const { done, value } = await rest.next();
    if (done === true) break;
    const octets = bufferOf(value);
    beginning.push(octets);
    size += octets.length;
    ended = header.push(octets) === "ended";
  }
  header.end();
  const octets = async function* () {
    yield* beginning;
    for (let next = await rest.next(); next.done !== true; next = await rest.next())
      yield bufferOf(next.value);
  };
  return { header, octets: octets() };
}

function bufferOf(value: unknown): Buffer {
  if (!Buffer.isBuffer(value)) throw new TypeError("a message is read as octets");
  return value;
}
