/**
 * A daemon's life: start, say `listening`, reload on SIGHUP and when a watched file changes, end on SIGTERM or
 * SIGINT. In the foreground, with the exit codes of sysexits(3); a supervisor does the rest.
 */
import { EXIT, exitCodeFor } from "./exit.js";
import type { Log } from "./log.js";
import type { Reloadable } from "./reloadable.js";
import { type Watch, watchFiles } from "./watch.js";

/** A second signal to end within this span is an echo of the first: npm passes on the Ctrl-C that we have had, too. */
const ECHO_MS = 500;

/** A daemon that has bound its ports. */
export interface Service {
  /** Every address that it listens on, as parseListenAddress reads them, ports resolved. */
  readonly addresses: readonly string[];
  /** What can be reloaded. */
  readonly reloadables: readonly Reloadable<unknown>[];
  /** Stops accepting, lets what is in flight finish within a bounded time, and closes the rest. */
  stop(): Promise<void>;
}

/**
 * Starts a service and lives until a signal ends it. Resolves to the exit code, and whoever called exits with it; an
 * error is logged, with the code that fits. Signals come from the start: a SIGTERM while it starts ends it right after,
 * a SIGHUP then is void, since the files are being read.
 */
export async function runDaemon(log: Log, start: () => Promise<Service>): Promise<number> {
  exitOnBugs(log);
  // New files belong to us alone, whatever the shell that started us was set to.
  process.umask(0o077);
  const ended = nextSignal("SIGTERM", "SIGINT");
  let service: Service | undefined;
  process.on("SIGHUP", () => {
    if (service === undefined) return;
    log.info({ reason: "SIGHUP" }, "reloading");
    for (const reloadable of service.reloadables) void reloadable.reload();
  });
  try {
    service = await start();
  } catch (error) {
    logFailure(log, error, "cannot start");
    return exitCodeFor(error);
  }
  const watch = watchReloadables(service);
  log.info({ addresses: service.addresses }, "listening");

  const signal = await ended;
  log.info({ signal }, "stopping");
  try {
    await Promise.all([watch.close(), service.stop()]);
  } catch (error) {
    logFailure(log, error, "did not stop well");
    return exitCodeFor(error);
  }
  log.info("stopped");
  return EXIT.ok;
}

function logFailure(log: Log, error: unknown, message: string): void {
  const bug = exitCodeFor(error) === EXIT.bug;
  const reason = error instanceof Error ? error.message : String(error);
  log.fatal(bug ? { err: error } : { reason }, message);
}

/** An error that nobody caught is a bug, and a daemon in an unknown state must not take mail: 70, and be restarted. */
function exitOnBugs(log: Log): void {
  process.on("uncaughtException", (err) => {
    log.fatal({ err }, "bug");
    process.exit(EXIT.bug);
  });
}

function watchReloadables(service: Service): Watch {
  const files = service.reloadables.flatMap((reloadable) => reloadable.files);
  return watchFiles(files, () => {
    for (const reloadable of service.reloadables) void reloadable.reloadIfChanged();
  });
}

/** Resolves to the first of these signals; a further one, of someone in a hurry, ends the process at once. */
function nextSignal(...signals: NodeJS.Signals[]): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let firstAt: number | undefined;
    const onSignal = (signal: NodeJS.Signals) => {
      const now = performance.now();
      firstAt ??= now;
      if (now - firstAt > ECHO_MS) process.exit(EXIT.temporary);
      resolve(signal);
    };
    for (const signal of signals) process.on(signal, onSignal);
  });
}
