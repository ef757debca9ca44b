/**
 * A running smtpd's side of control/ (control-request.ts): takes up what is asked for, has it done, and leaves the result.
 *
 * Whoever owns the envelopes calls `scan` when something was put there, and now and then. A request whose time is over, or
 * that is not understood, is removed and nothing is done. A result that nobody fetches goes after an hour.
 */
import { readdir, stat } from "node:fs/promises";
import { hasCode } from "../../shared/exit.js";
import type { Log } from "../../shared/log.js";
import type { ControlFolder } from "./control-folder.js";
import {
  type ControlCounts,
  type ControlRequest,
  type ControlResult,
  formatResult,
  parseRequest,
  requestIdOf,
  requestName,
  resultName,
} from "./control-request.js";

/** Who asks waits seconds. */
const UNFETCHED_MS_MAX = 3_600_000;

export interface ControlDeskOptions {
  readonly folder: ControlFolder;
  /** Does what is asked for; rejects when it cannot. */
  readonly administer: (request: ControlRequest) => Promise<ControlCounts>;
  readonly now: () => number;
  readonly log: Log;
}

export class ControlDesk {
  readonly #options: ControlDeskOptions;
  /** What is being done, and whether there may be more by now. */
  #scanning: Promise<void> | undefined;
  #again = false;

  constructor(options: ControlDeskOptions) {
    this.#options = options;
  }

  /** Where to watch for requests. */
  get directory(): string {
    return this.#options.folder.path;
  }

  /** Takes up every request that is there, one after the other. Never rejects. */
  scan(): Promise<void> {
    this.#again = true;
    this.#scanning ??= this.#scanAll().finally(() => {
      this.#scanning = undefined;
    });
    return this.#scanning;
  }

  async #scanAll(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      try {
        for (const name of (await readdir(this.directory)).sort()) await this.#meet(name);
      } catch (err) {
        this.#options.log.warn({ err }, "control/ cannot be read");
      }
    }
  }

  async #meet(name: string): Promise<void> {
    const id = requestIdOf(name);
    if (id !== undefined) await this.#takeUp(id);
    else if (name.endsWith(".result")) await this.#forget(name);
  }

  async #takeUp(id: string): Promise<void> {
    const { folder, now, log } = this.#options;
    const octets = folder.read(requestName(id));
    // Withdrawn where it is gone by now.
    if (!(await folder.remove(requestName(id)))) return;
    const request = octets && parseRequest(octets);
    if (request === undefined) {
      log.warn({ request: id }, "control request not understood");
      return;
    }
    if (request.until < now()) return;
    const result = await this.#done(request);
    log.info({ ...request, result }, "queue administered");
    await folder
      .write(resultName(id), formatResult(result))
      .catch((err: unknown) => log.warn({ err }, "result of a control request not written"));
  }

  async #done(request: ControlRequest): Promise<ControlResult> {
    try {
      return await this.#options.administer(request);
    } catch (err) {
      this.#options.log.error({ err }, "control request failed");
      return { kind: "refused", reason: "something went wrong, which the log of smtpd tells" };
    }
  }

  async #forget(name: string): Promise<void> {
    const { folder, now } = this.#options;
    try {
      const { mtimeMs } = await stat(`${this.directory}/${name}`);
      if (now() - mtimeMs > UNFETCHED_MS_MAX) await folder.remove(name);
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
    }
  }
}
