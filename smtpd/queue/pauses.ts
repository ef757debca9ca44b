/** Waiting, until somebody says that there is no more time for it. Keeps no process alive. */

export class Pauses {
  /** Of each wait: ends it, before its time or as hopeless. */
  readonly #ends = new Set<(how: "early" | "hopeless") => void>();
  #ended = false;

  /** Resolves after this time; rejects when waiting is ended. */
  wait(milliseconds: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (how: "early" | "hopeless") => {
        clearTimeout(timer);
        this.#ends.delete(end);
        if (how === "early") resolve();
        else reject(new Error("there is no more time"));
      };
      const timer = setTimeout(() => end("early"), milliseconds).unref();
      if (this.#ended) return end("hopeless");
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

  /** Whoever waits now need not wait any longer: what was waited for may be possible by now. */
  cutShort(): void {
    for (const end of this.#ends) end("early");
  }

  /** Has all waits reject, and any that comes. */
  end(): void {
    this.#ended = true;
    for (const end of this.#ends) end("hopeless");
  }
}
