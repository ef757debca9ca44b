/**
 * Giving up root: a daemon that was started as root binds its ports and then becomes the user of its configuration
 * for good, since nothing that it does afterwards needs root.
 */
import { execFileSync } from "node:child_process";
import { EXIT, ExitError } from "./exit.js";
import type { Log } from "./log.js";

/** True when there are privileges to give up. */
export function startedAsRoot(): boolean {
  return process.getuid?.() === 0;
}

/**
 * Becomes `user` and `group` (the user's own by default), with the user's supplementary groups. Does nothing unless
 * started as root. Throws an ExitError when there is no such user.
 */
export function dropPrivileges(
  { user, group }: { user: string; group?: string | undefined },
  log: Log,
): void {
  if (!startedAsRoot()) return;
  if (user === "root") {
    log.warn('running as root, as the configuration says (user = "root")');
    return;
  }
  try {
    process.setgroups?.(idsOf("-G", user));
    process.setgid?.(group ?? primaryGroupOf(user));
    process.setuid?.(user);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n", 1)[0] : String(error);
    throw new ExitError(
      EXIT.permission,
      `cannot become user "${user}"${group === undefined ? "" : ` and group "${group}"`}: ${reason}; ` +
        `make that user (useradd --system ${user}), or name another with the key "user"`,
    );
  }
  log.info({ user, uid: process.getuid?.(), gid: process.getgid?.() }, "privileges dropped");
}

/** Group ids of a user, by id(1) rather than /etc/group, because users may come from LDAP and the like. */
function idsOf(option: "-g" | "-G", user: string): number[] {
  const ids = execFileSync("id", [option, "--", user], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  return ids.trim().split(" ").map(Number);
}

function primaryGroupOf(user: string): number {
  const [gid] = idsOf("-g", user);
  if (gid === undefined) throw new Error(`id(1) names no group for ${user}`);
  return gid;
}
