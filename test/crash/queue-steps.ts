/**
 * The steps by which mail goes through the queue: the system calls of a traced daemon that make something durable, move it or
 * remove it, so that it can be killed at each of them.
 *
 * What a step does is said by the places of its files, a message being M and an envelope E wherever they are, and a mailbox
 * called by its user: `rename tmp/E envelope/E`, `fsync new`, `rename alice/tmp/M alice/new/M`.
 */
import type { Call } from "./trace.js";

export interface Step {
  readonly what: string;
  /** The system call, and how many of its name there were up to this one. */
  readonly call: string;
  readonly n: number;
}

const STEPS = /^(?:fsync|fdatasync|rename|renameat|renameat2|unlink|unlinkat|fchmod)$/;

/**
 * The steps that concern the queue and the mailboxes of a site, in order. All of them must be of one thread, as killedAt counts.
 * @param directory of the site
 */
export function stepsOf(calls: readonly Call[], directory: string): Step[] {
  const counts = new Map<string, number>();
  const steps: Step[] = [];
  for (const { name, args } of calls) {
    if (!STEPS.test(name)) continue;
    const n = (counts.get(name) ?? 0) + 1;
    counts.set(name, n);
    const places = pathsIn(args).map((path) => placeOf(path, directory));
    if (!places.every((place) => place !== undefined)) continue;
    steps.push({ what: [name.replace(/at2?$/, ""), ...places].join(" "), call: name, n });
  }
  return steps;
}

/** Of strings, and of descriptors as `strace -y` writes them. */
function pathsIn(args: string): string[] {
  return [...args.matchAll(/"(\/[^"]*)"|<(\/[^>]*)>/g)].map(
    ([, text, descriptor]) => text ?? descriptor ?? "",
  );
}

/** Undefined for what is neither in the queue nor in a mailbox, and for the lock. */
function placeOf(path: string, directory: string): string | undefined {
  if (!path.startsWith(`${directory}/`)) return undefined;
  const rest = path.slice(directory.length + 1);
  const [, queue] = /^state\/queue\/(.*)$/.exec(rest) ?? [];
  const [, user, mailbox] = /^mail\/[^/]+\/([^/]+)\/Maildir\/(.*)$/.exec(rest) ?? [];
  const place = queue ?? (user === undefined ? undefined : `${user}/${mailbox}`);
  if (place === undefined || place.includes("sender.lock")) return undefined;
  return place
    .replace(/^control\/.*\./, "control/")
    .replace(/^tmp\/[0-9A-Z]{14}\.result$/, "tmp/result")
    .replace(/^envelope\/.*|(?<=^tmp\/).*\.envelope$/, (name) =>
      name.startsWith("envelope/") ? "envelope/E" : "E",
    )
    .replace(/((?:^|\/)(?:tmp|new|cur)\/)\d.*$/, "$1M");
}
