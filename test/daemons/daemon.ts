/**
 * Starting a daemon of ours from dist/ as a child process, for tests that talk to it over sockets.
 *
 *     const daemon = await startDaemon("pop3d", `… listen on "127.0.0.1:0" …`);
 *     t.after(() => daemon.stop());
 *     connect(daemon.ports[0]);
 *
 * It is ready when it has logged `listening`; the ports come from that line. A daemon that ends before that, or
 * says nothing for a while, rejects with all that it said.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export type Entry = "smtpd" | "pop3d";

/** A line of a daemon's log, as pino writes it. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string };

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Daemon {
  readonly pid: number;
  /** The addresses of the `listening` line, in the order of the configuration. */
  readonly addresses: readonly string[];
  /** Their ports; 0 stands for an address without one. */
  readonly ports: readonly number[];
  /** The log so far. Grows. */
  readonly log: readonly LogLine[];
  /** The configuration file, for a test that changes it. */
  readonly configFile: string;
  /** Resolves to the first line, past or to come, that `matches`. Rejects when the daemon ends or takes too long. */
  logged(matches: (line: LogLine) => boolean): Promise<LogLine>;
  /** Resolves when the daemon has ended, by whatever. */
  readonly ended: Promise<Exit>;
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM; resolves when the daemon has ended. May be called again. */
  stop(): Promise<Exit>;
  /** SIGKILL; resolves when the daemon has ended. */
  kill(): Promise<Exit>;
  /** Resident memory in octets (Linux). */
  residentOctets(): Promise<number>;
}

const STARTING_MS_MAX = 20_000;
const LOGGING_MS_MAX = 20_000;
/** A daemon that has not ended by itself this long after SIGTERM is killed. */
const STOPPING_MS_MAX = 20_000;

/** Where the compiled program of a daemon lies. */
export function programOf(entry: Entry): string {
  return fileURLToPath(new URL(`../../${entry}/main.js`, import.meta.url));
}

export interface StartOptions {
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** A command to run the daemon under, such as strace with its arguments. */
  readonly wrapper?: readonly string[];
}

/** Starts a daemon with this configuration, written to a file of its own. */
export async function startDaemon(
  entry: Entry,
  configText: string,
  { env = {}, wrapper = [] }: StartOptions = {},
): Promise<Daemon> {
  const directory = await mkdtemp(join(tmpdir(), `pillarbox-${entry}-`));
  const configFile = join(directory, `${entry}.toml`);
  await writeFile(configFile, configText);
  const [command = "", ...args] = [...wrapper, process.execPath, programOf(entry), "--config", configFile];
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  const running = new RunningDaemon(child, directory, configFile);
  await running.started();
  return running;
}

class RunningDaemon implements Daemon {
  readonly configFile: string;
  readonly log: LogLine[] = [];
  addresses: readonly string[] = [];
  readonly ended: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #watchers = new Set<() => void>();
  #said = "";

  constructor(child: ChildProcess, directory: string, configFile: string) {
    this.#child = child;
    this.configFile = configFile;
    this.ended = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        this.#notify();
        void rm(directory, { recursive: true, force: true }).then(() => resolve({ code, signal }));
      });
    });
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on("line", (line) => this.#hear(line));
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get ports(): readonly number[] {
    return this.addresses.map((address) => Number(/:(\d+)$/.exec(address)?.[1] ?? 0));
  }

  async started(): Promise<void> {
    try {
      const { addresses } = await this.#await(({ msg }) => msg === "listening", STARTING_MS_MAX);
      this.addresses = Array.isArray(addresses) ? addresses.map(String) : [];
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  logged(matches: (line: LogLine) => boolean): Promise<LogLine> {
    return this.#await(matches, LOGGING_MS_MAX);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async stop(): Promise<Exit> {
    this.signal("SIGTERM");
    const impatience = setTimeout(() => this.signal("SIGKILL"), STOPPING_MS_MAX);
    const exit = await this.ended;
    clearTimeout(impatience);
    return exit;
  }

  async kill(): Promise<Exit> {
    this.signal("SIGKILL");
    return this.ended;
  }

  async residentOctets(): Promise<number> {
    const status = await readFile(`/proc/${this.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  }

  #hear(line: string): void {
    this.#said += `${line}\n`;
    const entry = parseLogLine(line);
    if (entry !== undefined) this.log.push(entry);
    this.#notify();
  }

  #notify(): void {
    for (const watcher of this.#watchers) watcher();
  }

  #await(matches: (line: LogLine) => boolean, millisecondsMax: number): Promise<LogLine> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        settle();
      };
      const look = () => {
        const line = this.log.find(matches);
        if (line !== undefined) end(() => resolve(line));
        else if (this.#child.exitCode !== null || this.#child.signalCode !== null) fail("it ended");
      };
      const fail = (why: string) => end(() => reject(new Error(`no such line, ${why}:\n${this.#said}`)));
      const timer = setTimeout(fail, millisecondsMax, "and it took too long");
      this.#watchers.add(look);
      look();
    });
  }
}

function parseLogLine(line: string): LogLine | undefined {
  if (!line.startsWith("{")) return undefined;
  const entry: unknown = JSON.parse(line);
  return isLogLine(entry) ? entry : undefined;
}

function isLogLine(value: unknown): value is LogLine {
  return typeof value === "object" && value !== null && "msg" in value && typeof value.msg === "string";
}
