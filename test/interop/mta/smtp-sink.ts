/**
 * smtp-sink, which Postfix is tested with, as a next host that fails as it is told to. It throws messages away, and keeps a
 * copy of each one that was sent to its end.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { runsAsRoot } from "../../nobody.js";
import { accepting, type Endpoint } from "./peer.js";

export const SMTP_SINK = "/usr/sbin/smtp-sink";

const BACKLOG = "64";
/** What stands above the message in the copy. */
const FACTS = /^(?:X-[^\n]*\n)*/;

export interface SmtpSink {
  /** The messages that it has taken, with LF line ends and the Received field that it puts on top. */
  messages(): Promise<string[]>;
  /** How many it has begun to take. */
  count(): Promise<number>;
  /** Resolves when it has ended, and its port is free. */
  stop(): Promise<void>;
}

/** Starts one for as long as the test lasts at most; resolves once it accepts connections. */
export async function startSmtpSink(
  t: Pick<TestContext, "after">,
  { address, port }: Endpoint,
  flags: readonly string[],
): Promise<SmtpSink> {
  const directory = await mkdtemp(join(tmpdir(), "pillarbox-smtp-sink-"));
  await chmod(directory, 0o777);
  const user = runsAsRoot ? ["-u", "nobody"] : [];
  const args = [...user, "-d", join(directory, "%H%M%S."), ...flags, `${address}:${port}`, BACKLOG];
  const child = spawn(SMTP_SINK, args, { stdio: "ignore" });
  const closed = once(child, "close");
  const stop = async () => {
    child.kill("SIGKILL");
    await closed;
  };
  t.after(async () => {
    await stop();
    await rm(directory, { recursive: true, force: true });
  });
  await accepting({ address, port }, () => child.exitCode ?? child.signalCode);
  return {
    messages: async () => {
      const copies = (await readdir(directory)).map((name) => readFile(join(directory, name), "utf8"));
      return (await Promise.all(copies)).filter((copy) => copy !== "").map((copy) => copy.replace(FACTS, ""));
    },
    count: async () => (await readdir(directory)).length,
    stop,
  };
}
