/**
 * `pop3d user`: the accounts, from the command line. The daemons read the file anew by themselves; smtpd and pop3d share it,
 * and the command is pop3d's because an account is first of all somebody who collects mail.
 */
import type { CommandModule } from "yargs";
import type { GlobalOptions } from "../shared/cli.js";
import { addCommand } from "./user/add.js";
import { listCommand } from "./user/list.js";
import { passwdCommand } from "./user/passwd.js";
import { removeCommand } from "./user/remove.js";

export const userCommand: CommandModule<GlobalOptions, GlobalOptions> = {
  command: "user",
  describe: "List, add, change and remove accounts",
  builder: (args) =>
    args
      .command(listCommand)
      .command(addCommand)
      .command(passwdCommand)
      .command(removeCommand)
      .demandCommand(1, "say which: list, add, passwd or remove"),
  handler: () => {},
};
