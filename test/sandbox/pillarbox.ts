/**
 * Starting the command pillarbox as a child process, for tests that use the sandbox as a stranger would.
 *
 *     const sandbox = await Pillarbox.start(directory);
 *     t.after(() => sandbox.kill());
 */
import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Ports } from "../../etc/sandbox/layout.js";

/** Compiled, this file lies in dist/test/sandbox/. */
const PROGRAM = fileURLToPath(new URL("../../etc/sandbox/main.js", import.meta.url));

/** A sandbox that hangs is killed; no test needs one for as long. */
const LIFETIME_MS_MAX = 60_000;
const ENDING_MS_MAX = 15_000;

export const ANY_PORTS: Ports = { smtp: 0, submission: 0, pop3: 0, pop3s: 0 };

export interface StartOptions {
  readonly ports?: Ports;
  /** The command, where it is not the one that was just built. */
  readonly command?: readonly string[];
  /** Whose processes they are, when root starts them. */
  readonly uid?: number;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Pillarbox {
  /** Resolves when the sandbox and both daemons have ended: they all hold its standard error. */
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  #stdout = "";
  #stderr = "";
  #heard: () => void = () => {};

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.#stdout += text;
      this.#heard();
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
    });
    this.ended = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        resolve({ code, signal, stdout: this.#stdout, stderr: this.#stderr });
        this.#heard();
      });
    });
  }

  /** Starts a sandbox in a process group of its own, as a shell does; does not wait. */
  static spawn(directory: string, options: StartOptions = {}): Pillarbox {
    const ports = Object.entries(options.ports ?? ANY_PORTS).map(([name, port]) => `--${name}-port=${port}`);
    return Pillarbox.run(["--directory", directory, ...ports], options);
  }

  /** Runs the command with these arguments. */
  static run(
    argv: readonly string[],
    { command = [process.execPath, PROGRAM], uid }: StartOptions = {},
  ): Pillarbox {
    const [file = "", ...first] = command;
    const child = spawn(file, [...first, ...argv], {
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
      timeout: LIFETIME_MS_MAX,
      killSignal: "SIGKILL",
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    return new Pillarbox(child);
  }

  /** Starts a sandbox and waits until it has said how to use it. */
  static async start(directory: string, options: StartOptions = {}): Promise<Pillarbox> {
    const sandbox = Pillarbox.spawn(directory, options);
    await sandbox.#listening();
    return sandbox;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What it has said on standard output so far. */
  get output(): string {
    return this.#stdout;
  }

  /** The ports of the daemons, as these logged them. */
  get ports(): Ports {
    const [smtp = 0, submission = 0] = this.#portsOf("smtpd");
    const [pop3 = 0, pop3s = 0] = this.#portsOf("pop3d");
    return { smtp, submission, pop3, pop3s };
  }

  /** A signal to the sandbox alone. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ctrl-C: SIGINT to its whole process group. */
  interrupt(): void {
    process.kill(-this.pid, "SIGINT");
  }

  /** Ctrl-C, and how everything ended. */
  async stop(): Promise<Ended> {
    this.interrupt();
    return this.ended;
  }

  /** SIGKILL to the sandbox alone; resolves when the daemons have ended as well, and rejects when they do not. */
  async kill(): Promise<Ended> {
    this.#child.kill("SIGKILL");
    const patience = new AbortController();
    const tooLong = setTimeout(ENDING_MS_MAX, undefined, { signal: patience.signal }).then(() => {
      this.#child.stdout?.destroy();
      this.#child.stderr?.destroy();
      throw new Error("the daemons of a killed sandbox go on");
    });
    try {
      return await Promise.race([this.ended, tooLong]);
    } finally {
      tooLong.catch(() => {});
      patience.abort();
    }
  }

  /** Both daemons listen, and the guide, which comes last, names the ports that they have. */
  get #guided(): boolean {
    return this.#stdout.includes(`pop3s://127.0.0.1:${this.ports.pop3s || "?"}/`);
  }

  #portsOf(daemon: string): number[] {
    const line = new RegExp(`${daemon}: listening.*`).exec(this.#stdout)?.[0] ?? "";
    return [...line.matchAll(/127\.0\.0\.1:(\d+)/g)].map(([, port]) => Number(port));
  }

  async #listening(): Promise<void> {
    const ended = this.ended.then(() => true);
    while (!this.#guided) {
      const heard = new Promise<boolean>((resolve) => {
        this.#heard = () => resolve(false);
      });
      if (await Promise.race([heard, ended])) {
        throw new Error(`the sandbox ended before it listened:\n${this.#stdout}${this.#stderr}`);
      }
    }
  }
}
