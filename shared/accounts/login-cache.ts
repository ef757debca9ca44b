/**
 * Which logins succeeded a moment ago, so that a mail program that comes every minute does not cost a slow hash each time.
 * Pure: the caller brings the clock.
 *
 * A login is held as a hash under a key that exists in this process only, over the address, the password field of the
 * accounts file and the password. So nothing in it is worth stealing, and a changed password, a changed entry and a removed
 * one end what it knows at once. Only successes are kept: whoever finds his login faster than others knew the password
 * already, and a wrong guess always costs the full check.
 */
import { createHmac, randomBytes } from "node:crypto";

const ENTRIES_MAX = 10_000;
/** Long enough for the several connections that a mail program makes at once. */
const LIFETIME_MS = 60_000;

export class LoginCache {
  readonly #key = randomBytes(32);
  /** When each entry ends, the oldest entry first. */
  readonly #ends = new Map<string, number>();

  /** The name under which a login is held. No part may hold a NUL but the last. */
  nameOf(address: string, stored: string, password: string): string {
    return createHmac("sha256", this.#key).update(`${address}\0${stored}\0${password}`).digest("base64");
  }

  /** @param now milliseconds of a clock that never goes back */
  has(name: string, now: number): boolean {
    const end = this.#ends.get(name);
    return end !== undefined && now < end;
  }

  add(name: string, now: number): void {
    // Added anew, so that it is the youngest: the Map keeps the order of insertion.
    this.#ends.delete(name);
    this.#ends.set(name, now + LIFETIME_MS);
    for (const [oldest, end] of this.#ends) {
      if (this.#ends.size <= ENTRIES_MAX && now < end) break;
      this.#ends.delete(oldest);
    }
  }
}
