/**
 * Whose copies wait in the queue when some mailboxes cannot take a message for now. Pure.
 *
 * What gets one reply stands or falls together: all recipients of a transaction in SMTP, each recipient by itself in LMTP. When
 * something of it is accepted, the rest has to be, and waits in the queue; when nothing can be, the client is told and tries again.
 */

/** What one reply is about, by account: those who get a copy at once. */
export interface Group {
  readonly accounts: readonly string[];
  /** True when somebody of it is in the queue anyhow. */
  readonly queued: boolean;
}

/** The accounts among `failed` that wait in the queue. */
export function whoWaits(groups: readonly Group[], failed: ReadonlySet<string>): ReadonlySet<string> {
  const waiting = new Set<string>();
  // Again until nothing changes, since groups may have accounts in common.
  for (let before = -1; before < waiting.size; ) {
    before = waiting.size;
    for (const group of groups) {
      if (!isAccepted(group, failed, waiting)) continue;
      for (const account of group.accounts) if (failed.has(account)) waiting.add(account);
    }
  }
  return waiting;
}

/** Whether its reply says that the message is taken. */
export function isAccepted(
  { accounts, queued }: Group,
  failed: ReadonlySet<string>,
  waiting: ReadonlySet<string>,
): boolean {
  return queued || accounts.some((account) => !failed.has(account) || waiting.has(account));
}
