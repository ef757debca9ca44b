/** Editing the accounts file that the configuration names, and telling what is still wrong in it. */
import { editAccountsFile, type FileOwner } from "../../shared/accounts/edit-file.js";
import { parseAccounts } from "../../shared/accounts/passwd-file.js";
import { readConfigOctets } from "../../shared/config/load.js";
import { FsyncDurable } from "../../shared/durable.js";
import { ExitError, hasCode } from "../../shared/exit.js";
import { actingAs, startedAsRoot } from "../../shared/privileges.js";
import type { Pop3dConfig } from "../config.js";
import { accountsOptionsOf } from "./context.js";

export const durable = new FsyncDurable();

/** The octets of the accounts file; none where it does not exist. Throws an ExitError when it may not be read. */
export async function readAccountsFile(config: Pop3dConfig): Promise<Buffer> {
  try {
    return await readConfigOctets(config.accounts);
  } catch (error) {
    if (error instanceof ExitError && hasCode(error.cause, "ENOENT")) return Buffer.alloc(0);
    throw error;
  }
}

/** Changes the accounts file as editAccountsFile does; afterwards warns of lines that the daemons will not take. */
export async function editAccounts(
  config: Pop3dConfig,
  change: (before: Buffer) => Buffer | Promise<Buffer>,
): Promise<void> {
  let after = Buffer.alloc(0);
  await editAccountsFile(
    config.accounts,
    () => newFileOf(config),
    durable,
    async (before) => {
      after = Buffer.from(await change(before));
      return after;
    },
  );
  const { problems } = await parseAccounts(after.toString(), accountsOptionsOf(config));
  for (const { line, wrong } of problems) console.error(`${config.accounts}:${line}: ${wrong}`);
  if (problems.length > 0)
    console.error(`until ${config.accounts} is mended, the daemons keep the accounts they have`);
}

/** A file that root makes is root's, and the daemons, which will not be root, may read it; else it is our own. */
async function newFileOf(config: Pop3dConfig): Promise<FileOwner> {
  return actingAs(config, ({ uid, gid }) =>
    startedAsRoot() ? { uid: 0, gid, mode: 0o640 } : { uid, gid, mode: 0o600 },
  );
}
