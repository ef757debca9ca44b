/**
 * One run of a checkpassword program: a process group of its own, which is gone afterwards, with whatever it has started.
 * What it may print and how long it may take is bounded.
 *
 * The program's environment is a PATH and nothing else: what the daemon was started with is none of its business. There is
 * no shell. It runs as the daemon does, so it is root only where the daemon is (`user = "root"`) or where it is set-uid.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { Readable, Writable } from "node:stream";
import { hasCode } from "../../exit.js";
import type { CheckerEnd } from "./interface.js";

/** An environment and more: sixteen times a page. */
const STDOUT_OCTETS_MAX = 64 * 1024;
const STDERR_OCTETS_MAX = 4 * 1024;
/** After the program's end, for what it printed: a child of it that fled its group may hold its output open. */
const LINGER_MS = 1_000;
const ENVIRONMENT = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" };

export interface CheckerRun {
  readonly program: string;
  readonly args: readonly string[];
  /** For descriptor 3. */
  readonly input: Buffer;
  readonly msMax: number;
}

export class CheckerProcess {
  /** How it ended. Rejects when it cannot be started, prints too much or takes too long. */
  readonly outcome: Promise<CheckerEnd & { readonly stderr: string }>;
  /** Resolves when nothing is left of it. */
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  #gone = false;
  #fail: (why: Error) => void = () => {};

  constructor({ program, args, input, msMax }: CheckerRun) {
    // detached makes it the leader of a new session, and so of a process group.
    this.#child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe", "pipe"],
      detached: true,
      cwd: "/",
      env: ENVIRONMENT,
    });
    const [, stdout, stderr, feed] = this.#child.stdio;
    const deadline = setTimeout(() => this.#giveUp(`took longer than ${msMax} ms`), msMax);
    const exited = this.#exited().finally(() => clearTimeout(deadline));
    const failed = new Promise<never>((_, reject) => (this.#fail = reject));
    const printed = collect(stdout, STDOUT_OCTETS_MAX, () => this.#giveUp("prints without end"));
    const complained = collect(stderr, STDERR_OCTETS_MAX, () => {});
    this.ended = exited.then(
      () => {},
      () => {},
    );
    this.outcome = Promise.race([
      failed,
      exited.then(async (end) => {
        await within(LINGER_MS, Promise.all([printed.done, complained.done]));
        this.#closeStreams();
        return { ...end, stdout: printed.octets(), stderr: complained.octets().toString() };
      }),
    ]);
    give(feed, input);
  }

  /** Ends it at once. */
  kill(): void {
    this.#giveUp("was ended");
  }

  #exited(): Promise<{ code: number | null; signal: string | null }> {
    return new Promise((resolve, reject) => {
      this.#child.once("error", reject);
      this.#child.once("exit", (code, signal) => {
        // What it has left running in its group. Later the number may be another's.
        this.#killGroup();
        this.#gone = true;
        resolve({ code, signal });
      });
    });
  }

  #giveUp(why: string): void {
    this.#fail(new Error(`the password checker ${why}`));
    this.#killGroup();
    this.#closeStreams();
  }

  #closeStreams(): void {
    for (const stream of this.#child.stdio) stream?.destroy();
  }

  #killGroup(): void {
    const { pid } = this.#child;
    if (pid === undefined || this.#gone) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch (error) {
      // EPERM: it has become another user. Then it ends when it has no more input and nobody reads.
      if (!hasCode(error, "ESRCH", "EPERM")) throw error;
    }
  }
}

type Stream = Readable | Writable | null | undefined;

function give(stream: Stream, input: Buffer): void {
  // A checker that closes descriptor 3 unread says by its exit code what that means.
  stream?.on("error", () => {});
  if (stream instanceof Writable) stream.end(input);
}

/** What is printed, up to a bound. */
function collect(stream: Stream, octetsMax: number, onMore: () => void) {
  const pieces: Buffer[] = [];
  let room = octetsMax;
  const done = new Promise<void>((resolve) => {
    if (!(stream instanceof Readable)) return resolve();
    stream.once("close", resolve).on("error", () => {});
    stream.on("data", (piece: Buffer) => {
      if (piece.length > room) onMore();
      if (room > 0) pieces.push(piece.subarray(0, room));
      room = Math.max(0, room - piece.length);
    });
  });
  return { done, octets: () => Buffer.concat(pieces) };
}

/** Resolves when `work` has ended, or after so long. */
async function within(milliseconds: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}
