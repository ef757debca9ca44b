/** What tests of the client side have in common: a transport with short times, hops to sinks, messages in memory. */
import { EventEmitter } from "node:events";
import { Readable } from "node:stream";
import type { TestContext } from "node:test";
import { type Mailbox, parseMailbox } from "../../../shared/address.js";
import { type Log, openLog } from "../../../shared/log.js";
import { wireSizeOf } from "../../../shared/maildir/wire-size.js";
import type { ConnectionCounts } from "../../../smtpd/send/connections.js";
import type { JobMessage } from "../../../smtpd/send/delivery.js";
import { dispositionOf } from "../../../smtpd/send/disposition.js";
import type { Hop, Transaction, TransactionResult } from "../../../smtpd/send/hop.js";
import type { StageTimes } from "../../../smtpd/send/stage-times.js";
import { Transport } from "../../../smtpd/send/transport.js";
import type { Sink } from "../../fakes/sink.js";

/** More than any test needs of a host that answers. */
const LONG_MS = 30_000;
const TIMES: StageTimes = {
  connectMs: LONG_MS,
  greetingMs: LONG_MS,
  commandMs: LONG_MS,
  dataMs: LONG_MS,
  blockMs: LONG_MS,
  endMs: LONG_MS,
};
const COUNTS: ConnectionCounts = { total: 20, perHost: 20, messages: 100, idleMs: LONG_MS, ageMs: LONG_MS };

export const SILENT: Log = openLog("test", { level: "fatal", format: "json" });

export interface SendingOptions {
  readonly times?: Partial<StageTimes>;
  readonly counts?: Partial<ConnectionCounts>;
  readonly trusted?: string;
  readonly now?: () => number;
  readonly log?: Log;
}

/** A transport that is stopped when the test ends. */
export function transportFor(t: Pick<TestContext, "after">, options: SendingOptions = {}): Transport {
  const transport = new Transport({
    hostname: "mail.pillarbox.test",
    times: { ...TIMES, ...options.times },
    counts: { ...COUNTS, ...options.counts },
    trusted: options.trusted,
    now: options.now ?? Date.now,
    log: options.log ?? SILENT,
  });
  t.after(() => transport.stop());
  return transport;
}

export function hopTo(sink: Pick<Sink, "port">, more: Partial<Hop> = {}): Hop {
  return {
    address: "127.0.0.1",
    port: sink.port,
    name: "localhost",
    protocol: "smtp",
    tls: "never",
    login: undefined,
    ...more,
  };
}

export function mailbox(text: string): Mailbox {
  const parsed = parseMailbox(text);
  if (parsed === undefined) throw new Error(`${text} is no mailbox`);
  return parsed;
}

export interface MessageOptions {
  readonly stored?: string | Buffer;
  readonly to?: readonly (
    | string
    | ({ readonly path: string } & Partial<Transaction["recipients"][number]>)
  )[];
  readonly from?: string | undefined;
  readonly more?: Partial<Transaction>;
}

/** A transaction; without more, a message of two lines from alice to bob. */
export function transaction({
  stored = "Subject: test\n\nhello\n",
  to = ["bob@example.net"],
  from = "alice@example.org",
  more = {},
}: MessageOptions = {}): Transaction {
  return {
    queueId: "TEST",
    reversePath: from === "" ? undefined : mailbox(from),
    body: "7BIT",
    smtputf8: false,
    ret: undefined,
    envid: undefined,
    recipients: to.map((recipient) => {
      const { path, ...rest } = typeof recipient === "string" ? { path: recipient } : recipient;
      return {
        forwardPath: mailbox(path),
        account: undefined,
        rewrittenReversePath: undefined,
        attempts: 0,
        nextAttempt: 0,
        trouble: undefined,
        delayTold: false,
        notify: undefined,
        orcpt: undefined,
        ...rest,
      };
    }),
    message: messageOf(Buffer.from(stored)),
    log: SILENT,
    ...more,
  };
}

export function messageOf(octets: Buffer): JobMessage {
  return {
    size: octets.length,
    wireSize: wireSizeOf(octets),
    open: async () => Readable.from([octets]),
  };
}

/** What became of each recipient, in short: `bounce 5.1.1`. */
export function dispositions({ recipients }: TransactionResult): string[] {
  return recipients.map((happening) => {
    const { kind, status } = dispositionOf(happening);
    return `${kind} ${status}`;
  });
}

export const NEVER = new AbortController().signal;
EventEmitter.setMaxListeners(0, NEVER);
