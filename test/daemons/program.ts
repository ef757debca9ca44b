/** Running one of our programs to its end, for tests of its commands and exit codes. */
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { type Entry, programOf } from "./daemon.js";

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const RUNNING_MS_MAX = 30_000;

/** Runs `entry` with these arguments, `input` on its standard input; killed when it takes too long. */
export async function runProgram(
  entry: Entry,
  args: readonly string[],
  input: string | Buffer = "",
): Promise<Ended> {
  const child = spawn(process.execPath, [programOf(entry), ...args], { timeout: RUNNING_MS_MAX });
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const [stdout, stderr, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.once("close", resolve)),
  ]);
  return { code, stdout, stderr };
}
