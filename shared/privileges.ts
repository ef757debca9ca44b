/**
 * Giving up root: a daemon that was started as root binds its ports and then becomes the user of its configuration
 * for good, since nothing that it does afterwards needs root.
 */
import { execFileSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { fileURLToPath } from "node:url";
import { EXIT, ExitError, hasCode } from "./exit.js";
import type { Log } from "./log.js";

/** True when there are privileges to give up. */
export function startedAsRoot(): boolean {
  return process.getuid?.() === 0;
}

/** The `user` and `group` of a configuration; the group is the user's own by default. */
export interface Who {
  readonly user: string;
  readonly group?: string | undefined;
}

/**
 * Becomes `user` and `group` for good, with the user's supplementary groups. Does nothing unless started as root. Throws an
 * ExitError: 78 when there is no such user or group, 77 when the system does not let us, or when that user cannot read this
 * program.
 */
export function dropPrivileges(who: Who, log: Log): void {
  if (!startedAsRoot()) return;
  if (who.user === "root") {
    log.warn('running as root, as the configuration says (user = "root")');
    return;
  }
  explained(who, () => {
    process.setgroups?.(idsOf("-G", who.user));
    process.setgid?.(who.group ?? primaryGroupOf(who.user));
    process.setuid?.(who.user);
  });
  expectReadableProgram(who.user);
  log.info({ user: who.user, uid: process.getuid?.(), gid: process.getgid?.() }, "privileges dropped");
}

/**
 * Threads read their code when they are started, and that is later: installed below /root, say, the daemon would start well
 * and then refuse every login.
 */
function expectReadableProgram(user: string): void {
  const program = fileURLToPath(import.meta.url);
  try {
    accessSync(program, constants.R_OK);
  } catch {
    throw new ExitError(
      EXIT.permission,
      `user "${user}" cannot read this program, ${program}: install it where everyone can, ` +
        "or open the directories above it to that user",
    );
  }
}

export interface Ids {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Does `work` as `user` and `group`, and is root again afterwards: what it makes is theirs, and no symbolic link that they
 * planted leads root anywhere. Does it as whoever we are unless started as root. Throws as dropPrivileges does. The whole
 * process changes its effective ids, so nothing else may go on meanwhile: for commands, not for daemons.
 */
export async function actingAs<T>(who: Who, work: (ids: Ids) => T | Promise<T>): Promise<T> {
  const groups = process.getgroups?.() ?? [];
  const changing = startedAsRoot() && who.user !== "root";
  try {
    if (changing) {
      explained(who, () => {
        process.setgroups?.(idsOf("-G", who.user));
        process.setegid?.(who.group ?? primaryGroupOf(who.user));
        process.seteuid?.(who.user);
      });
    }
    return await work({ uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 });
  } finally {
    if (changing) {
      process.seteuid?.(0);
      process.setegid?.(0);
      process.setgroups?.(groups);
    }
  }
}

/** Does `change`, which becomes somebody, and says in an ExitError why it cannot. */
function explained({ user, group }: Who, change: () => void): void {
  try {
    change();
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n", 1)[0] : String(error);
    throw new ExitError(
      isUnknownName(error) ? EXIT.configuration : EXIT.permission,
      `cannot become user "${user}"${group === undefined ? "" : ` and group "${group}"`}: ${reason}; ` +
        `make that user (useradd --system ${user}), or name another with the key "user"`,
    );
  }
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
