/** System calls of a daemon, as strace(1) saw them. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { DaemonOptions } from "../daemons/site.js";

/** A call; `began` and `ended` are places in one order over all threads. */
export interface Call {
  readonly name: string;
  /** As strace prints them, with `3</path>` for descriptors. */
  readonly args: string;
  readonly began: number;
  readonly ended: number;
}

const CALLS = "fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,write,writev,sendto,sendmsg";
const POLLS_MAX = 200;
const POLL_MS = 50;

/** The command that runs a daemon under strace; -D keeps the daemon our child, so that signals reach it. */
export function strace(output: string): string[] {
  return ["strace", "-D", "-f", "-y", "-q", "-s", "256", "-e", `trace=${CALLS}`, "-o", output];
}

/** Reads a trace once the traced process, which has been ended, is known to be over. */
export async function readTrace(file: string, pid: number): Promise<Call[]> {
  // strace writes the last lines after the process that we waited for has gone.
  for (let poll = 0; poll < POLLS_MAX; poll++) {
    const text = await readFile(file, "utf8");
    if (new RegExp(`^${pid} +\\+\\+\\+ (exited|killed)`, "m").test(text)) return parse(text);
    await sleep(POLL_MS);
  }
  throw new Error(`the trace of ${pid} does not end`);
}

function parse(text: string): Call[] {
  const calls: Call[] = [];
  const open = new Map<string, { name: string; args: string; began: number }>();
  for (const [line, content] of text.split("\n").entries()) {
    const [, pid = "", rest = ""] = /^(\d+) +(.*)$/.exec(content) ?? [];
    const resumed = /^<\.\.\. (\w+) resumed>(.*)$/.exec(rest);
    const begun = open.get(pid);
    if (resumed && begun) {
      open.delete(pid);
      calls.push({ ...begun, args: begun.args + (resumed[2] ?? ""), ended: line });
      continue;
    }
    const [, name, args = ""] = /^(\w+)\((.*)$/.exec(rest) ?? [];
    if (name === undefined) continue;
    if (args.endsWith("<unfinished ...>")) open.set(pid, { name, args, began: line });
    else calls.push({ name, args, began: line, ended: line });
  }
  return calls.sort((a, b) => a.began - b.began);
}

/** The one call for which this is true. */
export function theCall(calls: readonly Call[], what: string, wanted: (call: Call) => boolean): Call {
  const found = calls.filter(wanted);
  assert.equal(found.length, 1, `${what}: ${found.length} calls`);
  const [call] = found;
  assert.ok(call);
  return call;
}

export const isSync = ({ name }: Call): boolean => name === "fsync" || name === "fdatasync";
export const isRename = ({ name }: Call): boolean => name.startsWith("rename");
export const isUnlink = ({ name }: Call): boolean => name.startsWith("unlink");
/** What is written to a socket: text that a client reads. */
export const tells =
  (text: string) =>
  (call: Call): boolean =>
    /^(write|writev|sendto|sendmsg)$/.test(call.name) &&
    call.args.includes(text) &&
    /^\d+<(TCP|socket)/.test(call.args);

/**
 * Options that have a daemon killed as its `n`th system call of this name begins. strace counts for each thread, so there
 * is a single one for files.
 */
export function killedAt(call: string, n: number): Pick<DaemonOptions, "wrapper" | "env"> {
  const injection = ["-e", `trace=${call}`, "-e", `inject=${call}:signal=KILL:when=${n}`];
  return {
    wrapper: ["strace", "-D", "-f", "-qq", ...injection, "-o", "/dev/null"],
    env: { UV_THREADPOOL_SIZE: "1" },
  };
}

/** More of any one call than a session of ours makes: the bound of loops that end before. */
export const CALLS_MAX = 60;
