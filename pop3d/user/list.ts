/** `pop3d user list`: the accounts and their Maildirs, for people or as JSON. Never anything of a password. */
import type { CommandModule } from "yargs";
import type { Account } from "../../shared/accounts/account.js";
import { loadAccounts } from "../../shared/accounts/passwd-file.js";
import { readStoredPassword } from "../../shared/accounts/schemes.js";
import type { GlobalOptions } from "../../shared/cli.js";
import { accountsOptionsOf, readConfig } from "./context.js";

interface ListOptions extends GlobalOptions {
  readonly json: boolean;
}

export const listCommand: CommandModule<GlobalOptions, ListOptions> = {
  command: "list",
  describe: "List the accounts and their Maildirs",
  builder: (args) => args.option("json", { type: "boolean", default: false, describe: "As one JSON array" }),
  handler: list,
};

async function list(options: ListOptions): Promise<void> {
  const config = await readConfig(options);
  const accounts = [...(await loadAccounts(config.accounts, accountsOptionsOf(config))).all()];
  if (options.json) {
    console.log(JSON.stringify(accounts.map(described), undefined, 2));
    return;
  }
  const width = Math.max(0, ...accounts.map(({ address }) => address.length));
  for (const { address, maildir } of accounts) console.log(`${address.padEnd(width)}  ${maildir.path}`);
}

function described({ address, home, maildir, password }: Account) {
  const stored = readStoredPassword(password);
  const scheme = stored.kind === "credential" ? stored.credential.scheme : null;
  return { address, maildir: maildir.path, home, scheme };
}
