/** How many sessions each account has open, and that they are not too many. Pure bookkeeping. */
export class AccountSessions {
  readonly #most: number;
  readonly #open = new Map<string, number>();

  /** @param most for one account */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Takes a place for a session of this account; the function that comes back gives it back, however often it is called.
   * Undefined when the account has no place left.
   */
  begin(account: string): (() => void) | undefined {
    const open = this.#open.get(account) ?? 0;
    if (open >= this.#most) return undefined;
    this.#open.set(account, open + 1);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const left = (this.#open.get(account) ?? 1) - 1;
      if (left === 0) this.#open.delete(account);
      else this.#open.set(account, left);
    };
  }
}
