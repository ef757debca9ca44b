/** What the log says of each recipient of an attempt. */
import { formatMailbox } from "../../shared/address.js";
import type { Log } from "../../shared/log.js";
import type { QueueEnvelope, RemoteReply } from "./envelope.js";
import type { Step } from "./progress.js";

/** @param log bound to the queue id; @param now milliseconds since 1970 */
export function logStep(
  log: Log,
  { reversePath, arrivedAt, account }: QueueEnvelope,
  { before, fate, after }: Step,
  now: number,
): void {
  const attempts = before.attempts + (fate.kind === "put off" ? 0 : 1);
  const facts = {
    from: reversePath === undefined ? "" : formatMailbox(reversePath),
    to: formatMailbox(before.forwardPath),
    account,
    attempts,
    delay: Math.max(0, now - arrivedAt),
  };
  if ("trouble" in fate) {
    const { status, text, host, reply } = fate.trouble;
    const trouble = { ...facts, host, reply: textOf(reply), status, reason: text };
    if (fate.kind === "failed") log.warn(trouble, "failed");
    else if (after === undefined) log.warn(trouble, "expired");
    else log.info({ ...trouble, nextAttempt: new Date(after.nextAttempt).toISOString() }, "deferred");
    return;
  }
  const { host, reply, kind } = fate;
  log.info({ ...facts, host, reply: textOf(reply), status: reply?.status ?? "2.0.0", how: kind }, "sent");
}

function textOf(reply: RemoteReply | undefined): string | undefined {
  if (reply === undefined) return undefined;
  return [String(reply.code), reply.status, ...reply.lines].filter((part) => part !== undefined).join(" ");
}
