/**
 * The queue of a configuration, for a command: as the user of the configuration where root runs it, so that what it writes can
 * be read by smtpd; else as whoever runs it. What the system does not let him do is explained in an ExitError.
 */
import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { FsyncDurable } from "../../shared/durable.js";
import { EXIT, ExitError, exitCodeFor, hasCode, isSystemError } from "../../shared/exit.js";
import { openLog } from "../../shared/log.js";
import { uniqueNames } from "../../shared/maildir/name.js";
import { dropPrivileges } from "../../shared/privileges.js";
import type { SmtpdConfig } from "../config.js";
import { Queue } from "./queue.js";

/** Files that smtpd is to read whoever made them: their group is that of the queue (folders.ts). */
const MODE_OF_FILES = 0o640;

export function queuePathOf({ state_dir }: Pick<SmtpdConfig, "state_dir">): string {
  return `${state_dir}/queue`;
}

/** Becomes the user of the configuration, where root runs the command. */
export function becomeUser(config: SmtpdConfig): void {
  dropPrivileges(config, quietLog());
}

/** Opens the queue, and makes it where this user may. Throws an ExitError. */
export async function openQueue(config: SmtpdConfig): Promise<Queue> {
  becomeUser(config);
  const uniqueName = uniqueNames(config.hostname, process.pid, Date.now);
  const durable = new FsyncDurable(MODE_OF_FILES);
  return explained(config, () =>
    Queue.open(queuePathOf(config), { durable, uniqueName, now: Date.now, log: quietLog() }),
  );
}

/** For commands, whose standard output is something else, and which say themselves what went wrong. */
function quietLog() {
  return openLog("smtpd", { level: "error", format: "auto" }, 2);
}

/** Does `work`; says in an ExitError what the system did not let it do, and what helps. */
export async function explained<T>(config: SmtpdConfig, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ExitError || !isSystemError(error) || error.syscall === undefined) throw error;
    const path = queuePathOf(config);
    if (hasCode(error, "EACCES", "EPERM"))
      throw new ExitError(EXIT.permission, advice(config, path), { cause: error });
    throw new ExitError(exitCodeFor(error), `${path}: ${error.code}, try again later`, { cause: error });
  }
}

function advice({ user }: SmtpdConfig, path: string): string {
  const group = groupOf(path);
  const member = group === undefined ? "" : `, or become a member of its group, ${group}, to send mail`;
  return `${path}: this user may not do that; be root or ${user}${member}`;
}

/** The name of the group that a directory belongs to, else its number; undefined where it cannot be told. */
function groupOf(path: string): string | undefined {
  const gid = statSync(path, { throwIfNoEntry: false })?.gid;
  if (gid === undefined) return undefined;
  try {
    const entry = execFileSync("getent", ["group", String(gid)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return entry.split(":", 1)[0];
  } catch {
    return String(gid);
  }
}
