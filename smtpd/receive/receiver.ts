/**
 * Who may send what to whom, and what becomes of it: the application behind the protocol (protocol/receiver.ts). Who may send is
 * said in senders.ts, who may receive in recipients.ts; a message is taken by acceptance.ts, which puts it into mailboxes and
 * the queue.
 */
import { randomInt } from "node:crypto";
import type { Authenticator } from "../../shared/accounts/account.js";
import { formatMailbox } from "../../shared/address.js";
import type { TmpCleaner } from "../../shared/maildir/clean.js";
import { performCheck } from "../../shared/sasl/check.js";
import type { Check, Checked } from "../../shared/sasl/mechanism.js";
import type { LoginOffer } from "../../shared/sasl/mechanisms.js";
import type {
  DataAnswer,
  Envelope,
  ForwardPath,
  MessageAnswer,
  RcptAnswer,
  Receiver,
  Recipient,
  ReversePath,
  SessionFacts,
} from "../protocol/receiver.js";
import { type Reply, reply } from "../protocol/reply.js";
import { formatQueueId } from "../queue/queue-id.js";
import { Acceptance, type AcceptanceTools, type Accepted, type Backlog } from "./acceptance.js";
import { Intake, type Storing } from "./data.js";
import type { HeaderFacts } from "./header-section.js";
import type { NullMxSenders } from "./null-mx-senders.js";
import { type Destination, planFor } from "./plan.js";
import { Recipients } from "./recipients.js";
import { MailboxFull } from "./room.js";
import type { Directory } from "./route.js";
import type { Senders } from "./senders.js";
import type { Srs } from "./srs.js";
import { replyToStorageError } from "./storage-error.js";
import { commonTop, mailboxTop } from "./top-fields.js";

const SENDER_OK = reply(250, "1.0", "sender ok");
export const DELIVERED_BEFORE = reply(
  554,
  "4.6",
  "this message was delivered to this mailbox before, it is looping",
);

export interface ReceiverOptions extends Omit<AcceptanceTools, "log" | "newQueueId" | "queue"> {
  readonly hostname: string;
  readonly headerSizeMax: number;
  /** The accounts, aliases and domains in force. */
  readonly directory: () => Directory;
  readonly authenticator: Authenticator;
  readonly senders: Senders;
  /** Undefined where no reverse-path is rewritten. */
  readonly srs: () => Srs | undefined;
  /** Undefined while smtpd is starting. */
  readonly queue: () => Backlog | undefined;
  readonly cleaner: TmpCleaner;
  /** Undefined where nobody is refused for his domain. */
  readonly nullMxSenders?: NullMxSenders | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** A message that is to be taken. */
interface Incoming {
  readonly session: SessionFacts;
  readonly envelope: Envelope<Destination>;
  readonly queueId: string;
  readonly begun: number;
}

export class MailReceiver implements Receiver<Destination> {
  readonly #options: ReceiverOptions;
  readonly #recipients: Recipients;

  constructor(options: ReceiverOptions) {
    this.#options = options;
    this.#recipients = new Recipients(options);
  }

  get logins(): LoginOffer {
    return this.#options.authenticator;
  }

  authenticate(_session: SessionFacts, check: Check): Promise<Checked> {
    return performCheck(this.#options.authenticator, check);
  }

  isTrusted(session: SessionFacts): boolean {
    return this.#options.senders.isTrusted(session);
  }

  async mail(session: SessionFacts, { mailbox }: ReversePath): Promise<Reply> {
    const { senders, nullMxSenders } = this.#options;
    const refusal =
      senders.refusalOfReversePath(session, mailbox) ?? (await nullMxSenders?.refusalOf(session, mailbox));
    return refusal ?? SENDER_OK;
  }

  rcpt(
    session: SessionFacts,
    { reversePath }: Envelope<Destination>,
    { mailbox }: ForwardPath,
  ): Promise<RcptAnswer<Destination>> {
    return this.#recipients.answer(session, reversePath, mailbox);
  }

  async data(session: SessionFacts, envelope: Envelope<Destination>): Promise<DataAnswer> {
    const { headerSizeMax, now } = this.#options;
    const begun = now();
    const queueId = this.#newQueueId();
    const begin = (header: HeaderFacts) => this.#begin({ session, envelope, queueId, begun }, header);
    const message = new Intake({ log: session.log, queueId, headerSizeMax, begin });
    return { kind: "accepted", message };
  }

  #newQueueId(): string {
    return formatQueueId(this.#options.now(), randomInt(2 ** 25));
  }

  /** The header is there: who gets the message is known now. */
  #begin(incoming: Incoming, header: HeaderFacts): Storing | Reply {
    const { session, envelope } = incoming;
    const refusal = this.#options.senders.refusalOfHeader(session, header);
    if (refusal !== undefined) return refusal;
    const before = new Set(header.deliveredTo.map((address) => address.toLowerCase()));
    const loops = ({ destination }: Recipient<Destination>) =>
      destination.accounts.some(({ address }) => before.has(address));
    const recipients = envelope.recipients.filter((recipient) => !loops(recipient));
    // By LMTP those who are in no loop can be told apart.
    const each = session.role === "lmtp";
    const refused = recipients.length < envelope.recipients.length && !each;
    if (refused || recipients.length === 0) return DELIVERED_BEFORE;

    const groups = each ? recipients.map((recipient) => [recipient]) : [recipients];
    const acceptance = this.#acceptance(incoming, header, groups);
    const commit = async (): Promise<MessageAnswer> => {
      const accepted = await acceptance.commit();
      this.#logAccepted(incoming, accepted);
      const replies = accepted.refusals.map((one) => this.#replyTo(incoming, one, accepted));
      if (!each) return replies[0] ?? DELIVERED_BEFORE;
      const byRecipient = new Map(recipients.map((recipient, i) => [recipient, replies[i]]));
      return envelope.recipients.map((recipient) => byRecipient.get(recipient) ?? DELIVERED_BEFORE);
    };
    return {
      write: (octets) => acceptance.write(octets),
      commit,
      rollback: () => acceptance.rollback(),
    };
  }

  #acceptance(
    { session, envelope, queueId, begun }: Incoming,
    header: HeaderFacts,
    groups: readonly (readonly Recipient<Destination>[])[],
  ): Acceptance {
    const { hostname, now, srs } = this.#options;
    const { reversePath } = envelope;
    const date = new Date(now());
    const common = commonTop({ session, envelope, header, hostname, queueId, date });
    const plan = planFor(groups.flat(), {
      reversePath: reversePath.mailbox,
      forwardingPath: srs()?.forward(reversePath.mailbox, begun),
      now: begun,
    });
    const facts = {
      queueId,
      arrivedAt: begun,
      reversePath,
      submitter: session.account?.address,
      plan,
      groups,
      queueTop: Buffer.from(common),
      mailboxTop: (address: string) => Buffer.from(mailboxTop(reversePath.mailbox, address) + common),
    };
    const queue = this.#options.queue();
    if (queue === undefined) throw new Error("the queue is not open yet");
    const newQueueId = () => this.#newQueueId();
    return new Acceptance(facts, { ...this.#options, queue, newQueueId, log: session.log });
  }

  #replyTo({ queueId }: Incoming, refusal: Accepted["refusals"][number], { queued }: Accepted): Reply {
    if (refusal !== undefined) return replyToStorageError(refusal.error);
    return reply(250, "0.0", `${queued === undefined ? "delivered" : "queued"} as ${queueId}`);
  }

  #logAccepted({ session, envelope, queueId, begun }: Incoming, accepted: Accepted): void {
    const { log } = session;
    const { mailbox } = envelope.reversePath;
    const about = {
      queueId,
      from: mailbox === undefined ? "" : formatMailbox(mailbox),
      to: envelope.recipients.map(({ forwardPath }) => formatMailbox(forwardPath.mailbox)),
      ms: this.#options.now() - begun,
    };
    for (const { account, copy } of accepted.failed) {
      const err = copy.failure?.error;
      if (err instanceof MailboxFull) log.info({ queueId, account: account.address }, "mailbox full");
      else log.error({ err, queueId, account: account.address }, "mailbox cannot take the message");
    }
    for (const { account, copy } of accepted.delivered) {
      log.info({ ...about, account: account.address, file: copy.name, size: copy.size }, "delivered");
      this.#options.cleaner
        .visit(account.maildir)
        .catch((err: unknown) => log.warn({ err }, "tmp/ not cleaned"));
    }
    if (accepted.queued === undefined) return;
    const { recipients, size } = accepted.queued;
    const waiting = recipients.map(({ account, forwardPath }) => account ?? formatMailbox(forwardPath));
    log.info({ ...about, size, waiting }, "queued");
  }
}
