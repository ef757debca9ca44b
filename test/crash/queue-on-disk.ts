/** What lies in the queue of a daemon, which may be at work, have been killed or have ended. */
import assert from "node:assert/strict";
import { watch } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import pino from "pino";
import { FsyncDurable } from "../../shared/durable.js";
import { uniqueNames } from "../../shared/maildir/name.js";
import type { QueueEnvelope } from "../../smtpd/queue/envelope.js";
import { isEnvelope, parseEnvelope, queueIdOfFile } from "../../smtpd/queue/envelope-file.js";
import { Queue } from "../../smtpd/queue/queue.js";
import type { Site } from "../daemons/site.js";
import { filesOf } from "../smtpd/queue/queue-site.js";

/** The queue of a site's smtpd, made when it is not there. */
export function queueOf(site: Site): Promise<Queue> {
  return Queue.open(`${site.directory}/state/queue`, {
    durable: new FsyncDurable(),
    uniqueName: uniqueNames("disk.test", process.pid, Date.now),
    now: Date.now,
    log: pino({ level: "silent" }),
  });
}

/** Resolves when no envelope is left. Rejects when the signal comes first. */
export async function emptied({ folders: { envelope } }: Queue, signal: AbortSignal): Promise<void> {
  const watcher = watch(envelope);
  try {
    for (;;) {
      const changed = new Promise<void>((resolve, reject) => {
        watcher.once("change", () => resolve());
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
      changed.catch(() => {});
      signal.throwIfAborted();
      if ((await readdir(envelope)).length === 0) return;
      await changed;
    }
  } finally {
    watcher.close();
  }
}

/** Every message that has an envelope; each envelope must have its message. Only while no daemon is at work. */
export async function committed(queue: Queue): Promise<{ envelope: QueueEnvelope; octets: Buffer }[]> {
  const { path } = queue.maildir;
  const files = (await filesOf(path)).filter((file) => /^(?:new|cur)\//.test(file));
  const found = [];
  for (const name of await readdir(queue.folders.envelope)) {
    const json = await readFile(join(queue.folders.envelope, name), "utf8");
    const envelope = parseEnvelope(json, queueIdOfFile(name) ?? "");
    assert.ok(isEnvelope(envelope), `${name} can be read`);
    const file = files.find((one) => one.includes(envelope.message));
    assert.ok(file, `${name} has its message`);
    found.push({ envelope, octets: await readFile(join(path, file)) });
  }
  return found;
}

/** The files of the queue that belong to no committed message, `new/…`. */
export async function garbage(queue: Queue): Promise<string[]> {
  const known = (await committed(queue)).map(({ envelope }) => envelope.message);
  return (await filesOf(queue.maildir.path)).filter(
    (file) => !file.startsWith("envelope/") && !known.some((message) => file.includes(message)),
  );
}
