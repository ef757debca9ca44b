/** A small file system of its own for a daemon: a tmpfs in a mount namespace that only the daemon is in. */
import { spawnSync } from "node:child_process";
import { runsAsRoot } from "./nobody.js";
import { inapplicable } from "./peers.js";

/** What gives a process a mount namespace: root may, and others where the kernel lets users have namespaces. */
const UNSHARE = runsAsRoot ? ["unshare", "--mount"] : ["unshare", "--user", "--map-root-user", "--mount"];

/** What to give node:test as `skip` where nothing can be mounted. */
export function withoutMounts(): string | false {
  const [command = "", ...args] = UNSHARE;
  const probe = spawnSync(command, [...args, "mount", "-t", "tmpfs", "none", "/mnt"]);
  return probe.status === 0 ? false : inapplicable("no file system can be mounted here");
}

/**
 * A command to run a daemon under, which mounts a tmpfs on `directory` first. To others it shows below
 * `/proc/<pid>/root`.
 * @param options of mount(8), such as `size=1m`
 */
export function onSmallDisk(directory: string, options: string): string[] {
  const script = `mount -t tmpfs -o ${options} none '${directory}' && exec "$@"`;
  return [...UNSHARE, "sh", "-c", script, "sh"];
}
