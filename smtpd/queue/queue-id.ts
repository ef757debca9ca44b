/**
 * Queue ids: what a mail transaction is called in the log, in Received, in the reply to the client, and in the name of its
 * envelope's file. Pure.
 */

/** Crockford's base 32: no letters that are taken for digits. */
const DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TIME_DIGITS = 9;
const RANDOM_DIGITS = 5;

/**
 * A queue id that sorts by time: nine digits of milliseconds since 1970, then five of `random`, which keep two hosts'
 * or two processes' ids apart.
 * @param milliseconds since 1970
 * @param random a whole number of at least 25 bits
 */
export function formatQueueId(milliseconds: number, random: number): string {
  return digits(milliseconds, TIME_DIGITS) + digits(random, RANDOM_DIGITS);
}

const QUEUE_ID = new RegExp(`^[${DIGITS}]{${TIME_DIGITS + RANDOM_DIGITS}}$`);

/** Whether a text is what formatQueueId writes: nothing else ever becomes part of a path in the queue. */
export function isQueueId(text: string): boolean {
  return QUEUE_ID.test(text);
}

function digits(value: number, length: number): string {
  let text = "";
  for (let rest = value; text.length < length; rest = Math.floor(rest / 32))
    text = (DIGITS[rest % 32] ?? "0") + text;
  return text;
}
