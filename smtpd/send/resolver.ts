/**
 * Hosts by DNS, asked for once by all who want to know at the same moment, and remembered briefly: a thousand queued
 * messages for a domain cost one lookup. What is wrong is remembered for less long than what is right.
 *
 * Rejects only with the reason of an aborted signal; DNS trouble is an answer.
 */
import { performance } from "node:perf_hooks";
import type { Log } from "../../shared/log.js";
import { type DnsOptions, withDns } from "./dns-channel.js";
import { type Addresses, findAddresses, findMailHosts, type MailHosts } from "./mail-hosts.js";
import { SharedLookups } from "./shared-lookups.js";
import { type Random, shuffled } from "./shuffle.js";

/** Records live for minutes or hours; a change of hosts is to be noticed at the next attempt. */
const ANSWER_LIFETIME_MS = 60_000;
/** No such domain, no host: a zone that is just being made is soon asked for again. */
const NEGATIVE_LIFETIME_MS = 30_000;
/** Long enough for all messages that are due, too short to outlive the trouble. */
const TROUBLE_LIFETIME_MS = 10_000;

const LOOPBACK: Addresses = { addresses: ["127.0.0.1", "::1"], trouble: undefined, exists: true };

export interface ResolverOptions extends DnsOptions {
  readonly random: Random;
  readonly log: Log;
}

export class Resolver {
  readonly #domains: SharedLookups<MailHosts>;
  readonly #hosts: SharedLookups<Addresses>;

  constructor(options: ResolverOptions) {
    const now = () => performance.now();
    this.#domains = new SharedLookups({
      ask: async (domain, signal) => {
        const found = await withDns(options, signal, (dns) =>
          findMailHosts(dns, domain, (of) => shuffled(of, options.random)),
        );
        if ("skipped" in found && found.skipped.length > 0)
          options.log.info({ domain, exchanges: found.skipped }, "MX records that name no host");
        return found;
      },
      lifetimeMs: lifetimeOf,
      now,
    });
    this.#hosts = new SharedLookups({
      ask: (name, signal) => withDns(options, signal, (dns) => findAddresses(dns, name)),
      lifetimeMs: ({ addresses, trouble }) =>
        trouble !== undefined
          ? TROUBLE_LIFETIME_MS
          : addresses.length > 0
            ? ANSWER_LIFETIME_MS
            : NEGATIVE_LIFETIME_MS,
      now,
    });
  }

  /** The hosts that take mail for a domain, in the order of their preferences. */
  mailHosts(domain: string, signal: AbortSignal): Promise<MailHosts> {
    return this.#domains.get(domain, signal);
  }

  /** The addresses of a host. */
  async addresses(name: string, signal: AbortSignal): Promise<Addresses> {
    // RFC 6761 §6.3: nobody is asked about this one.
    return name === "localhost" ? LOOPBACK : this.#hosts.get(name, signal);
  }
}

function lifetimeOf(found: MailHosts): number {
  switch (found.kind) {
    case "hosts":
      return found.hosts.some(({ trouble }) => trouble !== undefined)
        ? TROUBLE_LIFETIME_MS
        : ANSWER_LIFETIME_MS;
    case "trouble":
      return TROUBLE_LIFETIME_MS;
    default:
      return NEGATIVE_LIFETIME_MS;
  }
}
