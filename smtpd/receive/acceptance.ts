/**
 * A message that is being taken for all of its recipients at once: copies into mailboxes of ours, and what has to wait into the
 * queue. It is streamed once, and all of it is durable before the one reply:
 *
 *   every copy, the queue's too, staged     synced in tmp/, and room found in each mailbox
 *   every copy renamed, new/ synced         mailboxes have it; the queue's copy alone means nothing yet
 *   the envelope put into the queue         its rename commits those who wait (queue/queue.ts)
 *
 * A mailbox that fails for now on the way joins those who wait in the queue. When the queue cannot take what has to wait,
 * nothing is delivered to anybody. A crash leaves at most copies of a message that was not acknowledged, which the client then
 * sends again: seen twice, never lost.
 */
import type { Log } from "../../shared/log.js";
import type { Maildir } from "../../shared/maildir/maildir.js";
import type { ReversePath } from "../protocol/receiver.js";
import type { QueuedRecipient, QueueEnvelope } from "../queue/envelope.js";
import { Copies, type Copy, type CopyTools } from "./copies.js";
import { MailboxCopies, type MailboxCopy, publish, syncNew } from "./mailbox-copies.js";
import type { Plan, PlannedRecipient } from "./plan.js";
import type { Quotas } from "./room.js";
import { type Group, isAccepted, whoWaits } from "./who-waits.js";

/** What receiving needs of the queue. */
export interface Backlog {
  readonly maildir: Maildir;
  /** The message is in new/, which is synced. When it resolves, the envelope is durable, too. */
  commit(envelope: QueueEnvelope): Promise<void>;
}

export interface AcceptanceTools extends CopyTools {
  readonly quotas: Quotas;
  readonly queue: Backlog;
  readonly newQueueId: () => string;
  readonly log: Log;
}

export interface AcceptanceFacts {
  readonly queueId: string;
  readonly arrivedAt: number;
  readonly reversePath: ReversePath;
  /** Who submitted it, `alice@example.org`. */
  readonly submitter: string | undefined;
  readonly plan: Plan;
  /** Recipients that share a reply: all of them in SMTP, each by itself in LMTP. */
  readonly groups: readonly (readonly PlannedRecipient[])[];
  /** The fields on top of the queue's copy, and of a mailbox's. */
  readonly queueTop: Buffer;
  readonly mailboxTop: (address: string) => Buffer;
}

/** Why nobody of a group can be given the message now. */
export interface Refusal {
  /** MailboxFull, or the system's error. */
  readonly error: unknown;
}

export interface QueuedMessage {
  readonly recipients: readonly QueuedRecipient[];
  /** Octets of the file. */
  readonly size: number;
}

/** What became of a message. */
export interface Accepted {
  /** For each group why it is refused; undefined where it is taken. */
  readonly refusals: readonly (Refusal | undefined)[];
  readonly delivered: readonly MailboxCopy[];
  /** Copies that could not be delivered now. */
  readonly failed: readonly MailboxCopy[];
  readonly queued: QueuedMessage | undefined;
}

interface GroupMembers {
  readonly of: readonly PlannedRecipient[];
}

export class Acceptance {
  readonly #facts: AcceptanceFacts;
  readonly #tools: AcceptanceTools;
  readonly #copies: Copies;
  readonly #mailboxes: MailboxCopies;
  readonly #groups: readonly (Group & GroupMembers)[];
  #queueCopy: Copy | undefined;

  constructor(facts: AcceptanceFacts, tools: AcceptanceTools) {
    const { plan, mailboxTop } = facts;
    this.#facts = facts;
    this.#tools = tools;
    this.#copies = new Copies(tools);
    const mailboxes = plan.copies.map(({ account }) => ({ account, top: mailboxTop(account.address) }));
    this.#mailboxes = new MailboxCopies(this.#copies, mailboxes, tools);
    this.#groups = facts.groups.map((recipients) => groupOf(recipients, plan));
    if (plan.queued.length + plan.expanded.length > 0) this.#addQueueCopy();
  }

  write(octets: Buffer): Promise<void> {
    return this.#copies.write(octets);
  }

  /**
   * Resolves to what became of each group of recipients, once all that is taken is durable. Rejects with the system's error when
   * the queue cannot take what has to wait; then nobody gets the message.
   */
  async commit(): Promise<Accepted> {
    try {
      await this.#copies.stage();
      await this.#mailboxes.prepare();
      if (this.#waiting().size > 0) await this.#stageQueueCopy();
      expectSound(this.#queueCopy);
      // Both to their end, lest one is still at work while all is rolled back.
      await Promise.all([this.#mailboxes.publish(), this.#publishQueueCopy()]);
      expectSound(this.#queueCopy);
      const queued = await this.#commitQueue();
      if (this.#isTaken()) await this.#end();
      // What failed on the way is no more than garbage now.
      await this.#copies.rollback();
      return {
        refusals: this.#refusals(),
        delivered: this.#mailboxes.sound,
        failed: this.#mailboxes.failed,
        queued,
      };
    } catch (error) {
      await this.#copies.rollback();
      throw error;
    } finally {
      this.#mailboxes.release();
    }
  }

  /** It does not come whole, or cannot be taken: leaves nothing behind. */
  async rollback(): Promise<void> {
    await this.#copies.rollback();
  }

  async #end(): Promise<void> {
    this.#queueCopy?.delivery?.end();
    await this.#mailboxes.end();
  }

  #addQueueCopy(): Copy {
    this.#queueCopy ??= this.#copies.add(this.#tools.queue.maildir, this.#facts.queueTop);
    return this.#queueCopy;
  }

  async #stageQueueCopy(): Promise<void> {
    this.#addQueueCopy();
    await this.#copies.stage();
  }

  /** Never rejects. */
  async #publishQueueCopy(): Promise<void> {
    const copy = this.#queueCopy;
    if (copy === undefined) return;
    await publish(copy);
    await syncNew(copy, this.#tools.durable);
  }

  /** Puts into the queue what has to wait. */
  async #commitQueue(): Promise<QueuedMessage | undefined> {
    const { recipients, owed } = this.#backlog();
    if (recipients.length + owed.length === 0) return undefined;
    if (this.#queueCopy === undefined) {
      await this.#stageQueueCopy();
      await this.#publishQueueCopy();
      expectSound(this.#queueCopy);
    }
    const { name, size } = this.#addQueueCopy();
    const { queueId, arrivedAt, reversePath, submitter } = this.#facts;
    const { mailbox, body, smtputf8, ret, envid } = reversePath;
    await this.#tools.queue.commit({
      queueId,
      message: name,
      arrivedAt,
      reversePath: mailbox,
      ...{ body, smtputf8, ret, envid, recipients, owed },
      account: submitter,
      held: false,
    });
    return { recipients, size };
  }

  #backlog(): Pick<QueueEnvelope, "recipients" | "owed"> {
    const { plan } = this.#facts;
    const waiting = this.#waiting();
    const late = plan.copies.filter(({ account }) => waiting.has(account.address));
    const recipients = [...plan.queued, ...late.map(({ recipient }) => recipient)];
    const taken = new Set(this.#groups.filter((group) => this.#isAccepted(group)).flatMap(({ of }) => of));
    const reports = plan.expanded.filter(({ of }) => taken.has(of)).map(({ report }) => report);
    if (reports.length === 0) return { recipients, owed: [] };
    return { recipients, owed: [{ queueId: this.#tools.newQueueId(), action: "expanded", reports }] };
  }

  #isTaken(): boolean {
    return this.#groups.some((group) => this.#isAccepted(group));
  }

  #isAccepted(group: Group): boolean {
    return isAccepted(group, this.#failed(), this.#waiting());
  }

  /** For each group why it is refused, undefined where it is taken. */
  #refusals(): readonly (Refusal | undefined)[] {
    return this.#groups.map((group) => {
      if (this.#isAccepted(group)) return undefined;
      const failed = this.#mailboxes.failed.find(({ account }) => group.accounts.includes(account.address));
      return { error: failed?.copy.failure?.error };
    });
  }

  #waiting(): ReadonlySet<string> {
    return whoWaits(this.#groups, this.#failed());
  }

  #failed(): ReadonlySet<string> {
    return new Set(this.#mailboxes.failed.map(({ account }) => account.address));
  }
}

function expectSound(copy: Copy | undefined): void {
  if (copy?.failure !== undefined) throw copy.failure.error;
}

function groupOf(of: readonly PlannedRecipient[], { copies }: Plan): Group & GroupMembers {
  const atOnce = new Set(copies.map(({ account }) => account.address));
  const destinations = of.map(({ destination }) => destination);
  const accounts = destinations.flatMap((destination) => destination.accounts.map(({ address }) => address));
  const queued =
    destinations.some(({ remote }) => remote.length > 0) || accounts.some((address) => !atOnce.has(address));
  return { of, accounts: accounts.filter((address) => atOnce.has(address)), queued };
}
