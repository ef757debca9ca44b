/** A Maildir's three folders, and making them. */
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { Durable } from "../durable.js";
import { hasCode } from "../exit.js";

export interface Maildir {
  readonly path: string;
  readonly tmp: string;
  readonly new: string;
  readonly cur: string;
}

/** The folders in which messages lie, in the order in which a message passes through them. */
export type Folder = "new" | "cur";

const MODE_OF_DIRECTORIES = 0o700;

export function maildirAt(path: string): Maildir {
  return { path, tmp: `${path}/tmp`, new: `${path}/new`, cur: `${path}/cur` };
}

/**
 * Makes what is missing of a Maildir, with the directories above it, mode 0700, and syncs every directory in
 * which something was made: a message is not durable while the folder it lies in could vanish. Others may make
 * the same one at the same time.
 */
export async function createMaildir(maildir: Maildir, durable: Durable): Promise<void> {
  for (const folder of [maildir.cur, maildir.new, maildir.tmp]) await makeDirectory(folder, durable);
}

async function makeDirectory(path: string, durable: Durable): Promise<void> {
  try {
    await mkdir(path, MODE_OF_DIRECTORIES);
  } catch (error) {
    if (hasCode(error, "EEXIST")) return;
    if (!hasCode(error, "ENOENT") || dirname(path) === path) throw error;
    await makeDirectory(dirname(path), durable);
    return makeDirectory(path, durable);
  }
  await durable.syncDirectory(dirname(path));
}
