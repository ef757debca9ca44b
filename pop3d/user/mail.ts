/** Making and removing the Maildirs of accounts: as the user of the configuration, whose they are, even when root asks. */

import { lchown, mkdir, rm, rmdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { Account } from "../../shared/accounts/account.js";
import { EXIT, ExitError, exitCodeFor, hasCode, isSystemError } from "../../shared/exit.js";
import { createMaildir } from "../../shared/maildir/create.js";
import type { Maildir } from "../../shared/maildir/maildir.js";
import { actingAs, startedAsRoot } from "../../shared/privileges.js";
import type { Pop3dConfig } from "../config.js";
import { exists } from "../exists.js";
import { durable } from "./accounts-file.js";

/** Makes a Maildir below mail_root, and mail_root itself where it is missing. Resolves to whether it was there before. */
export async function makeMaildir(config: Pop3dConfig, maildir: Maildir): Promise<boolean> {
  try {
    if (startedAsRoot()) await makeMailRoot(config);
    return await actingAs(config, async () => {
      const existed = await exists(maildir.path);
      await createMaildir(maildir, durable);
      return existed;
    });
  } catch (error) {
    throw explained(error, `${maildir.path}: cannot be made`);
  }
}

/** mail_root usually lies where only root may make anything. What is made here is the daemons' user's. */
async function makeMailRoot(config: Pop3dConfig): Promise<void> {
  const first = await mkdir(config.mail_root, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  const { uid, gid } = await actingAs(config, (ids) => ids);
  for (let path = config.mail_root; ; path = dirname(path)) {
    await lchown(path, uid, gid);
    await durable.syncDirectory(dirname(path));
    if (path === first) return;
  }
}

/** Removes the mail of an account, and its home when nothing else is in it. */
export async function deleteMail(config: Pop3dConfig, { maildir, home }: Account): Promise<void> {
  try {
    await actingAs(config, async () => {
      await rm(maildir.path, { recursive: true, force: true });
      await rmdir(home).catch((error) => {
        if (!hasCode(error, "ENOENT", "ENOTEMPTY", "EEXIST", "EACCES", "EPERM", "EBUSY")) throw error;
      });
    });
  } catch (error) {
    throw explained(error, `${maildir.path}: cannot be removed`);
  }
}

function explained(error: unknown, what: string): unknown {
  if (!isSystemError(error)) return error;
  const hint =
    exitCodeFor(error) === EXIT.permission ? '; it must belong to the "user" of the configuration' : "";
  return new ExitError(exitCodeFor(error), `${what} (${error.message})${hint}`, { cause: error });
}
