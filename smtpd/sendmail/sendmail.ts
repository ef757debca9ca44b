/**
 * sendmail(1): what programs on this host call to send mail. A message goes straight into the queue, whether or not smtpd is
 * running, and the exit code is 0 once it is durable there.
 */
import { defaultDomainOf } from "../../shared/config/common.js";
import { loadConfig } from "../../shared/config/load.js";
import { EXIT, ExitError } from "../../shared/exit.js";
import { changeQueue } from "../admin/change.js";
import { listQueue } from "../admin/list.js";
import { type SmtpdConfig, smtpdSchema } from "../config.js";
import { isQueueId } from "../queue/queue-id.js";
import {
  parseDomainCriterion,
  parseRecipientCriterion,
  parseSenderCriterion,
  type Selection,
} from "../queue/selection.js";
import type { Call } from "./called.js";
import { type Invocation, parseFlags } from "./flags.js";
import { submit } from "./submit.js";

const CONFIG_FILE = "/etc/pillarbox/smtpd.toml";

/** Does what it was called for. Rejects with an ExitError that says what cannot be done. */
export async function sendmail({ mode, words }: Call): Promise<void> {
  const parsed = parseFlags(words, mode);
  if (parsed.kind === "error") throw new ExitError(EXIT.usage, parsed.reason);
  const { invocation } = parsed;
  // Programs call it as they would call others'; the aliases are read as they are.
  if (invocation.mode === "newaliases") return;
  const config = await loadConfig(invocation.config ?? CONFIG_FILE, smtpdSchema);
  switch (invocation.mode) {
    case "list":
      return listQueue(config, undefined, { json: false });
    case "flush":
      return changeQueue(config, "flush", flushed(invocation, config), { json: false });
    case "smtp":
      return (await import("./stdio.js")).serveStandardInput(config);
    case "submit":
      return submit(config, invocation);
  }
}

/** -qI, -qR and -qS: a queue id, a recipient or domain, a sender. */
function flushed({ flushed: { queueId, recipient, sender } }: Invocation, config: SmtpdConfig): Selection {
  if (queueId === undefined && recipient === undefined && sender === undefined) return { kind: "all" };
  const isAddress = recipient !== undefined && /[^@]@/.test(recipient);
  const completed =
    sender === undefined || /@|^<>$/.test(sender) ? sender : `${sender}@${defaultDomainOf(config)}`;
  return {
    kind: "matching",
    queueIds: one(queueId, (text) => (isQueueId(text) ? text : undefined)),
    recipients: one(isAddress ? recipient : undefined, parseRecipientCriterion),
    domains: one(isAddress ? undefined : recipient, parseDomainCriterion),
    senders: one(completed, parseSenderCriterion),
  };
}

function one(text: string | undefined, canonical: (text: string) => string | undefined): readonly string[] {
  if (text === undefined) return [];
  const value = canonical(text);
  if (value === undefined)
    throw new ExitError(EXIT.usage, `${JSON.stringify(text)} is nothing to look for in the queue`);
  return [value];
}
