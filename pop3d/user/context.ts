/** What every `pop3d user` command needs: the configuration, and the account that it is about. */
import type { AccountsOptions } from "../../shared/accounts/passwd-file.js";
import { addressOfUser } from "../../shared/accounts/username.js";
import type { GlobalOptions } from "../../shared/cli.js";
import { loadConfig } from "../../shared/config/load.js";
import { EXIT, ExitError } from "../../shared/exit.js";
import { type Pop3dConfig, pop3dSchema } from "../config.js";
import { wrongFields } from "../policy.js";

/** The arguments of a command about one account. */
export interface AddressOption extends GlobalOptions {
  readonly address: string;
}

export const ADDRESS_OPTION = {
  type: "string",
  demandOption: true,
  describe: "The account: an address, or its local-part alone in the default domain",
} as const;

export function readConfig({ config }: GlobalOptions): Promise<Pop3dConfig> {
  return loadConfig(config, pop3dSchema);
}

/** The domain of a user who is named without one. */
export function defaultDomainOf(config: Pop3dConfig): string {
  return config.default_domain ?? config.domains[0] ?? config.hostname;
}

/** The canonical address that was meant. Throws an ExitError (64) when it is none. */
export function addressFor(config: Pop3dConfig, given: string): string {
  const address = addressOfUser(given, defaultDomainOf(config));
  if (address !== undefined) return address;
  throw new ExitError(
    EXIT.usage,
    `${JSON.stringify(given)} is no address; allowed is "alice@example.org", or "alice"`,
  );
}

/** What accounts are read with. */
export function accountsOptionsOf(config: Pop3dConfig): AccountsOptions {
  return { mailRoot: config.mail_root, defaultDomain: defaultDomainOf(config), wrongFields };
}

export function noSuchAccount(config: Pop3dConfig, address: string): ExitError {
  return new ExitError(EXIT.usage, `${config.accounts}: there is no account ${address}`);
}
