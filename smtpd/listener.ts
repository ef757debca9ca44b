/**
 * Opens a listener of smtpd: binds an address and serves SMTP there. An address that cannot be bound is an ExitError
 * that says so (bind.ts); nothing that happens to a single connection ever does more than end it.
 */

import { bind } from "../shared/bind.js";
import type { Certificates } from "../shared/certificates.js";
import { defaultDomainOf } from "../shared/config/common.js";
import type { ConnectionLimits } from "../shared/connection-limits.js";
import type { Log } from "../shared/log.js";
import type { LoginGuard } from "../shared/login-guard.js";
import type { SmtpdConfig, SmtpdListenerConfig } from "./config.js";
import type { Receiver } from "./protocol/receiver.js";
import { Server } from "./protocol/server.js";

export interface ListenerOptions<Destination> {
  readonly config: SmtpdConfig;
  readonly listener: SmtpdListenerConfig;
  readonly receiver: Receiver<Destination>;
  /** The certificates in force; asked at each handshake. */
  readonly certificates: () => Certificates | undefined;
  /** The places for connections, shared by all listeners. */
  readonly limits: ConnectionLimits;
  /** What logins have to wait for, shared by all listeners. */
  readonly guard: LoginGuard;
  readonly log: Log;
}

export interface OpenListener {
  /** Where it listens, as parseListenAddress reads it, the port resolved. */
  readonly address: string;
  /**
   * Stops accepting. Sessions in a mail transaction may finish it within `shutdown_time`; the others are closed at once
   * with 421. Resolves when all are closed.
   */
  stop(): Promise<void>;
}

export async function openListener<Destination>(
  options: ListenerOptions<Destination>,
): Promise<OpenListener> {
  const { config, listener, receiver, certificates, limits, guard, log } = options;
  const server = new Server({
    service: {
      hostname: config.hostname,
      defaultDomain: defaultDomainOf(config),
      limits: config.limits,
      bareLf: config.receive.bare_lf,
      listener,
      receiver,
      guard,
      certificates,
    },
    limits,
    log,
  });
  const address = await bind(server.server, listener.address);
  return { address, stop: () => server.stop(config.shutdown_time) };
}
