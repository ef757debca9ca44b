/** Making a Maildir, or what is missing of one. Errors are the system's; what was made by then stays. */
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { Durable } from "../durable.js";
import { hasCode } from "../exit.js";
import type { Maildir } from "./maildir.js";

const MODE_OF_DIRECTORIES = 0o700;

/**
 * Makes what is missing of a Maildir, with the directories above it, mode 0700, and syncs every directory in
 * which something was made: a message is not durable while the folder it lies in could vanish. Others may make
 * the same one at the same time.
 *
 * tmp/ is made last, when the rest is durable: whoever can create a file in it may rely on new/ and cur/.
 */
export async function createMaildir(maildir: Maildir, durable: Durable): Promise<void> {
  for (const folder of [maildir.cur, maildir.new, maildir.tmp]) await makeDirectory(folder, durable);
}

/**
 * Makes a directory that may be there already, with the directories above it, all of them of this mode less the umask.
 * Resolves to whether it was made.
 */
export async function makeDirectory(
  path: string,
  durable: Durable,
  mode: number = MODE_OF_DIRECTORIES,
): Promise<boolean> {
  let made: boolean;
  try {
    made = await makeUnlessThere(path, mode);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
    await makeDirectory(dirname(path), durable, mode);
    // ENOENT again when a symbolic link above leads nowhere (a disk that is not mounted): that is for the operator.
    made = await makeUnlessThere(path, mode);
  }
  // Also for one that was there: whoever has just made it may not have synced it yet.
  await durable.syncDirectory(dirname(path));
  return made;
}

async function makeUnlessThere(path: string, mode: number): Promise<boolean> {
  try {
    await mkdir(path, mode);
    return true;
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
    return false;
  }
}
