/** `pop3d user passwd`: another password for an account; the rest of its entry stays. */
import type { CommandModule } from "yargs";
import { changePassword, hasEntry } from "../../shared/accounts/edit.js";
import { hashScramSha256 } from "../../shared/accounts/schemes/scram.js";
import type { GlobalOptions } from "../../shared/cli.js";
import { editAccounts, readAccountsFile } from "./accounts-file.js";
import {
  ADDRESS_OPTION,
  type AddressOption,
  addressFor,
  defaultDomainOf,
  noSuchAccount,
  readConfig,
} from "./context.js";
import { PASSWORD_OPTION, type PasswordOption, readNewPassword } from "./password-input.js";

export const passwdCommand: CommandModule<GlobalOptions, AddressOption & PasswordOption> = {
  command: "passwd <address>",
  describe: "Give an account another password",
  builder: (args) => args.positional("address", ADDRESS_OPTION).options(PASSWORD_OPTION),
  handler: passwd,
};

async function passwd(options: AddressOption & PasswordOption): Promise<void> {
  const config = await readConfig(options);
  const address = addressFor(config, options.address);
  const domain = defaultDomainOf(config);
  if (!hasEntry(await readAccountsFile(config), address, domain)) throw noSuchAccount(config, address);
  const password = hashScramSha256(await readNewPassword(options["password-stdin"]));

  await editAccounts(config, (before) => {
    const after = changePassword(before, address, password, domain);
    if (after === undefined) throw noSuchAccount(config, address);
    return after;
  });
  console.log(`changed the password of ${address}`);
}
