/** `pop3d user`: the accounts of the accounts file, from the command line. */
import type { CommandModule } from "yargs";

export const userCommand: CommandModule<object, object> = {
  command: "user",
  describe: "List, add, change and remove accounts",
  builder: (yargs) => yargs.demandCommand(1),
  handler: () => {},
};
