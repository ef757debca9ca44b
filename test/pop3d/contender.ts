/** Starts lock-contender.ts as a child process and talks to it. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("./lock-contender.js", import.meta.url));

export class Contender {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  private constructor(child: ChildProcess, answers: AsyncIterator<string>) {
    this.#child = child;
    this.#answers = answers;
  }

  /** Ends with the test. */
  static start(t: TestContext): Contender {
    const child = spawn(process.execPath, [PROGRAM], { stdio: ["pipe", "pipe", "inherit"] });
    const contender = new Contender(child, createInterface({ input: child.stdout })[Symbol.asyncIterator]());
    t.after(() => contender.kill());
    return contender;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Tries once to take the lock of the Maildir at `path`. */
  async try(path: string): Promise<string> {
    this.#child.stdin?.write(`${path}\n`);
    return (await this.#answers.next()).value;
  }

  async release(): Promise<void> {
    await this.try("");
  }

  /** SIGKILL; resolves when the process is gone and its id means nobody. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.kill("SIGKILL");
    await gone;
  }
}
