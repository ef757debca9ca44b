/**
 * Who may send mail through us to anywhere, as whom, and how much: users who have logged in, held to addresses of their own, and
 * the clients of [relay] networks, who are trusted.
 */
import { formatMailbox, type Mailbox } from "../../shared/address.js";
import type { Networks } from "../../shared/networks.js";
import type { SessionFacts } from "../protocol/receiver.js";
import { type Reply, reply } from "../protocol/reply.js";
import { authorsOf } from "./authors.js";
import type { HeaderFacts } from "./header-section.js";
import { HourlyLimit } from "./hourly.js";
import type { Directory } from "./route.js";
import { maySendAs } from "./sender-rights.js";

export const NOT_YOUR_ADDRESS = reply(550, "7.1", "this reverse-path is not yours to use");

export interface SendersOptions {
  readonly directory: () => Directory;
  /** Who may send without logging in. */
  readonly networks: Networks;
  /** Recipients that an account, and a client of these networks, may send to in an hour; Infinity for any number. */
  readonly recipientsPerHour: { readonly account: number; readonly network: number };
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export class Senders {
  readonly #options: SendersOptions;
  readonly #accounts: HourlyLimit;
  readonly #clients: HourlyLimit;

  constructor(options: SendersOptions) {
    this.#options = options;
    this.#accounts = new HourlyLimit(options.recipientsPerHour.account);
    this.#clients = new HourlyLimit(options.recipientsPerHour.network);
  }

  /** Whether mail to other hosts is taken from this client. */
  maySend(session: SessionFacts): boolean {
    return session.account !== undefined || this.isTrusted(session);
  }

  /** Whether a client may send without logging in. What comes by LMTP is for mailboxes of ours alone. */
  isTrusted({ role, remoteAddress }: SessionFacts): boolean {
    return role !== "lmtp" && this.#options.networks.has(remoteAddress);
  }

  /** Why mail of this session may not have that reverse-path; undefined where it may. */
  refusalOfReversePath({ account }: SessionFacts, mailbox: Mailbox | undefined): Reply | undefined {
    if (account === undefined || mailbox === undefined) return undefined;
    return maySendAs(account, mailbox, this.#options.directory()) ? undefined : NOT_YOUR_ADDRESS;
  }

  /** Why a message of this session may not have that header; undefined where it may. */
  refusalOfHeader({ account }: SessionFacts, header: HeaderFacts): Reply | undefined {
    if (account === undefined) return undefined;
    const authors = authorsOf(header);
    if ("code" in authors) return authors;
    const directory = this.#options.directory();
    const other = authors.find((author) => !maySendAs(account, author, directory));
    if (other === undefined) return undefined;
    return reply(550, "7.1", `From or Sender has ${formatMailbox(other)}, which is not yours to use`);
  }

  /** Counts a recipient; false when there were too many within an hour. Strangers, who cannot send elsewhere, are not counted. */
  mayHaveOneMore(session: SessionFacts): boolean {
    const { account, remoteAddress, log } = session;
    const now = this.#options.now();
    if (account === undefined && !this.isTrusted(session)) return true;
    const verdict =
      account === undefined
        ? this.#clients.take(remoteAddress, now)
        : this.#accounts.take(account.address, now);
    if (verdict === "last") {
      // Once, and not for each that is refused then.
      log.warn({ account: account?.address }, "has sent to as many recipients as it may in an hour");
    }
    return verdict !== "too many";
  }
}
