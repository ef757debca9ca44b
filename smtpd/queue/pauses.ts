/** Waiting, until somebody says that there is no more time for it. Keeps no process alive. */

export class Pauses {
  readonly #ends = new Set<() => void>();
  #ended = false;

  /** Resolves after this time; rejects when waiting is ended. */
  wait(milliseconds: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        this.#ends.delete(end);
        reject(new Error("there is no more time"));
      };
      const timer = setTimeout(() => {
        this.#ends.delete(end);
        resolve();
      }, milliseconds).unref();
      if (this.#ended) return end();
      this.#ends.add(end);
    });
  }

  /** Resolves when `work` has ended, however it did, and after this time at the latest. */
  async within(work: Promise<unknown>, milliseconds: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, milliseconds);
    });
    await Promise.race([work.catch(() => {}), late]);
    clearTimeout(timer);
  }

  /** Ends all waits, and any that comes. */
  end(): void {
    this.#ended = true;
    for (const end of this.#ends) end();
  }
}
