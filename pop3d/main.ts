#!/usr/bin/env node
/**
 * pop3d: lets mail programs collect what lies in Maildir folders. Flags, configuration, log, and then the service; the
 * only reader of argv.
 */
import { runCommandLine, withConfigOption } from "../shared/cli.js";
import { loadConfig } from "../shared/config/load.js";
import { runDaemon } from "../shared/daemon.js";
import { openLog } from "../shared/log.js";
import { checkCommand } from "./check.js";
import { pop3dSchema } from "./config.js";
import { startPop3d } from "./service.js";
import { userCommand } from "./user.js";

async function run(file: string): Promise<void> {
  const config = await loadConfig(file, pop3dSchema);
  const log = openLog("pop3d", config.log);
  process.exit(await runDaemon(log, () => startPop3d(config, log)));
}

await runCommandLine("pop3d", process.argv.slice(2), (args) =>
  withConfigOption(args, "pop3d")
    .usage("$0 [command] [--config FILE]\n\nLets mail programs collect mail by POP3 from Maildir folders.")
    .command(
      ["run", "$0"],
      "Run in the foreground until SIGTERM (the default)",
      (options) => options,
      ({ config }) => run(config),
    )
    .command(checkCommand)
    .command(userCommand)
    .epilogue("SIGHUP reads accounts, certificates and the secret of [oauth] again. See pop3d(8)."),
);
