/**
 * Does one job: finds the hosts of its destination and goes from one to the next, with those recipients about whom the one
 * before could not decide, until all are decided, no host is left, or it has taken too long; who is left over is deferred.
 *
 * Never rejects: what nobody foresaw is logged, and defers. When to try again is the runner's affair; what a host's answer
 * means is decided in disposition.ts, which hosts there are in hosts.ts.
 */
import { setMaxListeners } from "node:events";
import { isIP } from "node:net";
import { performance } from "node:perf_hooks";
import { formatEndpoint } from "../../shared/listen-address.js";
import { Recent } from "../../shared/recent.js";
import type { Trouble } from "../queue/envelope.js";
import type { Deliverer, Destination, Job, JobResult, Outcome, Relay } from "./delivery.js";
import { dispositionOf } from "./disposition.js";
import type { Failure, Happening, Hop } from "./hop.js";
import {
  asConfigured,
  type Choice,
  chooseHosts,
  chooseLiteral,
  chooseNamedHost,
  type Endpoint,
} from "./hosts.js";
import type { Ourselves } from "./ourselves.js";
import type { Resolver } from "./resolver.js";
import type { Random } from "./shuffle.js";
import type { Transport } from "./transport.js";

export interface SenderOptions {
  readonly local: Deliverer;
  readonly transport: Pick<Transport, "send">;
  readonly resolver: Resolver;
  readonly us: Ourselves;
  /** The port of hosts that are found by DNS. */
  readonly port: number;
  readonly random: Random;
}

/** After this long no further host is begun with; one that takes its time may take as long as the transport allows. */
const ATTEMPT_MS_MAX = 20 * 60_000;
/** A host that could not be connected to is asked after the others for a while, so that not every message waits for it. */
const UNREACHABLE = { entries: 1000, lifetimeMs: 5 * 60_000 } as const;

export class Sender implements Deliverer {
  readonly #options: SenderOptions;
  readonly #unreachable = new Recent<true>(UNREACHABLE);

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  async deliver(job: Job, signal: AbortSignal): Promise<JobResult> {
    // All jobs have the one signal that smtpd ends: many listeners are no leak.
    setMaxListeners(0, signal);
    try {
      if (job.destination.kind === "local") return await this.#options.local.deliver(job, signal);
      const choice = await this.#hops(job.destination, signal);
      if (choice.kind === "hops") return await this.#sendInTurn(job, choice.hops, signal);
      // The circuit is for what may pass: a domain that does not exist is answered for at once, each time.
      return sameForAll(job, { kind: choice.kind, trouble: choice.trouble }, choice.kind === "failed");
    } catch (err) {
      if (signal.aborted) return sameForAll(job, { kind: "deferred", trouble: STOPPING }, true);
      job.log.error({ err }, "delivery failed in a way that nobody foresaw");
      return sameForAll(job, { kind: "deferred", trouble: UNFORESEEN }, true);
    }
  }

  async #sendInTurn(job: Job, hops: readonly Hop[], signal: AbortSignal): Promise<JobResult> {
    const begun = performance.now();
    const decided = new Map<number, Outcome>();
    const troubles = new Map<number, Trouble>();
    const { destination: _, ...message } = job;
    let pending = job.recipients.map((_recipient, index) => index);
    let reached = false;

    for (const hop of this.#lateUnreachable(hops)) {
      const recipients = pending.flatMap((index) => job.recipients.slice(index, index + 1));
      const { recipients: happenings, dsn } = await this.#options.transport.send(
        hop,
        { ...message, recipients },
        signal,
      );
      const spoken = !happenings.every(isAbsent);
      reached ||= spoken;
      this.#remember(hop, spoken);
      job.log.debug({ host: nameOf(hop), name: hop.name, spoken }, "host asked");
      pending = pending.filter((index, i) => {
        const happening = happenings[i];
        const verdict = happening === undefined ? UNFORESEEN : verdictOn(happening, hop, dsn);
        if ("kind" in verdict) decided.set(index, verdict);
        else troubles.set(index, moreUseful(troubles.get(index), verdict));
        return !decided.has(index);
      });
      if (pending.length === 0 || signal.aborted || performance.now() - begun > ATTEMPT_MS_MAX) break;
    }
    const outcomes = job.recipients.map(
      (_recipient, index): Outcome =>
        decided.get(index) ?? { kind: "deferred", trouble: troubles.get(index) ?? UNFORESEEN },
    );
    return { outcomes, reached };
  }

  #lateUnreachable(hops: readonly Hop[]): readonly Hop[] {
    const now = performance.now();
    const late = hops.filter((hop) => this.#unreachable.get(nameOf(hop), now));
    return late.length === 0 ? hops : [...hops.filter((hop) => !late.includes(hop)), ...late];
  }

  #remember(hop: Hop, spoken: boolean): void {
    if (spoken) this.#unreachable.delete(nameOf(hop));
    else this.#unreachable.set(nameOf(hop), true, performance.now());
  }

  async #hops(destination: Exclude<Destination, { kind: "local" }>, signal: AbortSignal): Promise<HopChoice> {
    const { resolver, us, port, random } = this.#options;
    switch (destination.kind) {
      case "domain": {
        const found = await resolver.mailHosts(destination.domain, signal);
        return hopsOf(chooseHosts(found, port, us, random), {
          protocol: "smtp",
          login: undefined,
          ...destination,
        });
      }
      case "literal":
        return hopsOf(chooseLiteral(destination.address, port, us), {
          protocol: "smtp",
          login: undefined,
          ...destination,
        });
      case "relay":
        return this.#relayHops(destination.relay, signal);
    }
  }

  async #relayHops(relay: Relay, signal: AbortSignal): Promise<HopChoice> {
    const { resolver, us, random } = this.#options;
    const { host, protocol, tls, login } = relay;
    switch (host.kind) {
      case "socket": {
        const hop = { address: host.path, port: undefined, name: undefined, protocol, tls, login };
        return { kind: "hops", hops: [hop] };
      }
      case "domain": {
        const found = await resolver.mailHosts(host.domain, signal);
        return hopsOf(asConfigured(chooseHosts(found, host.port, us, random)), relay);
      }
      case "host": {
        const found =
          isIP(host.host) === 0
            ? await resolver.addresses(host.host, signal)
            : { addresses: [host.host], trouble: undefined, exists: true };
        return hopsOf(chooseNamedHost(host.host, found, host.port, us), relay);
      }
    }
  }
}

type HopChoice =
  | { readonly kind: "hops"; readonly hops: readonly Hop[] }
  | Exclude<Choice, { kind: "endpoints" }>;

function hopsOf(
  choice: Choice,
  { protocol, tls, login }: Pick<Hop, "protocol" | "tls" | "login">,
): HopChoice {
  if (choice.kind !== "endpoints") return choice;
  const hopTo = ({ address, port, name }: Endpoint): Hop => ({ address, port, name, protocol, tls, login });
  return { kind: "hops", hops: choice.endpoints.map(hopTo) };
}

function nameOf({ address, port }: Hop): string {
  return port === undefined ? address : formatEndpoint(address, port);
}

/** Nothing at all was heard of the host. What is ours to answer for (smtpd ends, a message cannot be read) does not tell. */
function isAbsent(happening: Happening): boolean {
  if (happening.kind === "reply") return false;
  const { stage, failure } = happening;
  return (stage === "connect" || stage === "greeting") && ABSENT.includes(failure);
}

const ABSENT: readonly Failure[] = ["unreachable", "timeout", "closed"];

/** The outcome for a recipient, or the trouble with which another host may be asked. */
function verdictOn(happening: Happening, hop: Hop, dsn: boolean): Outcome | Trouble {
  const { kind, status, text } = dispositionOf(happening);
  const reply = happening.kind === "reply" ? happening.reply : undefined;
  const host = hop.name ?? (hop.port === undefined ? undefined : literalOf(hop.address));
  const trouble = { status, text, host, reply };
  switch (kind) {
    case "delivered":
      return { kind: hop.protocol === "lmtp" ? "delivered" : dsn ? "passed on" : "relayed", host, reply };
    case "bounce":
      return { kind: "failed", trouble };
    case "defer":
      return { kind: "deferred", trouble };
    case "next host":
      return trouble;
  }
}

/** RFC 5321 §4.1.3 */
function literalOf(address: string): string {
  return address.includes(":") ? `[IPv6:${address}]` : `[${address}]`;
}

/** What a host said tells more than that the next one was not there. */
function moreUseful(before: Trouble | undefined, now: Trouble): Trouble {
  return before?.reply !== undefined && now.reply === undefined ? before : now;
}

function sameForAll(job: Job, outcome: Outcome, reached: boolean): JobResult {
  return { outcomes: job.recipients.map(() => outcome), reached };
}

const UNFORESEEN: Trouble = { status: "4.3.0", text: "local trouble", host: undefined, reply: undefined };
const STOPPING: Trouble = {
  status: "4.3.2",
  text: "the server was shut down meanwhile",
  host: undefined,
  reply: undefined,
};
