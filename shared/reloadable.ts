/**
 * Something read from files that may be read anew while the daemon runs: accounts, aliases, certificates. A new
 * version that is broken changes nothing: the old one stays in force, and the log says what is wrong.
 *
 * Readings follow one another, so that a slow one never puts an older version over a newer.
 */
import { stat } from "node:fs/promises";
import { isSystemError } from "./exit.js";
import type { Log } from "./log.js";

export class Reloadable<T> {
  readonly name: string;
  readonly files: readonly string[];
  readonly #load: () => Promise<T>;
  readonly #log: Log;
  /** What the files looked like just before they were last read. */
  #seen: string;
  #current: T;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(
    name: string,
    files: readonly string[],
    load: () => Promise<T>,
    log: Log,
    seen: string,
    current: T,
  ) {
    this.name = name;
    this.files = files;
    this.#load = load;
    this.#log = log;
    this.#seen = seen;
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
    const seen = await lookOf(files);
    return new Reloadable(name, files, load, log, seen, await load());
  }

  /** The version in force. Ask each time: it changes. */
  get current(): T {
    return this.#current;
  }

  /** Reads the files again. Resolves to whether a new version is in force. */
  reload(): Promise<boolean> {
    return this.#inTurn(async () => this.#read(await lookOf(this.files)));
  }

  /** The same, unless the files look as they did when they were last read. */
  reloadIfChanged(): Promise<boolean> {
    return this.#inTurn(async () => {
      const look = await lookOf(this.files);
      return look !== this.#seen && this.#read(look);
    });
  }

  async #read(look: string): Promise<boolean> {
    this.#seen = look;
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

  #inTurn(action: () => Promise<boolean>): Promise<boolean> {
    const turn = this.#turn.then(action);
    this.#turn = turn.catch(() => {});
    return turn;
  }
}

/** What tells a changed file from an unchanged one without reading it; through symbolic links, as load reads them. */
async function lookOf(files: readonly string[]): Promise<string> {
  const looks = files.map(async (file) => {
    try {
      const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
      return [dev, ino, size, mtimeNs, ctimeNs].join(":");
    } catch (error) {
      return isSystemError(error) ? error.code : String(error);
    }
  });
  return (await Promise.all(looks)).join(" ");
}
