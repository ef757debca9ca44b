/**
 * A daemon that stops itself in the middle of its work, so that a test can do in a window of a few microseconds what
 * another program would do there once in a million times: strace sends SIGSTOP as chosen system calls on chosen paths
 * return, the test looks, renames what it likes, and sends SIGCONT.
 *
 *     const stops = new Stops(trace, "getdents64", [maildir.cur], "1+2");
 *     const { daemon } = await site.pop3d(stops.options);
 *     client.send("PASS …\r\n");
 *     await stops.next(daemon);   // it has read cur/, and does not go on
 *     await rename(…);
 *     daemon.signal("SIGCONT");
 *
 * A getdents64(2) that has a signal waiting gives but one name and leaves the rest to the next call: so a stop in the
 * middle of a directory does not need a large one.
 */
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Daemon } from "../daemons/daemon.js";
import type { DaemonOptions } from "../daemons/site.js";

const POLL_MS = 2;
const WAITING_MS_MAX = 20_000;

export class Stops {
  readonly options: Pick<DaemonOptions, "wrapper" | "env">;
  readonly #trace: string;
  #passed = 0;

  /**
   * @param trace the file for strace's output
   * @param calls names of system calls, separated by commas
   * @param paths the calls on these files and directories count, and no others
   * @param when which of these calls stop the daemon, as strace has it: `3` the third, `1+2` the first and every second
   *   after it, `4..8+2` the fourth, sixth and eighth
   */
  constructor(trace: string, calls: string, paths: readonly string[], when: string) {
    this.#trace = trace;
    const injection = ["-e", `trace=${calls}`, "-e", `inject=${calls}:signal=STOP:when=${when}`];
    const places = paths.flatMap((path) => ["-P", path]);
    this.options = {
      wrapper: ["strace", "-D", "-f", "-qq", "-ttt", ...injection, ...places, "-o", trace],
      // strace counts for each thread, so a single one is to work on files.
      env: { UV_THREADPOOL_SIZE: "1" },
    };
  }

  /** Resolves when the daemon stands still once more. */
  async next(daemon: Daemon): Promise<void> {
    const deadline = Date.now() + WAITING_MS_MAX;
    while (!this.#standsStill(daemon)) {
      if (Date.now() > deadline)
        throw new Error(`no stop after ${this.#passed}:\n${this.lines().join("\n")}`);
      await sleep(POLL_MS);
    }
    this.#passed++;
  }

  /** strace's output so far. */
  lines(): string[] {
    try {
      return readFileSync(this.#trace, "latin1").split("\n");
    } catch {
      return [];
    }
  }

  /** Whether, after the next signal, every thread has stopped: a SIGCONT before that would be lost on the others. */
  #standsStill({ pid }: Daemon): boolean {
    const lines = this.lines();
    const signals = [...lines.keys()].filter((n) => lines[n]?.includes("--- SIGSTOP {"));
    const signal = signals[this.#passed];
    if (signal === undefined) return false;
    const stopped = new Set(
      lines.slice(signal).flatMap((line) => /^(\d+) .*--- stopped by SIGSTOP ---$/.exec(line)?.[1] ?? []),
    );
    return readdirSync(`/proc/${pid}/task`).every((thread) => stopped.has(thread));
  }
}
