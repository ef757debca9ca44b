/**
 * Refuses a reverse-path whose domain says that it takes no mail (RFC 7505 §4.2): nobody could answer, nor be told that the
 * message did not arrive. Users who log in are not asked about here; their reverse-paths are their own.
 *
 * Only a null MX refuses. What DNS does not answer, or not in time, passes.
 */
import type { Mailbox } from "../../shared/address.js";
import type { SessionFacts } from "../protocol/receiver.js";
import { type Reply, reply } from "../protocol/reply.js";
import type { Resolver } from "../send/resolver.js";

/** RFC 7505 §4.2 */
const TAKES_NO_MAIL = reply(550, "7.27", "the sender's domain takes no mail");
/** A client waits five minutes for the reply to MAIL (RFC 5321 §4.5.3.2.2); no sender is worth so much of a place. */
const WAITING_MS_MAX = 10_000;

export class NullMxSenders {
  readonly #resolver: Pick<Resolver, "mailHosts">;
  readonly #waitingMsMax: number;

  constructor(resolver: Pick<Resolver, "mailHosts">, waitingMsMax = WAITING_MS_MAX) {
    this.#resolver = resolver;
    this.#waitingMsMax = waitingMsMax;
  }

  /** Undefined where there is nothing against the reverse-path. */
  async refusalOf(
    { role }: Pick<SessionFacts, "role">,
    reversePath: Mailbox | undefined,
  ): Promise<Reply | undefined> {
    if (role !== "mx" || reversePath === undefined || reversePath.domain.startsWith("[")) return undefined;
    try {
      const found = await this.#resolver.mailHosts(
        reversePath.domain,
        AbortSignal.timeout(this.#waitingMsMax),
      );
      return found.kind === "null MX" ? TAKES_NO_MAIL : undefined;
    } catch {
      return undefined;
    }
  }
}
