/**
 * One daemon of the sandbox: the very program that a supervisor would run, as a child process in a process group of its
 * own, so that Ctrl-C reaches the sandbox alone and each daemon is told to end once. It ends with the sandbox, whatever
 * becomes of that (end-with-sandbox.ts).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseListenAddress } from "../../shared/listen-address.js";
import { type LogLine, parseLogLine } from "./log-line.js";

export type DaemonName = "smtpd" | "pop3d";

/** How a daemon ended: by itself with a code, or by a signal. */
export interface Ending {
  readonly name: DaemonName;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** More than the daemons' own shutdown_time; one that takes longer has not noticed. */
const STOPPING_MS_MAX = 10_000;

const WATCHMAN = new URL("end-with-sandbox.js", import.meta.url);

export class Daemon {
  readonly name: DaemonName;
  /** The ports that it listens on, in the order of its configuration. Pending for ever when it ends before that. */
  readonly listening: Promise<readonly number[]>;
  /** Resolves when it has ended and all that it logged has been shown. */
  readonly ended: Promise<Ending>;
  readonly #process: ChildProcess;

  /** @param show gets each line of its log */
  constructor(name: DaemonName, configFile: string, show: (line: string) => void) {
    this.name = name;
    const program = fileURLToPath(new URL(`../../${name}/main.js`, import.meta.url));
    const argv = ["--import", WATCHMAN.href, program, "run", "--config", configFile];
    const child = spawn(process.execPath, argv, {
      stdio: ["ignore", "pipe", "inherit", "ipc"],
      detached: true,
    });
    this.#process = child;
    this.ended = new Promise((resolve) => {
      child.once("error", () => resolve({ name, code: null, signal: null }));
      child.once("close", (code, signal) => resolve({ name, code, signal }));
    });
    this.listening = new Promise((resolve) => {
      if (child.stdout === null) return;
      createInterface({ input: child.stdout }).on("line", (line) => {
        show(line);
        const ports = portsOf(parseLogLine(line));
        if (ports !== undefined) resolve(ports);
      });
    });
  }

  /** SIGTERM, and SIGKILL to one that does not heed it. May be called when it has ended. */
  async stop(): Promise<Ending> {
    this.#process.kill("SIGTERM");
    const impatience = setTimeout(() => this.#process.kill("SIGKILL"), STOPPING_MS_MAX);
    const ending = await this.ended;
    clearTimeout(impatience);
    return ending;
  }
}

/** The ports of a `listening` line; undefined for any other. */
function portsOf(line: LogLine | undefined): number[] | undefined {
  if (line?.msg !== "listening" || !Array.isArray(line.addresses)) return undefined;
  return line.addresses.flatMap((text) => {
    const address = parseListenAddress(String(text));
    return address?.kind === "tcp" ? [address.port] : [];
  });
}
