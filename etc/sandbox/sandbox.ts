/**
 * Running the sandbox: the directory, both daemons, and then whatever comes first: a signal, or the end of a daemon,
 * upon which the other is stopped, too.
 */
import { EXIT } from "../../shared/exit.js";
import { Daemon, type DaemonName, type Ending } from "./daemon.js";
import { provideDirectory } from "./directory.js";
import { guide } from "./guide.js";
import { layoutOf, type Ports } from "./layout.js";
import { readableLog } from "./log-line.js";
import { expectFreePorts } from "./ports.js";

/**
 * Runs until it is told to stop. Resolves to the exit code: 0 after a signal; that of a daemon which ended by itself.
 * Rejects with an ExitError when it cannot start.
 * @param directory an absolute path
 */
export async function runSandbox(directory: string, ports: Ports): Promise<number> {
  process.umask(0o077);
  const layout = layoutOf(directory);
  await expectFreePorts(ports);
  await provideDirectory(layout, ports);

  const signalled = firstOf("SIGINT", "SIGTERM", "SIGHUP");
  const smtpd = new Daemon("smtpd", layout.smtpdConfig, showLog("smtpd"));
  const pop3d = new Daemon("pop3d", layout.pop3dConfig, showLog("pop3d"));
  void Promise.all([smtpd.listening, pop3d.listening]).then(
    ([[smtp = 0, submission = 0], [pop3 = 0, pop3s = 0]]) => {
      process.stdout.write(guide(layout, { smtp, submission, pop3, pop3s }));
    },
  );

  const unasked = await Promise.race([signalled, smtpd.ended, pop3d.ended]);
  if (unasked !== undefined) console.error(`pillarbox: ${describe(unasked)}; stopping`);
  const endings = await Promise.all([smtpd.stop(), pop3d.stop()]);
  return unasked === undefined ? worstOf(endings) : exitCodeAfter(unasked);
}

function showLog(name: DaemonName): (line: string) => void {
  const readable = readableLog(name, process.stdout.isTTY === true);
  return (line) => process.stdout.write(readable(line));
}

/** Resolves at the first of these signals. Further ones change nothing: what follows takes a bounded time. */
function firstOf(...signals: NodeJS.Signals[]): Promise<undefined> {
  return new Promise((resolve) => {
    for (const signal of signals) process.on(signal, () => resolve(undefined));
  });
}

function describe({ name, code, signal }: Ending): string {
  if (signal !== null) return `${name} was ended by ${signal}`;
  return code === null ? `${name} cannot be started` : `${name} ended by itself with exit code ${code}`;
}

/** Even a daemon that ended in good order was not asked to: trying again may help (75). */
function exitCodeAfter({ code }: Ending): number {
  return code === null || code === EXIT.ok ? EXIT.temporary : code;
}

function worstOf(endings: readonly Ending[]): number {
  const bad = endings.find(({ code }) => code !== EXIT.ok);
  return bad === undefined ? EXIT.ok : exitCodeAfter(bad);
}
