/**
 * The smallest program that lives by runDaemon: it binds an address, reloads a file that must hold a number, and does
 * what its arguments say, so that a test can watch it from outside.
 *
 *     node tiny-daemon.js '{ "address": "127.0.0.1:0", "file": "/…/number", … }'
 */
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { bind } from "../../shared/bind.js";
import { runDaemon, type Service } from "../../shared/daemon.js";
import { EXIT, ExitError } from "../../shared/exit.js";
import { parseListenAddress } from "../../shared/listen-address.js";
import { openLog } from "../../shared/log.js";
import { dropPrivileges } from "../../shared/privileges.js";
import { Reloadable } from "../../shared/reloadable.js";

export interface TinyOptions {
  readonly address: string;
  readonly file: string;
  /** `wait`: it says "starting", and goes on at SIGUSR2. The others are errors. */
  readonly start?: "wait" | "configuration" | "permission" | "bug";
  readonly stop?: "slow" | "hang" | "fail";
  /** What comes on SIGUSR2. */
  readonly late?: "exception" | "rejection";
  readonly user?: string;
  readonly group?: string;
}

/** Long enough for signals that are sent together to come, and short enough for the last to be an echo of the first. */
const SLOW_MS = 250;
const FOR_EVER_MS = 3_600_000;

const options: TinyOptions = JSON.parse(process.argv[2] ?? "{}");
const log = openLog("tiny", { level: "info", format: "json" });

async function start(): Promise<Service> {
  switch (options.start) {
    case "wait": {
      const goOn = new Promise((resolve) => process.once("SIGUSR2", resolve));
      log.info("starting");
      const alive = setInterval(() => {}, 60_000);
      await goOn;
      clearInterval(alive);
      break;
    }
    case "configuration":
      throw new ExitError(EXIT.configuration, "the file is wrong");
    case "permission":
      throw Object.assign(new Error("forbidden"), { code: "EACCES", syscall: "open" });
    case "bug":
      throw new TypeError("a mistake");
  }
  const number = await Reloadable.open("number", [options.file], () => readNumber(options.file), log);
  const server = createServer();
  const address = parseListenAddress(options.address);
  if (address === undefined) throw new TypeError("no address");
  const bound = await bind(server, address);
  if (options.user !== undefined) dropPrivileges({ user: options.user, group: options.group }, log);
  if (options.late !== undefined) process.once("SIGUSR2", () => fail(options.late));

  return {
    addresses: [bound],
    reloadables: [number],
    stop: async () => {
      server.close();
      if (options.stop === "fail") throw new Error("cannot stop");
      if (options.stop === "slow") await sleep(SLOW_MS);
      if (options.stop === "hang") await sleep(FOR_EVER_MS);
    },
  };
}

async function readNumber(file: string): Promise<number> {
  const text = await readFile(file, "utf8");
  if (!/^\d+$/.test(text)) throw new Error(`not a number: ${text}`);
  log.info({ number: Number(text) }, "read");
  return Number(text);
}

function fail(how: TinyOptions["late"]): void {
  if (how === "exception") throw new Error("nobody catches this");
  void Promise.reject(new Error("nobody handles this"));
}

process.exit(await runDaemon(log, start));
