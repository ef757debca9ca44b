/**
 * What smtpd reads from files and may read anew while it runs: accounts, aliases, secrets and certificates.
 */
import type { Accounts } from "../shared/accounts/account.js";
import { loadClientSecret } from "../shared/accounts/logins.js";
import { loadAccounts } from "../shared/accounts/passwd-file.js";
import { Certificates } from "../shared/certificates.js";
import { defaultDomainOf } from "../shared/config/common.js";
import type { Log } from "../shared/log.js";
import { Reloadable } from "../shared/reloadable.js";
import type { SmtpdConfig } from "./config.js";
import type { Aliases } from "./receive/aliases.js";
import { loadAliases } from "./receive/load-aliases.js";
import { loadSrsSecrets } from "./receive/load-srs.js";
import type { Directory } from "./receive/route.js";
import { wrongSendAs } from "./receive/sender-rights.js";
import { Srs } from "./receive/srs.js";

export interface SmtpdState {
  readonly accounts: Reloadable<Accounts>;
  readonly aliases: Reloadable<Aliases>;
  readonly clientSecret: Reloadable<string> | undefined;
  readonly certificates: Reloadable<Certificates> | undefined;
  readonly srsSecrets: Reloadable<readonly string[]> | undefined;
}

/** Reads all of it for the first time. Throws the ExitError of what cannot be read or is wrong. */
export async function loadState(config: SmtpdConfig, log: Log): Promise<SmtpdState> {
  const { tls, mail_root: mailRoot } = config;
  const defaultDomain = defaultDomainOf(config);
  const readAccounts = () =>
    loadAccounts(config.accounts, { mailRoot, defaultDomain, wrongFields: wrongSendAs });
  const { srs_secret_file: srsFile } = config.receive;
  const readAliases = () => loadAliases(config.aliases, defaultDomain);
  return {
    accounts: await Reloadable.open("accounts", [config.accounts], readAccounts, log),
    aliases: await Reloadable.open(
      "aliases",
      config.aliases === undefined ? [] : [config.aliases],
      readAliases,
      log,
    ),
    clientSecret: await loadClientSecret(config, log),
    certificates:
      tls === undefined
        ? undefined
        : await Reloadable.open("certificates", Certificates.files(tls), () => Certificates.load(tls), log),
    srsSecrets:
      srsFile === undefined
        ? undefined
        : await Reloadable.open("SRS secrets", [srsFile], () => loadSrsSecrets(srsFile), log),
  };
}

/** How reverse-paths are rewritten, with the secrets in force: ask each time. Undefined where they are not. */
export function srsOf(config: SmtpdConfig, { srsSecrets }: SmtpdState): () => Srs | undefined {
  const ourDomains = new Set(config.domains);
  const domain = defaultDomainOf(config);
  return () => srsSecrets && new Srs(srsSecrets.current, domain, ourDomains);
}

/** The directory in force, for routing: ask each time, since it changes. */
export function directoryOf(config: SmtpdConfig, state: SmtpdState): () => Directory {
  const domains = new Set(config.domains);
  const defaultDomain = defaultDomainOf(config);
  return () => ({ domains, defaultDomain, accounts: state.accounts.current, aliases: state.aliases.current });
}
