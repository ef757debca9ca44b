/**
 * What the command lines of our programs have in common: yargs set strict, errors in one line on standard error,
 * the exit codes of sysexits(3).
 */
import { readFile } from "node:fs/promises";
import yargs, { type Argv } from "yargs";
import { EXIT, ExitError, exitCodeFor } from "./exit.js";

/** The options that a program gives to each of its commands. */
export interface GlobalOptions {
  readonly config: string;
}

/**
 * Parses `argv` (without node and script) and runs the command that it names. Sets process.exitCode; never throws.
 * @param define adds the program's options and commands; a command's handler may throw an ExitError
 */
export async function runCommandLine(
  name: string,
  argv: readonly string[],
  define: (args: Argv) => Argv,
): Promise<void> {
  const parser = define(
    yargs([...argv])
      .scriptName(name)
      .version(await packageVersion())
      .help()
      .alias({ h: "help", V: "version" })
      .strict()
      .wrap(100)
      .fail((message, error) => {
        throw error instanceof Error && error.name !== "YError" ? error : new UsageError(message);
      })
      .exitProcess(false),
  );
  await reporting(name, () => parser.parseAsync());
}

/** Does `work`; an error is told on standard error, and its code becomes the exit code. Never rejects. */
export async function reporting(name: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    process.exitCode = report(name, error);
  }
}

/** The `--config` option, with the daemon's own default. */
export function withConfigOption(args: Argv, name: string): Argv<GlobalOptions> {
  return args.option("config", {
    type: "string",
    requiresArg: true,
    default: `/etc/pillarbox/${name}.toml`,
    describe: "The configuration file",
  });
}

/** yargs tells of a wrong command line now by a message, now by an error; all of them become this one. */
class UsageError extends Error {}

function report(name: string, error: unknown): number {
  if (error instanceof ExitError) {
    console.error(prefixed(name, error.message));
    return error.exitCode;
  }
  if (error instanceof UsageError) {
    console.error(prefixed(name, `${error.message}\ntry: ${name} --help`));
    return EXIT.usage;
  }
  const code = exitCodeFor(error);
  console.error(
    prefixed(
      name,
      code === EXIT.bug && error instanceof Error ? (error.stack ?? error.message) : String(error),
    ),
  );
  return code;
}

function prefixed(name: string, text: string): string {
  return text.replace(/^/gm, `${name}: `);
}

/** The version in package.json, which lies beside dist/ in a checkout and in an installed package alike. */
async function packageVersion(): Promise<string> {
  const file = new URL("../../package.json", import.meta.url);
  const { version }: { version?: unknown } = JSON.parse(await readFile(file, "utf8"));
  return typeof version === "string" ? version : "unknown";
}
