/**
 * A daemon's life: start, say `listening`, reload on SIGHUP and when a watched file changes, end on SIGTERM or
 * SIGINT. In the foreground, with the exit codes of sysexits(3); a supervisor does the rest.
 */
import { EXIT, exitCodeFor } from "./exit.js";
import type { Log } from "./log.js";
import type { Reloadable } from "./reloadable.js";
import { type Watch, watchFiles } from "./watch.js";

/** A daemon that has bound its ports. */
export interface Service {
  /** Every address that it listens on, as parseListenAddress reads them, ports resolved. */
  readonly addresses: readonly string[];
  /** What can be reloaded. */
  readonly reloadables: readonly Reloadable<unknown>[];
  /** Called after something was reloaded. */
  reloaded(): void;
  /** Stops accepting, lets what is in flight finish within a bounded time, and closes the rest. */
  stop(): Promise<void>;
}

/**
 * Starts a service and lives until a signal ends it. Resolves to the exit code; an error at start is logged, with
 * the code that fits.
 */
export async function runDaemon(log: Log, start: () => Promise<Service>): Promise<number> {
  exitOnBugs(log);
  // New files belong to us alone, whatever the shell that started us was set to.
  process.umask(0o077);
  const ended = nextSignal("SIGTERM", "SIGINT");
  let service: Service;
  try {
    service = await start();
  } catch (error) {
    logStartFailure(log, error);
    return exitCodeFor(error);
  }
  const watch = reloadOnChange(service, log);
  log.info({ addresses: service.addresses, pid: process.pid }, "listening");

  const signal = await ended;
  log.info({ signal }, "stopping");
  await watch.close();
  await service.stop();
  log.info("stopped");
  return EXIT.ok;
}

function logStartFailure(log: Log, error: unknown): void {
  const bug = exitCodeFor(error) === EXIT.bug;
  const reason = error instanceof Error ? error.message : String(error);
  log.fatal(bug ? { err: error } : { reason }, "cannot start");
}

/** An error that nobody caught is a bug, and a daemon in an unknown state must not take mail: 70, and be restarted. */
function exitOnBugs(log: Log): void {
  process.on("uncaughtException", (err) => {
    log.fatal({ err }, "bug");
    process.exit(EXIT.bug);
  });
}

function reloadOnChange(service: Service, log: Log): Watch {
  const reload = (reason: string, reloadables: readonly Reloadable<unknown>[]) => {
    log.info({ reason }, "reloading");
    void Promise.all(reloadables.map((reloadable) => reloadable.reload())).then(() => service.reloaded());
  };
  process.on("SIGHUP", () => reload("SIGHUP", service.reloadables));
  const watches = service.reloadables.map((reloadable) =>
    watchFiles(reloadable.files, () => reload(`${reloadable.name} changed`, [reloadable])),
  );
  return {
    close: async () => {
      await Promise.all(watches.map((watch) => watch.close()));
    },
  };
}

/** Resolves to the first of these signals; a second one, of someone in a hurry, ends the process at once. */
function nextSignal(...signals: NodeJS.Signals[]): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of signals) {
      process.on(signal, () => resolve(signal));
      process.once(signal, () => process.once(signal, () => process.exit(EXIT.temporary)));
    }
  });
}
