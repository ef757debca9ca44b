#!/usr/bin/env node
/**
 * smtpd: takes mail in, puts it into Maildir folders, and sends it on. Flags, configuration, log, and then the service; the
 * only reader of argv. Called as sendmail it reads the flags of that program instead (sendmail/called.ts).
 */
import { basename } from "node:path";
import type { Argv } from "yargs";
import { reporting, runCommandLine, withConfigOption } from "../shared/cli.js";
import { loadConfig } from "../shared/config/load.js";
import { runDaemon } from "../shared/daemon.js";
import { openLog } from "../shared/log.js";
import { queueCommand } from "./admin/queue.js";
import { smtpdSchema } from "./config.js";
import { callOf } from "./sendmail/called.js";
import { sendmailHelp } from "./sendmail/help.js";
import { sendmail } from "./sendmail/sendmail.js";

// The daemon is loaded when it is wanted: programs call sendmail many times a day, and wait for it.

async function run(file: string): Promise<void> {
  const { startSmtpd } = await import("./service.js");
  const config = await loadConfig(file, smtpdSchema);
  const log = openLog("smtpd", config.log);
  process.exit(await runDaemon(log, () => startSmtpd(config, log)));
}

const words = process.argv.slice(2);
const call = callOf(basename(process.argv[1] ?? ""), words);
if (call !== undefined) await reporting(call.program, () => sendmail(call));
else await runCommandLine("smtpd", words, define);

function define(args: Argv): Argv {
  return withConfigOption(args, "smtpd")
    .usage(
      "$0 [command] [--config FILE]\n\nTakes mail in by SMTP, delivers it into Maildir folders, and sends it on to other hosts.",
    )
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
      async ({ config }) => (await import("./check.js")).check(config),
    )
    .command(queueCommand)
    .command(sendmailHelp)
    .epilogue("SIGHUP reads accounts, aliases, certificates and the secret of [oauth] again. See smtpd(8).");
}
