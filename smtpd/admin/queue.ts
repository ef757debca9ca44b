/**
 * `smtpd queue`: the queue from the command line. list and show look at the disk; the others have the smtpd that is running do
 * what is asked, or do it themselves where none is.
 */
import type { Argv, CommandModule } from "yargs";
import type { GlobalOptions } from "../../shared/cli.js";
import { loadConfig } from "../../shared/config/load.js";
import { EXIT, ExitError } from "../../shared/exit.js";
import { smtpdSchema } from "../config.js";
import type { QueueAction } from "../queue/administer.js";
import { changeQueue } from "./change.js";
import { listQueue } from "./list.js";
import { type SelectionOptions, selectionOf, withSelection } from "./selected.js";
import { showQueue } from "./show.js";

export const queueCommand: CommandModule<GlobalOptions, GlobalOptions> = {
  command: "queue",
  describe: "List, show and change what waits in the queue",
  builder: (args) =>
    args
      .command(listCommand)
      .command(showCommand)
      .command(changeCommand("flush", "Try messages now, whatever the schedule says; all by default"))
      .command(changeCommand("hold", "Keep messages from being tried"))
      .command(changeCommand("release", "Let messages that are held be tried again"))
      .command(changeCommand("remove", "Give up recipients, and messages that have no others"))
      .demandCommand(1, "say which: list, show, flush, hold, release or remove"),
  handler: () => {},
};

interface JsonOption extends SelectionOptions {
  readonly json: boolean;
}

interface ShowOption extends JsonOption {
  readonly message: boolean;
}

const listCommand: CommandModule<GlobalOptions, JsonOption> = {
  command: "list [queue-id..]",
  describe: "List the messages, the oldest first, and how each recipient fares",
  builder: (args) => withJson(withSelection(args), "As one JSON array, an element a line"),
  handler: async (options) => {
    const config = await loadConfig(options.config, smtpdSchema);
    await listQueue(config, selectionOf(options, config), options);
  },
};

const showCommand: CommandModule<GlobalOptions, ShowOption> = {
  command: "show [queue-id..]",
  describe: "Show all that is known of messages",
  builder: (args) =>
    withJson(withSelection(args), "As one JSON array").option("message", {
      type: "boolean",
      default: false,
      describe: "The message itself, too",
    }),
  handler: async (options) => {
    if (options.json && options.message) throw new ExitError(EXIT.usage, "--json or --message: not both");
    const config = await loadConfig(options.config, smtpdSchema);
    await showQueue(config, selectionOf(options, config) ?? nothingSelected("show"), options);
  },
};

function changeCommand(action: QueueAction, describe: string): CommandModule<GlobalOptions, JsonOption> {
  return {
    command: `${action} [queue-id..]`,
    describe,
    builder: (args) => withJson(withSelection(args), "What was done, as a JSON object"),
    handler: async (options) => {
      const config = await loadConfig(options.config, smtpdSchema);
      const all = action === "flush" ? ({ kind: "all" } as const) : undefined;
      const selection = selectionOf(options, config) ?? all ?? nothingSelected(action);
      await changeQueue(config, action, selection, options);
    },
  };
}

function withJson(args: Argv<SelectionOptions>, describe: string): Argv<JsonOption> {
  return args.option("json", { type: "boolean", default: false, describe });
}

function nothingSelected(action: string): never {
  throw new ExitError(
    EXIT.usage,
    `say which messages to ${action}: queue ids, --recipient, --domain, --sender, or --all`,
  );
}
