/** Checks passwords in the test's own thread, keeps a list of what it checked, and can be held or broken. */
import type { PasswordChecker } from "../../shared/accounts/check-pool.js";
import { readStoredPassword } from "../../shared/accounts/schemes.js";

export class ListingChecker implements PasswordChecker {
  /** The scheme and settings of each check so far. */
  readonly works: string[] = [];
  /** What each check waits for before it begins. */
  gate: Promise<void> = Promise.resolve();
  closed = false;

  async check(stored: string, password: string): Promise<boolean> {
    const read = readStoredPassword(stored);
    if (read.kind !== "credential") throw new Error(`a password field that is ${read.kind}`);
    this.works.push(read.credential.work);
    await this.gate;
    return read.credential.verify(Buffer.from(password));
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  /** What was checked since the last call. */
  takeWorks(): string[] {
    return this.works.splice(0);
  }
}
