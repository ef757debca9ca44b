/**
 * Changing the accounts file on disk: under its lock, into a new file beside it with the same owner and mode, which then takes
 * its place by one rename. The daemons, and Dovecot, see the old file or the new one, and after a power cut it is one of the two.
 */
import { chmod, chown, lstat, readFile, realpath, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { Durable } from "../durable.js";
import { EXIT, ExitError, exitCodeFor, hasCode, isSystemError } from "../exit.js";
import { withLock } from "./edit-lock.js";

/** Who may do what with a file. */
export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/**
 * Changes the accounts file.
 * @param newFile says how the file is to be made; asked where there is none
 * @param change from the octets of the file, none where it does not exist, to its new ones; what it throws leaves the file as
 *   it is
 * Throws an ExitError: 75 when another editor does not end, 77 when the file may not be changed, 78 when its directory is missing.
 */
export async function editAccountsFile(
  file: string,
  newFile: () => FileOwner | Promise<FileOwner>,
  durable: Durable,
  change: (before: Buffer) => Buffer | Promise<Buffer>,
): Promise<void> {
  try {
    // Behind a symbolic link it is the file that is replaced, and one lock that everybody takes.
    const path = await targetOf(file);
    await withLock(path, async () => {
      const { octets, owner } = (await readExisting(path)) ?? {
        octets: Buffer.alloc(0),
        owner: await newFile(),
      };
      await replace(path, await change(octets), owner, durable);
    });
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const code = hasCode(error, "ENOENT", "ENOTDIR") ? EXIT.configuration : exitCodeFor(error);
    throw new ExitError(code, `${file}: cannot be changed (${error.message})`, { cause: error });
  }
}

async function targetOf(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return file;
    throw error;
  }
}

async function readExisting(path: string): Promise<{ octets: Buffer; owner: FileOwner } | undefined> {
  try {
    const { uid, gid, mode } = await lstat(path);
    return { octets: await readFile(path), owner: { uid, gid, mode: mode & PERMISSIONS } };
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

const PERMISSIONS = 0o7777;

/** Only while holding the lock, so that what a killed editor left behind is nobody's. */
async function replace(path: string, octets: Buffer, owner: FileOwner, durable: Durable): Promise<void> {
  const next = `${path}.new`;
  await rm(next, { force: true });
  try {
    const file = await durable.create(next);
    try {
      await file.write(octets);
      const made = await lstat(next);
      if (made.uid !== owner.uid || made.gid !== owner.gid) await chown(next, owner.uid, owner.gid);
      await chmod(next, owner.mode);
      await file.sync();
    } finally {
      await file.close();
    }
    await durable.publish(next, path);
  } catch (error) {
    await rm(next, { force: true });
    throw error;
  }
  await durable.syncDirectory(dirname(path));
}
