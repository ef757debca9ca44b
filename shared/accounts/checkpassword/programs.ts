/** The programs that checkpassword needs: whether they are there is said at the start, not at the first login. */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { isSystemError } from "../../exit.js";

/** env(1) of coreutils and of others; both know -0. */
const ENV_PLACES = ["/usr/bin/env", "/bin/env"];

/** Where env(1) is. */
export async function findEnv(): Promise<string> {
  for (const path of ENV_PLACES) if ((await whyNotRunnable(path)) === undefined) return path;
  return "/usr/bin/env";
}

/** What keeps passwords from being checked by this program; nothing where all seems well. */
export async function checkerTroubles(program: string): Promise<readonly string[]> {
  const troubles: string[] = [];
  for (const path of [program, await findEnv()]) {
    const why = await whyNotRunnable(path);
    if (why !== undefined) troubles.push(`no password can be checked: ${path} ${why}`);
  }
  return troubles;
}

async function whyNotRunnable(path: string): Promise<string | undefined> {
  try {
    if (!(await stat(path)).isFile()) return "is not a file";
    await access(path, constants.X_OK);
    return undefined;
  } catch (error) {
    const code = isSystemError(error) ? error.code : String(error);
    if (code === "ENOENT" || code === "ENOTDIR") return "does not exist";
    return code === "EACCES" ? "may not be executed" : `cannot be executed (${code})`;
  }
}
