/**
 * What leaves: the queue under state_dir, the runner that has it sent, to mailboxes of ours or to other hosts, notices, and the
 * desk where administrators ask.
 *
 * Opened by the user that smtpd becomes, whose files these are, once the ports are bound. Reading a long queue takes some
 * seconds, and sessions need not wait for that.
 */
import { randomInt } from "node:crypto";
import { defaultDomainOf } from "../shared/config/common.js";
import type { Log } from "../shared/log.js";
import { watchDirectory } from "../shared/watch.js";
import type { SmtpdConfig } from "./config.js";
import { openSender } from "./open-sender.js";
import { ControlDesk } from "./queue/control-desk.js";
import { ControlFolder } from "./queue/control-folder.js";
import { enqueue } from "./queue/enqueue.js";
import type { QueuedRecipient } from "./queue/envelope.js";
import { queueIdOfFile } from "./queue/envelope-file.js";
import { lockQueue } from "./queue/lock.js";
import { Queue } from "./queue/queue.js";
import { formatQueueId } from "./queue/queue-id.js";
import { Recovery } from "./queue/recover.js";
import { Runner } from "./queue/runner.js";
import type { Srs } from "./receive/srs.js";
import type { Deliverer } from "./send/delivery.js";
import { destinationKey, destinationOf, routingOf } from "./send/destination.js";
import { Expansion } from "./send/expansion.js";
import { LocalDeliverer, type LocalOptions } from "./send/local.js";
import { Notices } from "./send/notices/notices.js";
import type { Resolver } from "./send/resolver.js";
import { explainingStateDir } from "./state-dir.js";

export interface OutgoingTools extends Omit<LocalOptions, "expansion"> {
  readonly srs: () => Srs | undefined;
  readonly resolver: Resolver;
  /** Where listeners are bound, as they tell it (shared/bind.ts). */
  readonly addresses: readonly string[];
  readonly log: Log;
}

export interface Outgoing {
  readonly queue: Queue;
  /** Lets what is under way end within shutdown_time, and a little more. */
  stop(): Promise<void>;
}

/** Between two looks for what administrators ask; mostly the system tells of it. */
const DESK_EVERY_MS = 60_000;
/** A destination that cannot be reached is tried again at least this often while there is mail for it. */
const PAUSE_MS_MAX = 15 * 60_000;

/**
 * Opens the queue and begins to send. Throws an ExitError where state_dir or what is configured for sending cannot be used, and
 * where somebody else sends from this queue.
 */
export async function openOutgoing(config: SmtpdConfig, tools: OutgoingTools): Promise<Outgoing> {
  const { durable, uniqueName, log } = tools;
  const queue = await explainingStateDir(config, () =>
    Queue.open(`${config.state_dir}/queue`, { durable, uniqueName, now: Date.now, log }),
  );
  const { sender, stop: stopSender } = await openSender(config, { ...tools, local: localOf(queue, tools) });
  const runner = runnerOf(config, queue, sender, tools);
  const lock = await explainingStateDir(config, () =>
    lockQueue(queue, () => {
      log.error("another sends from this queue, and this one has stopped sending");
      void runner.stop(0);
    }),
  );
  const hints = openHints(queue, runner, tools);
  const started = runner.start().then(hints.lookAtDesk);
  // It reads as much as the runner does, and mail goes first.
  const recovery = started.then(() => new Recovery(queue));
  return {
    queue,
    stop: async () => {
      await hints.close();
      await runner.stop(config.shutdown_time);
      await (await recovery).stop();
      await stopSender();
      await lock.release();
    },
  };
}

/** Has the runner told of new messages, and of what administrators ask. */
function openHints(queue: Queue, runner: Runner, { durable, log }: Pick<OutgoingTools, "durable" | "log">) {
  const desk = new ControlDesk({
    folder: new ControlFolder(queue.maildir, durable),
    administer: (request) => runner.administer(request),
    now: Date.now,
    log,
  });
  const lookAtDesk = () => void desk.scan();
  const timer = setInterval(lookAtDesk, DESK_EVERY_MS).unref();
  const watches = [
    watchDirectory(queue.folders.envelope, (name) => {
      const queueId = queueIdOfFile(name);
      if (queueId !== undefined) runner.hint(queueId);
    }),
    watchDirectory(desk.directory, lookAtDesk),
  ];
  const close = async () => {
    clearInterval(timer);
    await Promise.all(watches.map((watch) => watch.close()));
  };
  return { lookAtDesk, close };
}

function localOf(queue: Queue, tools: OutgoingTools): LocalDeliverer {
  const expansion = new Expansion({
    enqueue: (envelope, pieces) => enqueue(queue, envelope, pieces),
    newQueueId,
    srs: tools.srs,
    now: Date.now,
  });
  return new LocalDeliverer({ ...tools, expansion });
}

function newQueueId(): string {
  return formatQueueId(Date.now(), randomInt(2 ** 25));
}

function runnerOf(
  config: SmtpdConfig,
  queue: Queue,
  deliverer: Deliverer,
  { directory, log }: Pick<OutgoingTools, "directory" | "log">,
): Runner {
  const { retry, lifetime, delay_warning, concurrency, per_destination, undeliverable_notices } =
    config.queue;
  const routing = routingOf(config);
  const whereTo = (recipient: QueuedRecipient) => destinationOf(recipient, directory(), routing);
  return new Runner({
    store: queue,
    openMessage: (envelope) => queue.open(envelope),
    notices: new Notices({
      queue,
      hostname: config.hostname,
      postmaster: { localPart: "postmaster", domain: defaultDomainOf(config) },
      undeliverable: undeliverable_notices,
      now: Date.now,
      log,
    }),
    deliverer,
    destinationOf: whereTo,
    keyOf: (recipient) => destinationKey(whereTo(recipient)),
    policy: { intervals: retry, lifetime, delayWarning: delay_warning },
    limits: {
      atOnce: concurrency,
      perDestination: per_destination,
      pauses: retry.map((interval) => Math.min(interval, PAUSE_MS_MAX)),
    },
    newQueueId,
    now: Date.now,
    log,
  });
}
