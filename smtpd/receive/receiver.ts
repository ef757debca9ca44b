/**
 * Who may send what to whom, and what becomes of it: the application behind the protocol (protocol/receiver.ts).
 *
 * In the mx role mail for our domains is taken from anyone, and an unknown recipient is refused at RCPT, so that no
 * bounce is ever owed to a stranger. In the submission role users who have logged in send; mail that would have to go
 * to another host is refused for now with 4.3.3, since nothing here relays.
 */
import { randomInt } from "node:crypto";
import type { Account, Authenticator } from "../../shared/accounts/account.js";
import { formatMailbox, type Mailbox, parseMailbox } from "../../shared/address.js";
import type { Durable } from "../../shared/durable.js";
import type { TmpCleaner } from "../../shared/maildir/clean.js";
import { performCheck } from "../../shared/sasl/check.js";
import type { Check, Checked } from "../../shared/sasl/mechanism.js";
import type { LoginOffer } from "../../shared/sasl/mechanisms.js";
import type {
  DataAnswer,
  Envelope,
  ForwardPath,
  RcptAnswer,
  Receiver,
  ReversePath,
  SessionFacts,
} from "../protocol/receiver.js";
import { MAILBOX_FULL, type Reply, reply } from "../protocol/reply.js";
import { formatQueueId } from "../queue/queue-id.js";
import { Copies, type DeliveredCopy } from "./copies.js";
import { Intake } from "./data.js";
import type { HeaderFacts } from "./header-section.js";
import type { NullMxSenders } from "./null-mx-senders.js";
import { missingFields } from "./repair.js";
import type { Quotas } from "./room.js";
import { type Directory, route } from "./route.js";
import { deliveredTo, received, returnPath } from "./trace-headers.js";

const SENDER_OK = reply(250, "1.0", "sender ok");
const RECIPIENT_OK = reply(250, "1.5", "recipient ok");
const NO_SUCH_MAILBOX = reply(550, "1.1", "no such mailbox here");
const NOT_OURS = reply(550, "7.1", "we do not relay");
const CANNOT_RELAY = reply(451, "3.3", "mail for other hosts cannot be sent from here yet, try again later");

/** What a recipient came to: the mailboxes that get the message. */
export type Destination = readonly Account[];

export interface ReceiverOptions {
  readonly hostname: string;
  readonly headerSizeMax: number;
  /** The accounts, aliases and domains in force. */
  readonly directory: () => Directory;
  readonly authenticator: Authenticator;
  readonly durable: Durable;
  readonly uniqueName: () => string;
  readonly cleaner: TmpCleaner;
  readonly quotas: Quotas;
  /** Undefined where nobody is refused for his domain. */
  readonly nullMxSenders?: NullMxSenders | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export class MailReceiver implements Receiver<Destination> {
  readonly #options: ReceiverOptions;

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  get logins(): LoginOffer {
    return this.#options.authenticator;
  }

  authenticate(_session: SessionFacts, check: Check): Promise<Checked> {
    return performCheck(this.#options.authenticator, check);
  }

  async mail(session: SessionFacts, { mailbox }: ReversePath): Promise<Reply> {
    return (await this.#options.nullMxSenders?.refusalOf(session, mailbox)) ?? SENDER_OK;
  }

  async rcpt(
    session: SessionFacts,
    { reversePath }: Envelope<Destination>,
    { mailbox }: ForwardPath,
  ): Promise<RcptAnswer<Destination>> {
    const way = route(mailbox, session.localAddress, this.#options.directory());
    switch (way.kind) {
      case "local":
        this.#warnOfMissing(session, mailbox, way.missing);
        if (!(await this.#haveRoom(way.accounts, reversePath.size)))
          return { kind: "refused", reply: MAILBOX_FULL };
        return { kind: "accepted", reply: RECIPIENT_OK, destination: way.accounts };
      case "unknown":
        return { kind: "refused", reply: NO_SUCH_MAILBOX };
      case "forwarded":
        return { kind: "refused", reply: CANNOT_RELAY };
      case "remote":
        return { kind: "refused", reply: session.role === "submission" ? CANNOT_RELAY : NOT_OURS };
    }
  }

  async data(session: SessionFacts, envelope: Envelope<Destination>): Promise<DataAnswer> {
    const { now, headerSizeMax } = this.#options;
    const begun = now();
    const queueId = formatQueueId(begun, randomInt(2 ** 25));
    const accounts = [...new Set(envelope.recipients.flatMap((recipient) => recipient.destination))];
    const message = new Intake({
      log: session.log,
      queueId,
      addresses: accounts.map((account) => account.address),
      headerSizeMax,
      copies: (header) => this.#copies(session, envelope, accounts, queueId, header),
      delivered: (copies) => this.#logDelivery(session, envelope, queueId, copies, now() - begun),
    });
    return { kind: "accepted", message };
  }

  #copies(
    session: SessionFacts,
    envelope: Envelope<Destination>,
    accounts: readonly Account[],
    queueId: string,
    header: HeaderFacts,
  ): Copies {
    const { hostname, durable, uniqueName, quotas, now } = this.#options;
    const date = new Date(now());
    const { reversePath } = envelope;
    const sender = reversePath.mailbox ?? accountMailbox(session.account);
    const repaired =
      session.role === "submission" && sender !== undefined
        ? missingFields(header, { date, queueId, hostname, sender })
        : "";
    const trace = received({
      ...session,
      hostname,
      queueId,
      date,
      smtputf8: reversePath.smtputf8,
      authenticated: session.account !== undefined,
      recipients: envelope.recipients.map(({ forwardPath }) => forwardPath.mailbox),
    });
    const blank = header.headless ? "\n" : "";
    const copies = accounts.map((account) => ({
      account,
      top: Buffer.from(
        returnPath(reversePath.mailbox) + deliveredTo(account.address) + trace + repaired + blank,
      ),
    }));
    return new Copies(copies, { durable, uniqueName, quotas, log: session.log });
  }

  /**
   * Whether each of these accounts could take a message: an alias takes none when one of those behind it cannot, or the
   * message would be theirs to lose. What counts is decided when the message has come (room.ts).
   * @param size octets that the client declares; of a message that may be of any size, the least there is
   */
  async #haveRoom(accounts: readonly Account[], size = 1): Promise<boolean> {
    const { keeper, of } = this.#options.quotas;
    for (const account of accounts) {
      if (!(await keeper.fits(account.maildir, of(account), { octets: size, messages: 1 }))) return false;
    }
    return true;
  }

  #logDelivery(
    { log }: SessionFacts,
    { reversePath, recipients }: Envelope<Destination>,
    queueId: string,
    copies: readonly DeliveredCopy[],
    milliseconds: number,
  ): void {
    const from = reversePath.mailbox === undefined ? "" : formatMailbox(reversePath.mailbox);
    const to = recipients.map(({ forwardPath }) => formatMailbox(forwardPath.mailbox));
    for (const { account, name, size } of copies) {
      log.info(
        { queueId, from, to, account: account.address, file: name, size, ms: milliseconds },
        "delivered",
      );
      this.#options.cleaner
        .visit(account.maildir)
        .catch((err: unknown) => log.warn({ err }, "tmp/ not cleaned"));
    }
  }

  #warnOfMissing({ log }: SessionFacts, alias: Mailbox, missing: readonly Mailbox[]): void {
    if (missing.length === 0) return;
    log.warn(
      { alias: formatMailbox(alias), missing: missing.map(formatMailbox) },
      "alias has targets that do not exist",
    );
  }
}

function accountMailbox(account: Account | undefined): Mailbox | undefined {
  return account === undefined ? undefined : parseMailbox(account.address);
}
