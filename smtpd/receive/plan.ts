/**
 * What is to be done with a message for all of its recipients: which mailboxes of ours get a copy at once, and who waits for it
 * in the queue. Pure.
 *
 * However many forward-paths and aliases lead to a mailbox, it gets one copy, and an address elsewhere is one recipient in the
 * queue. Of several DSN requests for it the first counts, unless a later one asks to be told of success.
 */

import type { Account } from "../../shared/accounts/account.js";
import { formatMailbox, type Mailbox, parseMailbox } from "../../shared/address.js";
import type { RcptDsnRequest } from "../protocol/dsn-request.js";
import type { QueuedRecipient, RecipientReport } from "../queue/envelope.js";
import { forwardedRequest, owesExpanded } from "./forwarded-request.js";

/** What a recipient came to: those who get the message. */
export interface Destination {
  /** Mailboxes of ours. */
  readonly accounts: readonly Account[];
  /** Mailboxes elsewhere. */
  readonly remote: readonly Mailbox[];
  /** True when an alias leads to those elsewhere, so that it is us who send the message on to them. */
  readonly forwarded: boolean;
}

export interface PlannedRecipient {
  readonly forwardPath: { readonly mailbox: Mailbox } & RcptDsnRequest;
  readonly destination: Destination;
}

export interface PlanFacts {
  /** Undefined for the null reverse-path, to which nothing is told. */
  readonly reversePath: Mailbox | undefined;
  /** The reverse-path of what is forwarded; undefined where it stays what it is. */
  readonly forwardingPath: Mailbox | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** A mailbox of ours, and what stands in the queue for it when it cannot take the message now. */
export interface PlannedCopy {
  readonly account: Account;
  readonly recipient: QueuedRecipient;
}

export interface Plan {
  readonly copies: readonly PlannedCopy[];
  readonly queued: readonly QueuedRecipient[];
  /** What is to be told of aliases that lead to several (RFC 3461 §5.2.7.3). */
  readonly expanded: readonly { readonly of: PlannedRecipient; readonly report: RecipientReport }[];
}

export function planFor(recipients: readonly PlannedRecipient[], facts: PlanFacts): Plan {
  const wanted = new Map<string, PlannedCopy | QueuedRecipient>();
  const expanded: { of: PlannedRecipient; report: RecipientReport }[] = [];
  for (const of of recipients) {
    const { forwardPath, destination } = of;
    const { accounts, remote, forwarded } = destination;
    const targets = accounts.length + remote.length;
    const request = forwardedRequest(forwardPath, targets);
    for (const account of accounts) {
      const own =
        targets === 1 ? forwardPath.mailbox : (parseMailbox(account.address) ?? forwardPath.mailbox);
      const recipient = queuedRecipient(own, request, { account: account.address, now: facts.now });
      want(wanted, `account ${account.address}`, { account, recipient });
    }
    const rewrittenReversePath = forwarded ? facts.forwardingPath : undefined;
    for (const mailbox of remote) {
      const recipient = queuedRecipient(mailbox, request, { rewrittenReversePath, now: facts.now });
      want(wanted, `mailbox ${formatMailbox(mailbox)}`, recipient);
    }
    if (facts.reversePath !== undefined && owesExpanded(forwardPath, targets))
      expanded.push({ of, report: expandedReport(forwardPath, facts.now) });
  }
  return { ...sorted([...wanted.values()], facts.reversePath), expanded };
}

function want(
  wanted: Map<string, PlannedCopy | QueuedRecipient>,
  key: string,
  one: PlannedCopy | QueuedRecipient,
): void {
  const earlier = wanted.get(key);
  if (earlier === undefined || (!asksForSuccess(earlier) && asksForSuccess(one))) wanted.set(key, one);
}

/** A mailbox whose sender is to be told of success waits in the queue: whoever delivers from there tells of it. */
function sorted(
  wanted: readonly (PlannedCopy | QueuedRecipient)[],
  reversePath: Mailbox | undefined,
): Pick<Plan, "copies" | "queued"> {
  const copies: PlannedCopy[] = [];
  const queued: QueuedRecipient[] = [];
  for (const one of wanted) {
    if (!("recipient" in one)) queued.push(one);
    else if (reversePath !== undefined && asksForSuccess(one)) queued.push(one.recipient);
    else copies.push(one);
  }
  return { copies, queued };
}

function asksForSuccess(one: PlannedCopy | QueuedRecipient): boolean {
  const { notify } = "recipient" in one ? one.recipient : one;
  return notify?.includes("SUCCESS") === true;
}

interface QueuedFacts {
  readonly account?: string;
  readonly rewrittenReversePath?: Mailbox | undefined;
  readonly now: number;
}

function queuedRecipient(
  forwardPath: Mailbox,
  { notify, orcpt }: RcptDsnRequest,
  { account, rewrittenReversePath, now }: QueuedFacts,
): QueuedRecipient {
  return {
    forwardPath,
    notify,
    orcpt,
    account,
    rewrittenReversePath,
    attempts: 0,
    nextAttempt: now,
    trouble: undefined,
    delayTold: false,
  };
}

function expandedReport({ mailbox, orcpt }: PlannedRecipient["forwardPath"], now: number): RecipientReport {
  return {
    forwardPath: mailbox,
    orcpt,
    status: "2.1.5",
    text: "the address stands for several mailboxes, and the message goes to each of them",
    host: undefined,
    reply: undefined,
    at: now,
    willRetryUntil: undefined,
  };
}
