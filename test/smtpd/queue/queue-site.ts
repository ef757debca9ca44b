/** A queue in a directory of a test's own, with a log that can be looked at. */
import { readdir } from "node:fs/promises";
import type { TestContext } from "node:test";
import pino from "pino";
import { type Durable, FsyncDurable } from "../../../shared/durable.js";
import { uniqueNames } from "../../../shared/maildir/name.js";
import { enqueue } from "../../../smtpd/queue/enqueue.js";
import type { QueueEnvelope } from "../../../smtpd/queue/envelope.js";
import { Queue } from "../../../smtpd/queue/queue.js";
import { temporaryDirectory } from "../../temporary-directory.js";
import { freshEnvelope } from "./envelopes.js";

export const TEXT = "Subject: x\n\nhello\n";

export interface QueueSite {
  readonly path: string;
  readonly queue: Queue;
  /** What was logged as a warning or worse: the messages' texts and bindings, a line each. */
  readonly logged: Record<string, unknown>[];
}

export async function queueSite(
  t: TestContext,
  {
    path,
    durable = new FsyncDurable(),
    now = Date.now,
  }: { path?: string; durable?: Durable; now?: () => number } = {},
): Promise<QueueSite> {
  const logged: Record<string, unknown>[] = [];
  const log = pino({ level: "warn" }, { write: (line: string) => void logged.push(JSON.parse(line)) });
  const uniqueName = uniqueNames("queue.test", process.pid, Date.now);
  const at = path ?? `${await temporaryDirectory(t)}/state/queue`;
  return { path: at, logged, queue: await Queue.open(at, { durable, uniqueName, now, log }) };
}

/** A message in the queue. */
export function enqueued(
  queue: Queue,
  changes: Partial<QueueEnvelope> = {},
  text = TEXT,
): Promise<QueueEnvelope> {
  return enqueue(queue, freshEnvelope(changes), [Buffer.from(text)]);
}

/** Every file of a queue that is there, `new/…`, sorted. */
export async function filesOf(path: string): Promise<string[]> {
  const names: string[] = [];
  for (const folder of ["tmp", "new", "cur", "envelope", "broken", "control"])
    for (const name of await readdir(`${path}/${folder}`, "latin1")) names.push(`${folder}/${name}`);
  return names.sort();
}
