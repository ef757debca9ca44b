/**
 * `pop3d check`: reads all that pop3d would read, and says what is wrong or surprising before it matters. With an address it
 * shows that account's maildrop (check-maildrop.ts).
 */
import type { CommandModule } from "yargs";
import { describeLogins, loginTroubles } from "../shared/accounts/logins.js";
import { quotaWarnings } from "../shared/accounts/quota-rule.js";
import type { GlobalOptions } from "../shared/cli.js";
import { loadConfig } from "../shared/config/load.js";
import { EXIT, ExitError } from "../shared/exit.js";
import { formatListenAddress } from "../shared/listen-address.js";
import { openLog } from "../shared/log.js";
import { formatDuration } from "../shared/units.js";
import { checkMaildrop } from "./check-maildrop.js";
import { type Pop3dConfig, pop3dSchema } from "./config.js";
import { loadState, type State } from "./service.js";

/** RFC 1939 §3: an autologout timer "MUST be of at least 10 minutes' duration". */
const IDLE_TIMEOUT_MS_MIN = 10 * 60_000;

interface CheckOptions extends GlobalOptions {
  readonly address: string | undefined;
  readonly json: boolean;
}

export const checkCommand: CommandModule<GlobalOptions, CheckOptions> = {
  command: "check [address]",
  describe: "Check the configuration and the files that it names, or show what a maildrop presents",
  builder: (args) =>
    args
      .positional("address", { type: "string", describe: "The account whose maildrop to show" })
      .option("json", { type: "boolean", default: false, describe: "The maildrop as JSON" }),
  handler: async ({ config, address, json }) => {
    if (address !== undefined) return checkMaildrop(config, address, json);
    if (json) throw new ExitError(EXIT.usage, "--json is for a maildrop; name the account");
    await checkConfiguration(config);
  },
};

/**
 * Checks the file and what it names; prints a summary and warnings. Throws an ExitError for what would keep pop3d from
 * starting.
 */
async function checkConfiguration(file: string): Promise<void> {
  const config = await loadConfig(file, pop3dSchema);
  const state = await loadState(config, openLog("pop3d", { level: "fatal", format: "json" }));

  for (const line of summary(config, state)) console.log(line);
  for (const line of warnings(config, state)) console.log(`warning: ${line}`);
  for (const line of await loginTroubles(config)) console.log(`warning: ${line}`);
  console.log(`${file}: ok`);
}

function summary(config: Pop3dConfig, { accounts }: State): string[] {
  return [
    `hostname  ${config.hostname}`,
    `domains   ${config.domains.join(" ")}`,
    ...config.listen.map(({ address, tls }) => `listen    ${formatListenAddress(address)} tls ${tls}`),
    ...describeLogins(config),
    `accounts  ${accounts.current.size} in ${config.accounts}`,
  ];
}

function* warnings(config: Pop3dConfig, { accounts }: State): Generator<string> {
  if (config.tls === undefined) {
    yield "there is no [tls] table, so neither STLS nor a password over TLS is possible";
    if (config.listen.every(({ allow_plaintext_auth }) => allow_plaintext_auth === "never")) {
      yield 'and with allow_plaintext_auth = "never" nobody can log in';
    }
  }
  const { idle_timeout } = config.limits;
  if (idle_timeout < IDLE_TIMEOUT_MS_MIN) {
    yield `idle_timeout is ${formatDuration(idle_timeout)}, and RFC 1939 §3 asks for ten minutes at least`;
  }
  const domains = new Set(config.domains);
  for (const account of accounts.current.all()) {
    const { address } = account;
    const domain = address.slice(address.lastIndexOf("@") + 1);
    if (!domains.has(domain)) yield `the account ${address} gets no mail: ${domain} is not among domains`;
    yield* quotaWarnings(account);
  }
}
