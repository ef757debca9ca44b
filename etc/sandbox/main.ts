#!/usr/bin/env node
/** pillarbox: both daemons at work in one directory, for trying them out. The only reader of its argv. */
import { runCommandLine } from "../../shared/cli.js";
import { ACCOUNT, PASSWORD } from "./layout.js";
import { directoryFrom, portsFrom, withOptions } from "./options.js";
import { runSandbox } from "./sandbox.js";

await runCommandLine("pillarbox", process.argv.slice(2), (args) =>
  args.command(
    "$0",
    `Runs smtpd and pop3d for trying them out, with the account ${ACCOUNT}, password ${PASSWORD}`,
    withOptions,
    async (options) => process.exit(await runSandbox(directoryFrom(options), portsFrom(options))),
  ),
);
