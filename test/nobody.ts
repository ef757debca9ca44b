/** Doing things as an ordinary user when the tests run as root: some programs refuse root, and root may do anything. */
import { spawnSync } from "node:child_process";
import { chown, readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inapplicable } from "./peers.js";

/** Debian's nobody and nogroup. */
export const NOBODY = 65_534;

export const runsAsRoot = process.getuid?.() === 0;

/**
 * What to give node:test as `skip` where root starts a daemon of ours that becomes nobody: false, or that nobody cannot read
 * this checkout, below /root perhaps.
 */
export function withoutNobody(): string | false {
  if (!runsAsRoot) return false;
  const file = fileURLToPath(import.meta.url);
  const { status } = spawnSync("test", ["-r", file], { uid: NOBODY, gid: NOBODY, cwd: "/" });
  return status === 0 ? false : inapplicable("nobody (the user) cannot read this checkout");
}

/** A command that runs `words` as nobody where we are root, and as it is otherwise. */
export function asNobody(words: readonly [string, ...string[]]): [string, ...string[]] {
  if (!runsAsRoot) return [...words];
  return ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", ...words];
}

/** Makes nobody own a file, where we are root. */
export async function giveFileToNobody(path: string): Promise<void> {
  if (runsAsRoot) await chown(path, NOBODY, NOBODY);
}

/** Makes nobody own a directory and all that is in it, where we are root. */
export async function giveToNobody(directory: string): Promise<void> {
  if (!runsAsRoot) return;
  await chown(directory, NOBODY, NOBODY);
  for (const entry of await readdir(directory, { recursive: true }))
    await chown(join(directory, entry), NOBODY, NOBODY);
}
