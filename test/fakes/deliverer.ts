/**
 * The seam below the queue's runner, scripted: it does with a job what a test says, and writes down what it was given.
 */

import type { QueuedRecipient, Trouble } from "../../smtpd/queue/envelope.js";
import type { Deliverer, Destination, Job, JobResult, Outcome } from "../../smtpd/send/delivery.js";

export type Script = (job: Job, signal: AbortSignal) => JobResult | Promise<JobResult>;

export const TROUBLE: Trouble = { status: "4.4.1", text: "no answer", host: "mx.test", reply: undefined };
export const FAILURE: Trouble = {
  status: "5.1.1",
  text: "no such mailbox",
  host: "mx.test",
  reply: { code: 550, status: "5.1.1", lines: ["unknown"] },
};
const DELIVERED: Outcome = { kind: "delivered", host: "mx.test", reply: undefined };

export class ScriptedDeliverer implements Deliverer {
  /** Every job that was begun. */
  readonly jobs: Job[] = [];
  /** Jobs under way, now and at most, in all and for a destination. */
  underWay = 0;
  mostUnderWay = 0;
  mostForOne = 0;
  readonly #forOne = new Map<string, number>();
  readonly #script: Script;

  constructor(script: Script) {
    this.#script = script;
  }

  async deliver(job: Job, signal: AbortSignal): Promise<JobResult> {
    this.jobs.push(job);
    const key = keyOfDestination(job.destination);
    const count = (by: number) => {
      this.underWay += by;
      const forOne = (this.#forOne.get(key) ?? 0) + by;
      this.#forOne.set(key, forOne);
      this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
      this.mostForOne = Math.max(this.mostForOne, forOne);
    };
    count(1);
    try {
      return await this.#script(job, signal);
    } finally {
      count(-1);
    }
  }

  /** Whom the jobs were for, `bob@example.net`, in their order. */
  get tried(): string[] {
    return this.jobs.flatMap(({ recipients }) => recipients.map(addressOf));
  }
}

export const delivered: Script = ({ recipients }) => all(recipients, DELIVERED, true);
export const deferred: Script = ({ recipients }) =>
  all(recipients, { kind: "deferred", trouble: TROUBLE }, true);
export const unreached: Script = ({ recipients }) =>
  all(recipients, { kind: "deferred", trouble: TROUBLE }, false);
export const failed: Script = ({ recipients }) => all(recipients, { kind: "failed", trouble: FAILURE }, true);

/** A destination for each domain. */
export function destinationOf({ forwardPath: { domain } }: QueuedRecipient): Destination {
  return { kind: "domain", domain, tls: "may" };
}

export function keyOfDestination(destination: Destination): string {
  return destination.kind === "domain" ? destination.domain : destination.kind;
}

function addressOf({ forwardPath: { localPart, domain } }: QueuedRecipient): string {
  return `${localPart}@${domain}`;
}

function all(recipients: readonly QueuedRecipient[], outcome: Outcome, reached: boolean): JobResult {
  return { outcomes: recipients.map(() => outcome), reached };
}
