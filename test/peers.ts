/**
 * The programs of others that tests run: curl, fetchmail, Dovecot, strace … A test that needs one that is not
 * installed is skipped and says so; where nothing may be skipped (CI=true, or PILLARBOX_REQUIRE_PEERS=1) the
 * absence is an error.
 *
 *     test("curl collects over STLS", { skip: without("curl") }, async () => { … });
 */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Where Debian puts daemons, which an ordinary user's PATH may leave out. */
const DIRECTORIES_OF_DAEMONS = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/lib/dovecot"];

/** True where a skipped test counts as a failed one. */
export function nothingMayBeSkipped(env: NodeJS.ProcessEnv = process.env): boolean {
  return env.CI === "true" || env.PILLARBOX_REQUIRE_PEERS === "1";
}

/**
 * What to give node:test as `skip`: false when all these programs (or files, by absolute path) are there, else the
 * reason. Throws instead of giving a reason where nothing may be skipped.
 */
export function without(...peers: string[]): string | false {
  const missing = peers.filter((peer) => findPeer(peer) === undefined);
  if (missing.length === 0) return false;
  return lacking(`${missing.join(" and ")} ${missing.length > 1 ? "are" : "is"} not installed`);
}

/** For a need that is no program: the reason as it is given, or an error where nothing may be skipped. */
export function lacking(reason: string): string {
  if (nothingMayBeSkipped()) throw new Error(`nothing may be skipped, and ${reason}`);
  return reason;
}

/** The path of a program that is installed, or of a file that exists. */
export function findPeer(peer: string): string | undefined {
  if (peer.startsWith("/")) return statSync(peer, { throwIfNoEntry: false }) && peer;
  const directories = [...(process.env.PATH ?? "").split(delimiter), ...DIRECTORIES_OF_DAEMONS];
  return directories.map((directory) => join(directory, peer)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

const INAPPLICABLE = "cannot be here: ";

/**
 * The reason of a skip that no installation could change: this machine has no IPv6, this user is not root. Allowed
 * where nothing else may be skipped, and reported there as everywhere.
 */
export function inapplicable(reason: string): string {
  return `${INAPPLICABLE}${reason}`;
}

/** True for what `inapplicable` returned. */
export function isInapplicable(reason: unknown): boolean {
  return typeof reason === "string" && reason.startsWith(INAPPLICABLE);
}
