/**
 * Giving up root: a daemon that was started as root binds its ports and then becomes the user of its configuration
 * for good, since nothing that it does afterwards needs root.
 */
import { execFileSync } from "node:child_process";
import { EXIT, ExitError, hasCode } from "./exit.js";
import type { Log } from "./log.js";

/** True when there are privileges to give up. */
export function startedAsRoot(): boolean {
  return process.getuid?.() === 0;
}

/**
 * Becomes `user` and `group` (the user's own by default), with the user's supplementary groups. Does nothing unless
 * started as root. Throws an ExitError: 78 when there is no such user or group, 77 when the system does not let us.
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
      isUnknownName(error) ? EXIT.configuration : EXIT.permission,
      `cannot become user "${user}"${group === undefined ? "" : ` and group "${group}"`}: ${reason}; ` +
        `make that user (useradd --system ${user}), or name another with the key "user"`,
    );
  }
  log.info({ user, uid: process.getuid?.(), gid: process.getgid?.() }, "privileges dropped");
}

/** Said by setgid and setuid of Node, and by id(1), which ends with a code of its own then. */
function isUnknownName(error: unknown): boolean {
  return (
    hasCode(error, "ERR_UNKNOWN_CREDENTIAL") ||
    (error instanceof Error && "status" in error && typeof error.status === "number")
  );
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
