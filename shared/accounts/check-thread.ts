/**
 * One thread that checks passwords, seen from outside. It does one check at a time; once it has died, hung or been ended,
 * every check is rejected and a new one has to be made.
 */
import { Worker } from "node:worker_threads";
import type { CheckRequest, CheckResult } from "./check-worker.js";

export type CheckErrorCode =
  | "QUEUE_FULL"
  | "WAITED_TOO_LONG"
  | "TOOK_TOO_LONG"
  | "THREAD_DIED"
  | "FAILED"
  | "CLOSED";

/** Why a check has no result: nobody can say whether the password is right. */
export class CheckError extends Error {
  override readonly name = "CheckError";
  readonly code: CheckErrorCode;

  constructor(code: CheckErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

interface Running {
  readonly resolve: (fits: boolean) => void;
  readonly reject: (why: CheckError) => void;
  readonly timer: NodeJS.Timeout;
}

export class CheckThread {
  readonly #worker: Worker;
  #running: Running | undefined;
  #alive = true;

  /** @param entry the module that the thread runs */
  constructor(entry: URL) {
    this.#worker = new Worker(entry, { execArgv: [], stdin: false });
    this.#worker.on("message", (result: CheckResult) => this.#report(result));
    this.#worker.on("error", (cause) => this.#die("THREAD_DIED", "the thread ended with an error", cause));
    this.#worker.on("exit", (code) => this.#die("THREAD_DIED", `the thread ended with code ${code}`));
    // A check under way keeps the process alive, by its timer; the thread does not. Listeners added later would undo this.
    this.#worker.unref();
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** One check; wait for its end before the next. Rejects with a CheckError; then look whether it is still `alive`. */
  run(request: CheckRequest, msMax: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      if (!this.#alive) return reject(new CheckError("THREAD_DIED", "the thread has ended"));
      const timer = setTimeout(() => this.#die("TOOK_TOO_LONG", `no result after ${msMax} ms`), msMax);
      this.#running = { resolve, reject, timer };
      this.#worker.postMessage(request);
    });
  }

  /** Ends the thread, and a check under way with it. */
  async end(): Promise<void> {
    this.#die("CLOSED", "the thread was ended");
    await this.#worker.terminate();
  }

  #report(result: CheckResult): void {
    const running = this.#take();
    if (result.kind === "checked") running?.resolve(result.fits);
    else running?.reject(new CheckError("FAILED", result.why));
  }

  #die(code: CheckErrorCode, message: string, cause?: unknown): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#take()?.reject(new CheckError(code, `a password could not be checked: ${message}`, { cause }));
    void this.#worker.terminate();
  }

  #take(): Running | undefined {
    const running = this.#running;
    this.#running = undefined;
    clearTimeout(running?.timer);
    return running;
  }
}
