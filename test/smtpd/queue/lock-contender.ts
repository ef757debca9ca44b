/** A process of its own that takes the lock of the queue in its first argument, says so, and holds it until it is killed. */
import pino from "pino";
import { FsyncDurable } from "../../../shared/durable.js";
import { exitCodeFor } from "../../../shared/exit.js";
import { uniqueNames } from "../../../shared/maildir/name.js";
import { lockQueue } from "../../../smtpd/queue/lock.js";
import { Queue } from "../../../smtpd/queue/queue.js";

const uniqueName = uniqueNames("contender", process.pid, Date.now);
const log = pino({ level: "silent" });
try {
  const tools = { durable: new FsyncDurable(), uniqueName, now: Date.now, log };
  await lockQueue(await Queue.open(process.argv[2] ?? "", tools), () => {});
  console.log("held");
  process.stdin.resume();
} catch (error) {
  console.log(error instanceof Error ? error.message : "");
  process.exitCode = exitCodeFor(error);
}
