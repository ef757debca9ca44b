/**
 * When a message that was retrieved has stayed long enough (RFC 2449 §6.7). Pure: whoever asks brings the clock.
 *
 * Counted is from its delivery, which its name tells: `<seconds>.…`. A name of another form, or with a time before there
 * were Maildirs or after now, does not tell; then the time at which the file was written has to do.
 */

/** 1995-01-01. */
const EARLIEST_MS = 788_918_400_000;
/** Clocks of hosts that deliver may be ahead. */
const AHEAD_MS_MAX = 86_400_000;

/** When a message was delivered by its name, milliseconds since 1970; undefined where that does not tell. */
export function deliveredAt(filename: string, now: number): number | undefined {
  const [, seconds] = /^(\d{9,12})\./.exec(filename) ?? [];
  const time = Number(seconds) * 1000;
  return time >= EARLIEST_MS && time <= now + AHEAD_MS_MAX ? time : undefined;
}

/** Whether what was delivered at a time may be removed now. */
export function isExpired(delivered: number, now: number, expireMs: number): boolean {
  return Math.max(0, now - delivered) >= expireMs;
}
