/** Doing things as an ordinary user when the tests run as root: some programs refuse root, and root may do anything. */
import { chown, readdir } from "node:fs/promises";
import { join } from "node:path";

/** Debian's nobody and nogroup. */
export const NOBODY = 65_534;

export const runsAsRoot = process.getuid?.() === 0;

/** A command that runs `words` as nobody where we are root, and as it is otherwise. */
export function asNobody(words: readonly [string, ...string[]]): [string, ...string[]] {
  if (!runsAsRoot) return [...words];
  return ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", ...words];
}

/** Makes nobody own a directory and all that is in it, where we are root. */
export async function giveToNobody(directory: string): Promise<void> {
  if (!runsAsRoot) return;
  await chown(directory, NOBODY, NOBODY);
  for (const entry of await readdir(directory, { recursive: true }))
    await chown(join(directory, entry), NOBODY, NOBODY);
}
