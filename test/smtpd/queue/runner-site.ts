/** A runner at work on a real queue on disk, with a scripted deliverer. */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import type { TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";
import pino from "pino";
import type { Durable } from "../../../shared/durable.js";
import { enqueue } from "../../../smtpd/queue/enqueue.js";
import type { QueueEnvelope } from "../../../smtpd/queue/envelope.js";
import type { NoticePutter } from "../../../smtpd/queue/message-in-hand.js";
import type { Queue } from "../../../smtpd/queue/queue.js";
import { formatQueueId } from "../../../smtpd/queue/queue-id.js";
import { Runner, type RunnerOptions } from "../../../smtpd/queue/runner.js";
import { destinationOf, keyOfDestination, type Script, ScriptedDeliverer } from "../../fakes/deliverer.js";
import { recipient } from "./envelopes.js";
import { queueSite } from "./queue-site.js";

const HOUR = 3_600_000;

export interface RunnerSite {
  readonly queue: Queue;
  readonly path: string;
  readonly runner: Runner;
  readonly deliverer: ScriptedDeliverer;
  /** Every line of the log. */
  readonly lines: Record<string, unknown>[];
}

export interface SiteOptions extends Partial<Omit<RunnerOptions, "deliverer" | "limits">> {
  readonly durable?: Durable;
  /** An existing queue. */
  readonly path?: string;
  readonly limits?: Partial<RunnerOptions["limits"]>;
}

/** Not started yet. Stopped when the test ends. */
export async function runnerSite(
  t: TestContext,
  script: Script,
  { durable, path: at, limits, ...options }: SiteOptions = {},
): Promise<RunnerSite> {
  // Before the directory is removed: hooks run in the order in which they were given.
  const running: Runner[] = [];
  t.after(() => Promise.all(running.map((one) => one.stop(0))));
  const { queue, path } = await queueSite(t, { ...(at && { path: at }), ...(durable && { durable }) });
  const lines: Record<string, unknown>[] = [];
  const deliverer = new ScriptedDeliverer(script);
  const runner = new Runner({
    store: queue,
    openMessage: (envelope) => queue.open(envelope),
    notices: noticesInto(queue),
    deliverer,
    destinationOf,
    keyOf: (one) => keyOfDestination(destinationOf(one)),
    policy: { intervals: [HOUR], lifetime: 120 * HOUR, delayWarning: 4 * HOUR },
    limits: { atOnce: 50, perDestination: 20, pauses: [HOUR], ...limits },
    newQueueId: () => formatQueueId(Date.now(), randomInt(2 ** 25)),
    now: Date.now,
    log: pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) }),
    ...options,
  });
  running.push(runner);
  return { queue, path, runner, deliverer, lines };
}

/** Notices as small as can be: to the reverse-path, from nobody. */
export function noticesInto(queue: Queue): NoticePutter {
  return {
    put: async ({ reversePath }: QueueEnvelope, { queueId, action }) => {
      if (queue.has(queueId) || reversePath === undefined) return;
      const to = recipient("x@x.test", { forwardPath: reversePath, nextAttempt: Date.now() });
      await enqueue(
        queue,
        {
          queueId,
          arrivedAt: Date.now(),
          reversePath: undefined,
          ret: undefined,
          envid: undefined,
          body: "7BIT",
          smtputf8: false,
          account: undefined,
          held: false,
          recipients: [to],
          owed: [],
        },
        [Buffer.from(`Subject: ${action}\n\n`)],
      );
    },
  };
}

/** Resolves when it is so; fails when that takes too long. */
export async function eventually(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 20_000; !(await isSo()); await setTimeout(2))
    assert.ok(performance.now() < end, `never: ${what}`);
}

/** A gate that somebody opens. */
export function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}
