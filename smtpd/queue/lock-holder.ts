/**
 * Who holds the lock of a queue, as its file says: `4711 mail.example.org 5f0c… 4026531836 81923`, that is the process id, the
 * host's name, the boot of the machine, the namespace of process ids that this one belongs to, and when the process started,
 * in ticks since the boot; `-` where the system does not tell (it has no /proc).
 *
 * A process id alone is soon used again, most of all in a container, where smtpd may be process 1 each time. And a host's name
 * is what its administrator likes: two containers, or the same one on another machine, may have the same.
 */
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { hasCode } from "../../shared/exit.js";

export interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly boot: string | undefined;
  readonly namespace: string | undefined;
  readonly started: string | undefined;
}

/** PROC_PID_INIT_INO of Linux: the namespace of a machine's own processes, those that are in no container. */
const NAMESPACE_OF_MACHINE = "4026531836";

const LINE = /^([1-9]\d{0,9}) (\S+) (\S+) (\S+) (\S+)\n$/;

export function ourselves(): Holder {
  return {
    pid: process.pid,
    host: hostname().replace(/\s/g, "_") || "-",
    boot: read("/proc/sys/kernel/random/boot_id")?.trim(),
    namespace: namespaceOf(process.pid),
    started: startOf(process.pid),
  };
}

export function formatHolder({ pid, host, boot, namespace, started }: Holder): string {
  return `${[pid, host, boot ?? "-", namespace ?? "-", started ?? "-"].join(" ")}\n`;
}

/** Undefined for what formatHolder does not write. */
export function parseHolder(text: string): Holder | undefined {
  const [, pid, host, ...rest] = LINE.exec(text) ?? [];
  if (pid === undefined || host === undefined) return undefined;
  const [boot, namespace, started] = rest.map((word) => (word === "-" ? undefined : word));
  return { pid: Number(pid), host, boot, namespace, started };
}

/** Whether a holder has ended, as far as `we` can tell; undefined where we cannot see it. */
export function isDead(holder: Holder, we: Holder): boolean | undefined {
  if (holder.boot !== we.boot) {
    // Two machines may share a queue, but not a name, unless their containers do.
    const isOfMachines = holder.namespace === NAMESPACE_OF_MACHINE && we.namespace === NAMESPACE_OF_MACHINE;
    return holder.host === we.host && isOfMachines ? true : undefined;
  }
  if (holder.namespace !== we.namespace) return undefined;
  if (we.boot === undefined) return holder.host === we.host ? !isAlive(holder.pid) : undefined;
  return startOf(holder.pid) !== holder.started;
}

export function describeHolder(holder: Holder | undefined): string {
  return holder === undefined
    ? "somebody who does not say who he is"
    : `process ${holder.pid} on ${holder.host}`;
}

/** When a process started; undefined when there is none, or it has ended and only waits for its parent to notice. */
function startOf(pid: number): string | undefined {
  // proc(5): the name, which may hold anything, stands in parentheses; then follow the state and 18 others before the start.
  const fields = read(`/proc/${pid}/stat`)
    ?.replace(/^.*\) /s, "")
    .split(" ");
  return fields === undefined || /^[ZXx]$/.test(fields[0] ?? "") ? undefined : fields[19];
}

function namespaceOf(pid: number): string | undefined {
  try {
    return /\d+/.exec(readlinkSync(`/proc/${pid}/ns/pid`))?.[0];
  } catch {
    return undefined;
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !hasCode(error, "ESRCH");
  }
}
