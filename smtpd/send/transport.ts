/**
 * Brings messages to one host at one address: a session (connections.ts), a mail transaction on it
 * (mail-transaction.ts), and what happened to each recipient. What that means for them says disposition.ts.
 *
 * A session that was kept may have been closed by the host meanwhile. When that shows before MAIL was answered, nothing
 * has happened yet: another one is opened, and the host is none the worse for it.
 */
import type { Log } from "../../shared/log.js";
import { type Connection, type ConnectionCounts, Connections } from "./connections.js";
import type { Happening, Hop, Stage, Transaction, TransactionResult } from "./hop.js";
import { transact } from "./mail-transaction.js";
import { openSession, trustIn } from "./open-session.js";
import { OutgoingMessage } from "./outgoing-message.js";
import type { StageTimes } from "./stage-times.js";

/** RFC 5321 §4.5.3.1.8: so many each host takes in a transaction. */
const RECIPIENTS_MAX = 100;

export interface TransportOptions {
  /** What we say EHLO with. */
  readonly hostname: string;
  readonly times: StageTimes;
  readonly counts: ConnectionCounts;
  /** Certificates of authorities that are trusted beside those that Node knows, PEM. */
  readonly trusted: string | undefined;
  /** Milliseconds. */
  readonly now: () => number;
  readonly log: Log;
}

/** Before these the host has not been asked about the message. */
const BEFORE_MAIL: readonly Stage[] = ["connect", "greeting", "hello", "tls", "login"];

export class Transport {
  readonly #log: Log;
  readonly #connections: Connections;

  constructor({ hostname, times, counts, trusted, now, log }: TransportOptions) {
    this.#log = log;
    const opening = { hostname, times, log, trust: trustIn(trusted) };
    this.#connections = new Connections({
      counts,
      now,
      open: (hop, signal) => openSession(hop, opening, signal),
    });
  }

  /**
   * Sends a message to those of its recipients who are reached by this host. Never rejects.
   * @param signal aborted when smtpd has to end: what was sent to its end waits a little for its reply
   */
  async send(hop: Hop, transaction: Transaction, signal: AbortSignal): Promise<TransactionResult> {
    const happenings: Happening[] = [];
    let dsn = false;
    const { recipients } = transaction;
    for (let from = 0; from < recipients.length; from += RECIPIENTS_MAX) {
      const some = recipients.slice(from, from + RECIPIENTS_MAX);
      const result = await this.#sendSome(hop, { ...transaction, recipients: some }, signal);
      happenings.push(...result.recipients);
      dsn = result.dsn;
      // The others would meet the same, one wait after the other.
      const [first] = result.recipients;
      if (first !== undefined && BEFORE_MAIL.includes(first.stage)) {
        happenings.push(...recipients.slice(happenings.length).map(() => first));
        break;
      }
    }
    return { recipients: happenings, dsn };
  }

  /** Ends the sessions that nobody uses, and all of them within a bounded time. */
  async stop(): Promise<void> {
    await this.#connections.stop();
  }

  async #sendSome(hop: Hop, transaction: Transaction, signal: AbortSignal): Promise<TransactionResult> {
    const all = (happening: Happening): TransactionResult => ({
      recipients: transaction.recipients.map(() => happening),
      dsn: false,
    });
    try {
      const connection = await this.#connections.acquire(hop, signal);
      if (connection.kind === "failed") return all(connection.happening);
      const result = await this.#use(connection, hop, transaction, signal);
      if (!connection.reused || !wasClosedBefore(result)) return result;
      const fresh = await this.#connections.acquire(hop, signal, true);
      return fresh.kind === "failed"
        ? all(fresh.happening)
        : await this.#use(fresh, hop, transaction, signal);
    } catch (err) {
      this.#log.error({ queueId: transaction.queueId, err }, "sending failed");
      return all({ kind: "failure", stage: "prepare", failure: "unknown" });
    }
  }

  async #use(
    { session, release }: Connection,
    hop: Hop,
    transaction: Transaction,
    signal: AbortSignal,
  ): Promise<TransactionResult> {
    const stop = () => session.stop();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    let message: OutgoingMessage | undefined;
    try {
      message = await OutgoingMessage.open(transaction.message);
      const recipients = await transact(session, transaction, message, hop.protocol);
      return { recipients, dsn: session.extensions.dsn };
    } catch (err) {
      this.#log.error({ queueId: transaction.queueId, err }, "message cannot be read");
      const unreadable: Happening = { kind: "failure", stage: "prepare", failure: "unreadable" };
      return { recipients: transaction.recipients.map(() => unreadable), dsn: false };
    } finally {
      message?.close();
      signal.removeEventListener("abort", stop);
      release();
    }
  }
}

/** Whether the host closed the session, or was about to, before it heard of the message. */
function wasClosedBefore({ recipients }: TransactionResult): boolean {
  return recipients.every((happening) => {
    if (happening.stage !== "mail" && happening.stage !== "hello") return false;
    return happening.kind === "reply" ? happening.reply.code === 421 : happening.failure === "closed";
  });
}
