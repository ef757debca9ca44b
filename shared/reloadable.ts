/**
 * Something read from files that may be read anew while the daemon runs: accounts, aliases, certificates. A new
 * version that is broken changes nothing: the old one stays in force, and the log says what is wrong.
 */
import type { Log } from "./log.js";

export class Reloadable<T> {
  readonly name: string;
  readonly files: readonly string[];
  readonly #load: () => Promise<T>;
  readonly #log: Log;
  #current: T;

  private constructor(name: string, files: readonly string[], load: () => Promise<T>, log: Log, current: T) {
    this.name = name;
    this.files = files;
    this.#load = load;
    this.#log = log;
    this.#current = current;
  }

  /**
   * Loads for the first time; rejects with what `load` rejects with.
   * @param name for the log: "accounts"
   * @param files that `load` reads, for the watch
   */
  static async open<T>(
    name: string,
    files: readonly string[],
    load: () => Promise<T>,
    log: Log,
  ): Promise<Reloadable<T>> {
    return new Reloadable(name, files, load, log, await load());
  }

  /** The version in force. Ask each time: it changes. */
  get current(): T {
    return this.#current;
  }

  /** Reads the files again. Resolves to whether the new version is in force. */
  async reload(): Promise<boolean> {
    try {
      this.#current = await this.#load();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#log.error({ what: this.name, reason }, "reload failed, the old version stays in force");
      return false;
    }
    this.#log.info({ what: this.name }, "reloaded");
    return true;
  }
}
