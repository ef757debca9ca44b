/** `pop3d user add`: a new account, with its Maildir. */
import type { CommandModule } from "yargs";
import { addEntry, hasEntry } from "../../shared/accounts/edit.js";
import { defaultHome } from "../../shared/accounts/home.js";
import { hashScramSha256 } from "../../shared/accounts/schemes/scram.js";
import { parseMailbox } from "../../shared/address.js";
import type { GlobalOptions } from "../../shared/cli.js";
import { EXIT, ExitError } from "../../shared/exit.js";
import { maildirAt } from "../../shared/maildir/maildir.js";
import type { Pop3dConfig } from "../config.js";
import { editAccounts, readAccountsFile } from "./accounts-file.js";
import { ADDRESS_OPTION, type AddressOption, addressFor, defaultDomainOf, readConfig } from "./context.js";
import { makeMaildir } from "./mail.js";
import { PASSWORD_OPTION, type PasswordOption, readNewPassword } from "./password-input.js";

export const addCommand: CommandModule<GlobalOptions, AddressOption & PasswordOption> = {
  command: "add <address>",
  describe: "Add an account, and make its Maildir",
  builder: (args) => args.positional("address", ADDRESS_OPTION).options(PASSWORD_OPTION),
  handler: add,
};

async function add(options: AddressOption & PasswordOption): Promise<void> {
  const config = await readConfig(options);
  const address = addressFor(config, options.address);
  const home = homeOfNew(config, address);
  // Looked up twice: now, so that nobody types a password for nothing, and under the lock, where the answer stays true.
  refuseExisting(config, await readAccountsFile(config), address);
  const password = hashScramSha256(await readNewPassword(options["password-stdin"]));

  const maildir = maildirAt(`${home}/Maildir`);
  let existed = false;
  await editAccounts(config, async (before) => {
    refuseExisting(config, before, address);
    existed = await makeMaildir(config, maildir);
    return addEntry(before, address, password);
  });
  console.log(`added ${address}; its mail comes to ${maildir.path}`);
  // Perhaps somebody else's, who had the address before.
  if (existed) console.error(`${maildir.path} was there already; whatever lies in it is theirs now`);
}

/** The home of a new account. Throws an ExitError (64) when an entry of the file cannot be made for this address. */
function homeOfNew(config: Pop3dConfig, address: string): string {
  const domain = parseMailbox(address)?.domain ?? "";
  if (!config.domains.includes(domain)) {
    const allowed = config.domains.join(", ");
    throw new ExitError(
      EXIT.usage,
      `${address}: mail for ${domain} is not taken here; the key "domains" names ${allowed}`,
    );
  }
  if (/:|^#/.test(address)) {
    throw new ExitError(
      EXIT.usage,
      `${address}: a colon anywhere or a "#" in front cannot stand in the accounts file`,
    );
  }
  const home = defaultHome(address, config.mail_root);
  if (home !== undefined) return home;
  throw new ExitError(
    EXIT.usage,
    `${address}: this local-part cannot name a directory; write an entry with a home into ${config.accounts}`,
  );
}

function refuseExisting(config: Pop3dConfig, file: Buffer, address: string): void {
  if (!hasEntry(file, address, defaultDomainOf(config))) return;
  throw new ExitError(EXIT.usage, `${config.accounts}: there is an account ${address} already`);
}
