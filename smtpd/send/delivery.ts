/**
 * The seam between the queue's runner, which knows when, and the senders, which know how: a job is one attempt to bring one
 * message to those of its recipients who have the same destination. Types only.
 */
import type { Readable } from "node:stream";
import type { Mailbox } from "../../shared/address.js";
import type { Log } from "../../shared/log.js";
import type { MailDsnRequest } from "../protocol/dsn-request.js";
import type { QueuedRecipient, RemoteReply, Trouble } from "../queue/envelope.js";

/** Where recipients go, as far as it is known without asking anyone. */
export type Destination =
  /** Maildirs of ours. */
  | { readonly kind: "local" }
  /** A domain, by its MX records. */
  | { readonly kind: "domain"; readonly domain: string; readonly tls: TlsPolicy }
  /** An address literal (RFC 5321 §4.1.3); the bare IP address. */
  | { readonly kind: "literal"; readonly address: string; readonly tls: TlsPolicy }
  /** A host that the configuration names: the smarthost, or that of a route. */
  | { readonly kind: "relay"; readonly relay: Relay };

/** A host that the configuration names. */
export interface Relay {
  readonly protocol: "smtp" | "lmtp";
  readonly host: RelayHost;
  readonly tls: TlsPolicy;
  readonly login: { readonly username: string; readonly passwordFile: string } | undefined;
}

export type RelayHost =
  /** A name, by its MX records (RFC 5321 §5.1). */
  | { readonly kind: "domain"; readonly domain: string; readonly port: number }
  /** A name, by its A and AAAA records; or an IP address. */
  | { readonly kind: "host"; readonly host: string; readonly port: number }
  | { readonly kind: "socket"; readonly path: string };

/**
 * `may`: STARTTLS where it is offered, whatever the certificate, and without it where it fails. `must`: a certificate that
 * is valid for the host's name, or nothing is sent. `implicit`: as must, from the first octet on.
 */
export type TlsPolicy = "may" | "must" | "never" | "implicit";

export interface Job extends MailDsnRequest {
  readonly queueId: string;
  readonly destination: Destination;
  /** The reverse-path for all of these recipients; undefined for the null one. */
  readonly reversePath: Mailbox | undefined;
  readonly body: "7BIT" | "8BITMIME";
  readonly smtputf8: boolean;
  readonly recipients: readonly QueuedRecipient[];
  readonly message: JobMessage;
  /** Bound to the queue id. */
  readonly log: Log;
}

export interface JobMessage {
  /** Octets of the file; on the wire each line has one more. */
  readonly size: number;
  /** Octets with CRLF line ends, as SIZE counts them. */
  readonly wireSize: number;
  /** The octets as they are stored, with LF line ends. Each call reads the file anew; rejects when it is gone. */
  open(): Promise<Readable>;
}

/** What became of one recipient in one attempt. */
export type Outcome =
  /**
   * `delivered`: it is in a mailbox. `passed on`: the next host has it, and tells of successes itself if asked to.
   * `relayed`: the next host has it, and knows nothing of DSNs.
   */
  | {
      readonly kind: "delivered" | "passed on" | "relayed";
      readonly host: string | undefined;
      readonly reply: RemoteReply | undefined;
    }
  | { readonly kind: "deferred" | "failed"; readonly trouble: Trouble };

export interface JobResult {
  /** One for each recipient of the job, in its order. */
  readonly outcomes: readonly Outcome[];
  /** False when no host of the destination could be spoken to at all: the circuit counts these. */
  readonly reached: boolean;
}

/** Does jobs. Never rejects: trouble that nobody foresaw defers each recipient. */
export interface Deliverer {
  /** @param signal aborted when smtpd has to end: what is not yet sent is deferred, what is sent waits for its reply a little */
  deliver(job: Job, signal: AbortSignal): Promise<JobResult>;
}
