/** The options by which a `smtpd queue` command is told which messages are meant. */
import type { Argv } from "yargs";
import type { GlobalOptions } from "../../shared/cli.js";
import { defaultDomainOf } from "../../shared/config/common.js";
import { EXIT, ExitError } from "../../shared/exit.js";
import type { SmtpdConfig } from "../config.js";
import { isQueueId } from "../queue/queue-id.js";
import {
  type Criteria,
  parseDomainCriterion,
  parseRecipientCriterion,
  parseSenderCriterion,
  type Selection,
} from "../queue/selection.js";

export interface SelectionOptions extends GlobalOptions {
  readonly "queue-id": readonly string[] | undefined;
  readonly recipient: readonly string[] | undefined;
  readonly domain: readonly string[] | undefined;
  readonly sender: readonly string[] | undefined;
  readonly all: boolean;
}

export function withSelection(args: Argv<GlobalOptions>): Argv<SelectionOptions> {
  const criterion = { type: "string", array: true, nargs: 1 } as const;
  return args
    .positional("queue-id", { type: "string", array: true, describe: "The messages with these queue ids" })
    .option("recipient", { ...criterion, describe: "The recipient with this address" })
    .option("domain", { ...criterion, describe: "The recipients in this domain" })
    .option("sender", { ...criterion, describe: 'Messages with this reverse-path, "<>" for the null one' })
    .option("all", { type: "boolean", default: false, describe: "All messages" });
}

/** What was selected; undefined when nothing was said. Throws an ExitError (64) for what is no queue id, address or domain. */
export function selectionOf(options: SelectionOptions, config: SmtpdConfig): Selection | undefined {
  const complete = (text: string) => (/@|^<>$|^$/.test(text) ? text : `${text}@${defaultDomainOf(config)}`);
  const criteria: Criteria = {
    queueIds: each(options["queue-id"], "a queue id", (text) =>
      isQueueId(text.toUpperCase()) ? text.toUpperCase() : undefined,
    ),
    recipients: each(options.recipient, "an address", (text) => parseRecipientCriterion(complete(text))),
    domains: each(options.domain, "a domain", parseDomainCriterion),
    senders: each(options.sender, "an address", (text) => parseSenderCriterion(complete(text))),
  };
  const some = Object.values(criteria).some((values) => values.length > 0);
  if (some && options.all) throw new ExitError(EXIT.usage, "--all, or which messages: not both");
  if (some) return { kind: "matching", ...criteria };
  return options.all ? { kind: "all" } : undefined;
}

function each(
  values: readonly string[] | undefined,
  what: string,
  canonical: (text: string) => string | undefined,
): readonly string[] {
  return (values ?? []).map((text) => {
    const value = canonical(text);
    if (value === undefined) throw new ExitError(EXIT.usage, `${JSON.stringify(text)} is not ${what}`);
    return value;
  });
}
