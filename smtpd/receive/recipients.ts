/**
 * Which recipients are taken, and where they lead: answers RCPT.
 *
 * In the mx role mail for our domains is taken from anyone, and an unknown recipient is refused, so that no bounce is ever owed to a
 * stranger. Mail for other hosts is taken from those who may send: users who have logged in, and the clients of [relay]
 * networks. In the lmtp role there are only recipients of ours.
 */
import type { Account } from "../../shared/accounts/account.js";
import { formatMailbox, type Mailbox } from "../../shared/address.js";
import type { Log } from "../../shared/log.js";
import type { RcptAnswer, ReversePath, SessionFacts } from "../protocol/receiver.js";
import { MAILBOX_FULL, type Reply, reply } from "../protocol/reply.js";
import type { Destination } from "./plan.js";
import type { Quotas } from "./room.js";
import { type Directory, route } from "./route.js";
import type { Senders } from "./senders.js";
import { Srs } from "./srs.js";

const RECIPIENT_OK = reply(250, "1.5", "recipient ok");
const NO_SUCH_MAILBOX = reply(550, "1.1", "no such mailbox here");
const NOT_OURS = reply(550, "7.1", "we do not relay");
const ONLY_BOUNCES = reply(550, "7.1", "this address takes bounces only");
const HOURLY_LIMIT = reply(450, "7.1", "too many recipients in an hour, try again later");

export interface RecipientsOptions {
  readonly directory: () => Directory;
  readonly quotas: Quotas;
  readonly senders: Senders;
  /** Undefined where no reverse-path is rewritten. */
  readonly srs: () => Srs | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export class Recipients {
  readonly #options: RecipientsOptions;

  constructor(options: RecipientsOptions) {
    this.#options = options;
  }

  async answer(
    session: SessionFacts,
    reversePath: ReversePath,
    mailbox: Mailbox,
  ): Promise<RcptAnswer<Destination>> {
    const found = await this.#find(session, reversePath, mailbox);
    if ("code" in found) return { kind: "refused", reply: found };
    if (!this.#options.senders.mayHaveOneMore(session)) return { kind: "refused", reply: HOURLY_LIMIT };
    return { kind: "accepted", reply: RECIPIENT_OK, destination: found };
  }

  async #find(
    session: SessionFacts,
    reversePath: ReversePath,
    mailbox: Mailbox,
  ): Promise<Destination | Reply> {
    const directory = this.#options.directory();
    const original = directory.domains.has(mailbox.domain) ? this.#bounced(mailbox) : undefined;
    if (original !== undefined) {
      // A bounce has the null reverse-path. Nothing else has any business with an address that we have made.
      return reversePath.mailbox === undefined ? elsewhere(original) : ONLY_BOUNCES;
    }
    const way = route(mailbox, session.localAddress, directory);
    switch (way.kind) {
      case "local":
      case "forwarded": {
        warnOfMissing(session.log, mailbox, way.missing);
        const remote = way.kind === "forwarded" ? way.to : [];
        if (remote.length === 0 && !(await this.#someHaveRoom(way.accounts, reversePath.size)))
          return MAILBOX_FULL;
        return { accounts: way.accounts, remote, forwarded: true };
      }
      case "unknown":
        return NO_SUCH_MAILBOX;
      case "remote":
        return this.#options.senders.maySend(session) ? elsewhere(mailbox) : NOT_OURS;
    }
  }

  #bounced(mailbox: Mailbox): Mailbox | undefined {
    const { srs, now } = this.#options;
    return Srs.isMeant(mailbox) ? srs()?.reverse(mailbox, now()) : undefined;
  }

  /**
   * Whether one of these accounts could take a message: the copies of the others would wait in the queue. What counts is decided
   * when the message has come (room.ts).
   * @param size octets that the client declares; of a message that may be of any size, the least there is
   */
  async #someHaveRoom(accounts: readonly Account[], size = 1): Promise<boolean> {
    const { keeper, of } = this.#options.quotas;
    for (const account of accounts) {
      if (await keeper.fits(account.maildir, of(account), { octets: size, messages: 1 })) return true;
    }
    return false;
  }
}

function elsewhere(mailbox: Mailbox): Destination {
  return { accounts: [], remote: [mailbox], forwarded: false };
}

function warnOfMissing(log: Log, alias: Mailbox, missing: readonly Mailbox[]): void {
  if (missing.length === 0) return;
  log.warn(
    { alias: formatMailbox(alias), missing: missing.map(formatMailbox) },
    "alias has targets that do not exist",
  );
}
