/**
 * Following an alias from the queue, where local programs may put mail for one: a message of its own, with everybody the alias
 * leads to, takes the place of the recipient. It is durable before the recipient is done with; a crash in between leads to
 * it twice, never to nothing.
 */

import type { Pieces } from "../queue/enqueue.js";
import type { QueuedRecipient, QueueEnvelope } from "../queue/envelope.js";
import { planFor } from "../receive/plan.js";
import type { Route } from "../receive/route.js";
import type { Srs } from "../receive/srs.js";
import type { Job } from "./delivery.js";

/** A recipient that stands for others. */
export interface ExpandedRecipient {
  readonly recipient: QueuedRecipient;
  readonly way: Extract<Route, { kind: "local" | "forwarded" }>;
}

export interface ExpansionOptions {
  /** Puts a message into the queue, durably (queue/enqueue.ts). */
  readonly enqueue: (envelope: Omit<QueueEnvelope, "message">, pieces: Pieces) => Promise<unknown>;
  readonly newQueueId: () => string;
  /** Undefined where no reverse-path is rewritten. */
  readonly srs: () => Srs | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export class Expansion {
  readonly #options: ExpansionOptions;

  constructor(options: ExpansionOptions) {
    this.#options = options;
  }

  /** Resolves when the message is durable for all whom these recipients stand for. Rejects with the system's error. */
  async enqueue(expanded: readonly ExpandedRecipient[], job: Job): Promise<void> {
    const { enqueue, newQueueId, srs, now } = this.#options;
    const { reversePath, body, smtputf8, ret, envid } = job;
    const arrivedAt = now();
    const plan = planFor(expanded.map(planned), {
      reversePath,
      forwardingPath: srs()?.forward(reversePath, arrivedAt),
      now: arrivedAt,
    });
    const recipients = [...plan.queued, ...plan.copies.map(({ recipient }) => recipient)];
    const reports = plan.expanded.map(({ report }) => report);
    const owed =
      reports.length === 0 ? [] : [{ queueId: newQueueId(), action: "expanded" as const, reports }];
    const queueId = newQueueId();
    const octets = await job.message.open();
    try {
      await enqueue(
        {
          ...{ queueId, arrivedAt, reversePath, body, smtputf8, ret, envid, recipients, owed },
          account: undefined,
          held: false,
        },
        octets,
      );
    } finally {
      // Where there is no room it may not have been read at all, and holds a file.
      octets.destroy();
    }
    job.log.info({ as: queueId, recipients: recipients.length }, "alias followed");
  }
}

function planned({ recipient: { forwardPath, notify, orcpt }, way }: ExpandedRecipient) {
  return {
    forwardPath: { mailbox: forwardPath, notify, orcpt },
    destination: {
      accounts: way.accounts,
      remote: way.kind === "forwarded" ? way.to : [],
      forwarded: true,
    },
  };
}
