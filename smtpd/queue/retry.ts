/**
 * When mail that could not be delivered is tried again, and when it is given up. Pure.
 *
 * RFC 5321 §4.5.4.1: the first attempts follow one another quickly, later ones are hours apart, and it takes days to give up.
 * Messages that were deferred together must not all come back together, so each waits a little longer than its interval
 * says, by a part of it that its queue id decides: the same after a restart, without anything that had to be remembered.
 */

/** All times in milliseconds. */
export interface RetryTimes {
  /** Between one attempt and the next; the last one repeats. One at least. */
  readonly intervals: readonly number[];
  /** From the arrival of a message to its last attempt. */
  readonly lifetime: number;
}

/** How much longer than its interval a wait may be, as a part of it. */
const JITTER = 1 / 8;

/** What is known of an attempt that has just failed. */
export interface FailedAttempt {
  readonly queueId: string;
  readonly arrivedAt: number;
  /** How many attempts there were, with this one. */
  readonly attempts: number;
  readonly now: number;
}

/** When to try next; undefined when this was the last attempt. The last one is due when the lifetime ends, not beyond. */
export function nextAttempt(
  times: RetryTimes,
  { queueId, arrivedAt, attempts, now }: FailedAttempt,
): number | undefined {
  const end = arrivedAt + times.lifetime;
  if (now >= end) return undefined;
  const interval =
    times.intervals[Math.min(Math.max(attempts, 1), times.intervals.length) - 1] ?? times.lifetime;
  const wait = interval * (1 + JITTER * fraction(`${queueId} ${attempts}`));
  return Math.min(now + Math.round(wait), end);
}

/**
 * When a recipient is to be tried, by what its envelope says. A time that is further away than any interval was written
 * when the clock was wrong: then it is now.
 */
export function dueAt(times: RetryTimes, nextAttempt: number, now: number): number {
  const longest = Math.max(...times.intervals) * (1 + JITTER);
  return nextAttempt - now > longest + 1 ? now : nextAttempt;
}

/** A number from 0 to 1, 1 excluded, that follows from the text: FNV-1a with 32 bits, and the last step of murmur3. */
function fraction(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
