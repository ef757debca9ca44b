/**
 * Which logins succeeded a moment ago, so that a mail program that comes every minute does not cost a slow check each time.
 * Pure: the caller brings the clock.
 *
 * A login is held as a hash under a key that exists in this process only, over all that it depends on: the address, the
 * password field of the accounts file, the password. So nothing in it is worth stealing, and a changed password, a changed
 * entry and a removed one end what it knows at once. Only successes are kept: whoever finds his login faster than others
 * knew the password already, and a wrong guess always costs the full check.
 */
import { createHmac, randomBytes } from "node:crypto";

const ENTRIES_MAX = 10_000;
/** Long enough for the several connections that a mail program makes at once. */
const LIFETIME_MS = 60_000;

interface Entry<V> {
  readonly value: V;
  readonly end: number;
}

export class LoginCache<V> {
  readonly #key = randomBytes(32);
  /** The oldest entry first. */
  readonly #entries = new Map<string, Entry<V>>();

  /** The name under which a login is held. No part may hold a NUL but the last. */
  nameOf(...parts: string[]): string {
    return createHmac("sha256", this.#key).update(parts.join("\0")).digest("base64");
  }

  /** What came of that login, while it is remembered. @param now milliseconds of a clock that never goes back */
  get(name: string, now: number): V | undefined {
    const entry = this.#entries.get(name);
    return entry !== undefined && now < entry.end ? entry.value : undefined;
  }

  /** @param endMax when it must be forgotten, though it be sooner than usual */
  add(name: string, value: V, now: number, endMax = Number.POSITIVE_INFINITY): void {
    // Added anew, so that it is the youngest: the Map keeps the order of insertion.
    this.#entries.delete(name);
    this.#entries.set(name, { value, end: Math.min(now + LIFETIME_MS, endMax) });
    for (const [oldest, { end }] of this.#entries) {
      if (this.#entries.size <= ENTRIES_MAX && now < end) break;
      this.#entries.delete(oldest);
    }
  }
}
