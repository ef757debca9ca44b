/**
 * Two hosts, of the domains a.test and b.test, that say 4xx, hang up in the middle of a message or when they have all of it,
 * or take their time, by chance, until they are told to behave; and what they have taken.
 */
import type { TestContext } from "node:test";
import { Sink, type SinkAnswer, type SinkMessage } from "../fakes/sink.js";
import type { Random } from "../stress/random.js";

const DOMAINS = ["a.test", "b.test"];
const LATE_MS_MAX = 40;

export class FaultyHosts {
  /** Called whenever a host has decided to take a message: before it says so, or after. */
  onTaken: () => void = () => {};
  readonly #random: Random;
  readonly #sinks: Sink[] = [];
  #behaves = false;
  /** Messages of each host that were harvested. */
  readonly #harvested = new Map<Sink, number>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** Starts them; resolves to the [[route]] tables that lead there. */
  async start(t: TestContext): Promise<string> {
    let routes = "";
    for (const domain of DOMAINS) {
      const sink = await Sink.start(t, {
        host: "127.0.0.2",
        script: {
          RCPT: () => this.#sometimes(0.05, () => "451 4.2.1 later"),
          DATA: () => this.#sometimes(0.04, () => ({ octets: "354 go on\r\n", next: "reset" })),
          end: () => this.#end(),
        },
      });
      this.#sinks.push(sink);
      routes += `[[route]]\ndomain = "${domain}"\nhost = "[127.0.0.2]:${sink.port}"\ntls = "never"\n`;
    }
    return routes;
  }

  /** From now on they take everything. */
  behave(): void {
    this.#behaves = true;
    this.onTaken = () => {};
  }

  /**
   * What they have taken since the last time, each message with the address of a recipient. The daemon must have ended: they
   * may still have to read what it has sent.
   */
  async harvest(): Promise<{ message: SinkMessage; to: string }[]> {
    const found = [];
    for (const sink of this.#sinks) {
      await Promise.all(sink.connections.map(({ closed }) => closed));
      for (const message of sink.messages.slice(this.#harvested.get(sink) ?? 0))
        for (const line of message.rcpts) found.push({ message, to: /<(.*?)>/.exec(line)?.[1] ?? "" });
      this.#harvested.set(sink, sink.messages.length);
    }
    return found;
  }

  #end(): SinkAnswer | undefined {
    const fault =
      this.#sometimes(0.08, () => "451 4.3.0 later") ?? this.#sometimes(0.04, () => ({ next: "close" }));
    if (fault !== undefined) return fault;
    const { onTaken } = this;
    if (this.#random.chance(0.5)) onTaken();
    else setImmediate(onTaken);
    return this.#sometimes(0.2, () => ({
      octets: "250 2.0.0 taken\r\n",
      late: this.#random.below(LATE_MS_MAX),
    }));
  }

  #sometimes(probability: number, answer: () => SinkAnswer): SinkAnswer | undefined {
    return !this.#behaves && this.#random.chance(probability) ? answer() : undefined;
  }
}
