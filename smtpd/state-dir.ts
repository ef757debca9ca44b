/** state_dir as smtpd finds it: what to do about it where it cannot be used, and what `smtpd check` says of it. */
import { readdir, stat } from "node:fs/promises";
import { EXIT, ExitError, hasCode, isSystemError } from "../shared/exit.js";
import { actingAs } from "../shared/privileges.js";
import type { SmtpdConfig } from "./config.js";
import { queueIdOfFile } from "./queue/envelope-file.js";

type Config = Pick<SmtpdConfig, "state_dir" | "user" | "group">;

/** Does `work` with what is in state_dir; an error of the system becomes an ExitError that says what helps. */
export async function explainingStateDir<T>(config: Config, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isSystemError(error) || error.syscall === undefined) throw error;
    const where = `state_dir = ${JSON.stringify(config.state_dir)}: ${error.code} at ${error.path ?? "its queue"}`;
    const cause = { cause: error };
    if (hasCode(error, "EACCES", "EPERM", "EROFS")) {
      const advice = `the user that smtpd runs as (user = ${JSON.stringify(config.user)} when started as root) must own it`;
      throw new ExitError(EXIT.permission, `${where}; ${advice}, or name another directory`, cause);
    }
    if (hasCode(error, "ENOTDIR", "EEXIST", "ELOOP", "ENAMETOOLONG"))
      throw new ExitError(EXIT.configuration, `${where}; it must be a directory`, cause);
    throw new ExitError(EXIT.temporary, where, cause);
  }
}

export interface StateDirFindings {
  /** For the summary: `3 messages in /var/lib/pillarbox/queue`. */
  readonly summary: string;
  readonly warnings: readonly string[];
}

/** Looks at the queue as the user that smtpd becomes; changes nothing. */
export async function lookAtStateDir(config: Config): Promise<StateDirFindings> {
  const path = `${config.state_dir}/queue`;
  try {
    return await actingAs(config, async ({ uid }) => {
      const names = await readdir(`${path}/envelope`);
      const owner = (await stat(path)).uid;
      const warnings =
        owner === uid || uid === 0
          ? []
          : [`${path} belongs to the user with id ${owner}, smtpd runs as ${uid}`];
      const broken = await readdir(`${path}/broken`);
      if (broken.length > 0)
        warnings.push(`${path}/broken has ${broken.length} files that were set aside; the log tells why`);
      const count = names.filter((name) => queueIdOfFile(name) !== undefined).length;
      return { summary: `${count} ${count === 1 ? "message" : "messages"} in ${path}`, warnings };
    });
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.code === "ENOENT")
      return {
        summary: `none yet in ${path}`,
        warnings: await warningsOfNew(config),
      };
    return { summary: path, warnings: [`${path} cannot be looked at: ${error.code}`] };
  }
}

/** Whether smtpd will be able to make it, as far as that can be told without trying. */
async function warningsOfNew(config: Config): Promise<string[]> {
  return actingAs(config, async ({ uid }) => {
    for (let path = config.state_dir; ; path = path.slice(0, path.lastIndexOf("/")) || "/") {
      try {
        const { uid: owner, mode } = await stat(path);
        const mayWrite = uid === 0 || owner === uid || (mode & 0o022) !== 0;
        if (mayWrite) return [];
        return [
          `${config.state_dir}/queue is not there, and ${path} is not the user's who would have to make it`,
        ];
      } catch (error) {
        if (!hasCode(error, "ENOENT") || path === "/") return [];
      }
    }
  });
}
