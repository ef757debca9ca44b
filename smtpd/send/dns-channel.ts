/**
 * The only importer of node:dns: questions to the servers of the configuration, or to the system's. Never rejects; what is
 * not an answer is told as trouble.
 *
 * A channel is for one matter, a few questions that belong together, which is bounded in time as a whole and can be given
 * up. It reads the system's servers anew, so that a change of /etc/resolv.conf is noticed; making one costs some
 * microseconds. node:dns asks for the whole name as it stands (no search list) and neither reads /etc/hosts nor keeps
 * answers.
 */
import { Resolver } from "node:dns/promises";
import { answerOfError, type Dns, type DnsAnswer, type MxRecord } from "./dns-answer.js";

export interface DnsOptions {
  /** As node:dns takes them, `192.0.2.53:53`; undefined for the system's. */
  readonly servers: readonly string[] | undefined;
  /** How long the first try waits for an answer. */
  readonly timeoutMs: number;
}

/** Each server is asked this often; a lost datagram is no reason to defer a message. */
const TRIES = 2;
/** All questions of a channel together, in timeouts: the tries at two servers and then some. */
const TIMEOUTS_MAX = 8;

/**
 * Does `work` with a channel of its own, whose questions end in trouble once all of it takes too long or `signal` is
 * aborted.
 */
export async function withDns<T>(
  options: DnsOptions,
  signal: AbortSignal,
  work: (dns: Dns) => Promise<T>,
): Promise<T> {
  const channel = new Channel(options);
  const end = () => channel.end();
  const timer = setTimeout(end, options.timeoutMs * TIMEOUTS_MAX);
  signal.addEventListener("abort", end, { once: true });
  try {
    return await work(channel);
  } finally {
    signal.removeEventListener("abort", end);
    clearTimeout(timer);
  }
}

class Channel implements Dns {
  readonly #resolver: Resolver;
  #ended = false;

  constructor({ servers, timeoutMs }: DnsOptions) {
    this.#resolver = new Resolver({ timeout: timeoutMs, tries: TRIES });
    if (servers !== undefined) this.#resolver.setServers(servers);
  }

  end(): void {
    this.#ended = true;
    this.#resolver.cancel();
  }

  mx(domain: string): Promise<DnsAnswer<MxRecord>> {
    return this.#ask(async (resolver) => {
      const records = await resolver.resolveMx(domain);
      return records.map(({ priority, exchange }) => ({ preference: priority, exchange }));
    });
  }

  addresses(name: string, family: 4 | 6): Promise<DnsAnswer<string>> {
    return this.#ask((resolver) => (family === 4 ? resolver.resolve4(name) : resolver.resolve6(name)));
  }

  cname(name: string): Promise<DnsAnswer<string>> {
    return this.#ask((resolver) => resolver.resolveCname(name));
  }

  async #ask<T>(question: (resolver: Resolver) => Promise<readonly T[]>): Promise<DnsAnswer<T>> {
    if (this.#ended) return { kind: "trouble", code: "ECANCELLED" };
    try {
      const records = await question(this.#resolver);
      // node:dns says so of an answer that has records, but none of this type: a CNAME.
      return records.length === 0 ? { kind: "alias" } : { kind: "found", records };
    } catch (error) {
      return answerOfError(error);
    }
  }
}
