/**
 * Checks under way, by name: who asks for the same meanwhile waits for the same result. A mail program opens several
 * connections at once, and whoever guesses must not gain by doing so. Pure.
 */
export class UnderWay<V> {
  readonly #checks = new Map<string, Promise<V>>();

  /** What comes of `check`, or of one by that name that has begun and not ended. */
  async once(name: string, check: () => Promise<V>): Promise<V> {
    const begun = this.#checks.get(name);
    if (begun !== undefined) return begun;
    const beginning = check().finally(() => this.#checks.delete(name));
    this.#checks.set(name, beginning);
    return beginning;
  }
}
