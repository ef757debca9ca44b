#!/usr/bin/env node
/**
 * smtpd: takes mail in and puts it into Maildir folders. Flags, configuration, log, and then the service; the only
 * reader of argv.
 */
import { runCommandLine, withConfigOption } from "../shared/cli.js";
import { loadConfig } from "../shared/config/load.js";
import { runDaemon } from "../shared/daemon.js";
import { openLog } from "../shared/log.js";
import { check } from "./check.js";
import { smtpdSchema } from "./config.js";
import { startSmtpd } from "./service.js";

async function run(file: string): Promise<void> {
  const config = await loadConfig(file, smtpdSchema);
  const log = openLog("smtpd", config.log);
  process.exit(await runDaemon(log, () => startSmtpd(config, log)));
}

await runCommandLine("smtpd", process.argv.slice(2), (args) =>
  withConfigOption(args, "smtpd")
    .usage("$0 [command] [--config FILE]\n\nTakes mail in by SMTP and puts it into Maildir folders.")
    .command(
      ["run", "$0"],
      "Run in the foreground until SIGTERM (the default)",
      (options) => options,
      ({ config }) => run(config),
    )
    .command(
      "check",
      "Check the configuration and the files that it names",
      (options) => options,
      ({ config }) => check(config),
    )
    .epilogue("SIGHUP reads accounts, aliases, certificates and the secret of [oauth] again. See smtpd(8)."),
);
