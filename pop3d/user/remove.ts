/** `pop3d user remove`: takes an account out of the file. Its mail stays, unless it was asked to go as well. */
import type { CommandModule } from "yargs";
import type { Account } from "../../shared/accounts/account.js";
import { hasEntry, removeEntry } from "../../shared/accounts/edit.js";
import { parseAccounts } from "../../shared/accounts/passwd-file.js";
import type { GlobalOptions } from "../../shared/cli.js";
import { EXIT, ExitError } from "../../shared/exit.js";
import type { Pop3dConfig } from "../config.js";
import { editAccounts, readAccountsFile } from "./accounts-file.js";
import { confirm } from "./confirm.js";
import {
  ADDRESS_OPTION,
  type AddressOption,
  accountsOptionsOf,
  addressFor,
  defaultDomainOf,
  noSuchAccount,
  readConfig,
} from "./context.js";
import { deleteMail } from "./mail.js";

interface RemoveOptions extends AddressOption {
  readonly "delete-mail": boolean;
  readonly yes: boolean;
}

export const removeCommand: CommandModule<GlobalOptions, RemoveOptions> = {
  command: "remove <address>",
  describe: "Remove an account, and its mail only when asked to",
  builder: (args) =>
    args.positional("address", ADDRESS_OPTION).options({
      "delete-mail": { type: "boolean", default: false, describe: "Delete its mail as well" },
      yes: { type: "boolean", default: false, alias: "y", describe: "Do not ask before mail is deleted" },
    }),
  handler: remove,
};

async function remove(options: RemoveOptions): Promise<void> {
  const config = await readConfig(options);
  const address = addressFor(config, options.address);
  const file = await readAccountsFile(config);
  if (!hasEntry(file, address, defaultDomainOf(config))) throw noSuchAccount(config, address);
  const { accounts } = await parseAccounts(file.toString(), accountsOptionsOf(config));
  const account = accounts.get(address);

  const doomed = options["delete-mail"] ? mailToDelete(config, address, accounts) : undefined;
  if (
    doomed !== undefined &&
    !options.yes &&
    !(await confirm(`Delete all mail in ${doomed.maildir.path}?`, "--yes"))
  ) {
    throw new ExitError(EXIT.usage, "nothing was removed");
  }
  await editAccounts(config, (before) => {
    const after = removeEntry(before, address, defaultDomainOf(config));
    if (after === undefined) throw noSuchAccount(config, address);
    return after;
  });
  console.log(`removed ${address}`);
  if (doomed !== undefined) {
    await deleteMail(config, doomed);
    console.log(`deleted ${doomed.maildir.path}`);
  } else if (account !== undefined) {
    console.log(`its mail stays in ${account.maildir.path}`);
  }
}

/** The account whose mail is to go. Throws an ExitError (64) when it cannot be told where that lies, or whose it is. */
function mailToDelete(
  { accounts: file }: Pop3dConfig,
  address: string,
  accounts: ReadonlyMap<string, Account>,
): Account {
  const account = accounts.get(address);
  if (account === undefined)
    throw new ExitError(EXIT.usage, `${file}: it is not clear where the mail of ${address} lies`);
  for (const other of accounts.values()) {
    if (other !== account && other.maildir.path === account.maildir.path) {
      throw new ExitError(
        EXIT.usage,
        `${account.maildir.path} is the Maildir of ${other.address} too; nothing was removed`,
      );
    }
  }
  return account;
}
