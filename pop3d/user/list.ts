/** `pop3d user list`: the accounts, their Maildirs and quotas, for people or as JSON. Never anything of a password. */
import type { CommandModule } from "yargs";
import type { Account } from "../../shared/accounts/account.js";
import { loadAccounts } from "../../shared/accounts/passwd-file.js";
import { quotaOf } from "../../shared/accounts/quota-rule.js";
import { readStoredPassword } from "../../shared/accounts/schemes.js";
import type { GlobalOptions } from "../../shared/cli.js";
import { readQuotaFile } from "../../shared/maildir/quota-file.js";
import { quotaInForce } from "../../shared/maildir/quota-lines.js";
import { formatSize } from "../../shared/units.js";
import type { Pop3dConfig } from "../config.js";
import { accountsOptionsOf, readConfig } from "./context.js";

interface ListOptions extends GlobalOptions {
  readonly json: boolean;
}

export const listCommand: CommandModule<GlobalOptions, ListOptions> = {
  command: "list",
  describe: "List the accounts, their Maildirs and quotas",
  builder: (args) => args.option("json", { type: "boolean", default: false, describe: "As one JSON array" }),
  handler: list,
};

async function list(options: ListOptions): Promise<void> {
  const config = await readConfig(options);
  const accounts = [...(await loadAccounts(config.accounts, accountsOptionsOf(config))).all()];
  const states = await Promise.all(accounts.map((account) => knownState(account, config)));
  if (options.json) {
    const all = accounts.map((account, i) => ({ ...described(account), ...states[i] }));
    console.log(JSON.stringify(all, undefined, 2));
    return;
  }
  const columns = accounts.map(({ address, maildir }, i) => [address, maildir.path, shown(states[i])]);
  const [addresses = 0, paths = 0] = [0, 1].map((n) =>
    Math.max(0, ...columns.map((row) => row[n]?.length ?? 0)),
  );
  for (const [address = "", path = "", state = ""] of columns)
    console.log(`${address.padEnd(addresses)}  ${path.padEnd(paths)}  ${state}`.trimEnd());
}

function described({ address, home, maildir, password }: Account) {
  const stored = readStoredPassword(password);
  const scheme = stored.kind === "credential" ? stored.credential.scheme : null;
  return { address, maildir: maildir.path, home, scheme };
}

/** The quota, and what maildirsize says of it: nothing is counted here, and nothing written as the wrong user. */
async function knownState(account: Account, config: Pop3dConfig) {
  const file = await readQuotaFile(account.maildir).catch(() => undefined);
  const quota = quotaInForce(quotaOf(account, config), file);
  const limits = quota && { octets: quota.octets ?? null, messages: quota.messages ?? null };
  return { quota: limits ?? null, usage: file?.usage ?? null };
}

/** "61% of 1GiB, 412 of 1000 messages"; "?" for what nobody has counted yet. */
function shown(state: Awaited<ReturnType<typeof knownState>> | undefined): string {
  const { octets = null, messages = null } = state?.quota ?? {};
  const usage = state?.usage;
  const percent = usage && octets ? `${Math.round((usage.octets / octets) * 100)}%` : "?";
  return [
    ...(octets === null ? [] : [`${percent} of ${formatSize(octets)}`]),
    ...(messages === null ? [] : [`${usage?.messages ?? "?"} of ${messages} messages`]),
  ].join(", ");
}
