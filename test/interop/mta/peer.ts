/**
 * Another mail transport agent at work beside ours: it takes mail for its own domain into a Maildir, and relays all other
 * mail to one host. Each listens on an address of 127.0.0.0/8 of its own, so that the port that it is told is free; and its
 * processes have a namespace of their own, which takes root, so that all of them end together.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type CertificateFiles, writeCertificate } from "../../fakes/certificate.js";

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export interface PeerOptions {
  /** Its domain; it has every user there. */
  readonly domain: string;
  /** Where all other mail goes. */
  readonly relayTo: Endpoint;
  /** Whether it insists on TLS there. */
  readonly tls: boolean;
}

/** What a peer is given to make itself a configuration. */
export interface Setting extends PeerOptions {
  /** Only for this peer; anyone can enter it. */
  readonly directory: string;
  readonly listen: Endpoint;
  readonly certificate: CertificateFiles;
}

/** How a peer is run in the foreground. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

export interface Peer {
  readonly domain: string;
  readonly listen: Endpoint;
  /** Resolves to the messages in its Maildir, once there are as many as that. */
  delivered(count: number): Promise<Buffer[]>;
  /** What it has written to its log, for an assertion that fails. */
  log(): Promise<string>;
}

const POLL_MS = 100;
const WAIT_MS_MAX = 40_000;

/**
 * Starts a peer for as long as the test lasts.
 * @param prepare writes its configuration, with its Maildir at `directory/Maildir` and its log below `directory/log`
 */
export async function startPeer(
  t: TestContext,
  options: PeerOptions,
  prepare: (setting: Setting) => Promise<Command>,
): Promise<Peer> {
  const directory = await mkdtemp(join(tmpdir(), "pillarbox-mta-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  await chmod(directory, 0o755);
  await mkdir(join(directory, "log"));
  const certificate = await writeCertificate(directory);
  const listen = await freeEndpoint();
  const { program, args } = await prepare({ ...options, directory, listen, certificate });

  const child = spawn("unshare", ["--mount", "--pid", "--fork", program, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += text));
  const closed = once(child, "close");
  t.after(() => stop(child, closed));
  const log = async () => {
    const files = await readdir(join(directory, "log"));
    const texts = await Promise.all(files.map((file) => readFile(join(directory, "log", file), "utf8")));
    return [output, ...texts].join("\n");
  };
  await accepting(listen, () => child.exitCode, log);
  const maildir = join(directory, "Maildir", "new");
  return {
    domain: options.domain,
    listen,
    delivered: (count) =>
      until(async () => {
        const names = await readdir(maildir).catch((): string[] => []);
        if (names.length < count) return undefined;
        return Promise.all(names.map((name) => readFile(join(maildir, name))));
      }, log),
    log,
  };
}

/** An address that nobody else uses, and a port that is free there. */
export async function freeEndpoint(): Promise<Endpoint> {
  const octet = () => 1 + Math.floor(Math.random() * 254);
  const address = `127.${octet()}.${octet()}.${octet()}`;
  const server = createServer().listen(0, address);
  await once(server, "listening");
  const bound = server.address();
  server.close();
  await once(server, "close");
  if (bound === null || typeof bound === "string") throw new Error("no port");
  return { address, port: bound.port };
}

/**
 * Resolves when somebody accepts connections there; rejects when the program that should has ended.
 * @param ended how it has ended: the exit code, or the signal; null while it runs
 */
export async function accepting(
  endpoint: Endpoint,
  ended: () => number | string | null,
  log = async () => "",
): Promise<void> {
  await until(async () => {
    const how = ended();
    if (how !== null) throw new Error(`it ended with ${how}:\n${await log()}`);
    return (await accepts(endpoint)) || undefined;
  }, log);
}

async function accepts({ address, port }: Endpoint): Promise<boolean> {
  const socket = connect(port, address);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Asks until there is an answer; rejects, with the log, when there is none for too long. */
async function until<T>(ask: () => Promise<T | undefined>, log: () => Promise<string>): Promise<T> {
  for (const deadline = performance.now() + WAIT_MS_MAX; performance.now() < deadline; await sleep(POLL_MS)) {
    const answer = await ask();
    if (answer !== undefined) return answer;
  }
  throw new Error(`it does not come about:\n${await log()}`);
}

/** Kills the first process of the namespace, and with it all others, whatever sessions and groups they have made. */
async function stop(child: ChildProcess, closed: Promise<unknown>): Promise<void> {
  const children = `/proc/${child.pid}/task/${child.pid}/children`;
  const [first] = (await readFile(children, "utf8").catch(() => "")).trim().split(" ");
  if (first) process.kill(Number(first), "SIGKILL");
  await closed;
}
