/** The sender of a configuration: its DNS, its sessions with other hosts, and what it knows of this host. */
import { networkInterfaces } from "node:os";
import { parseListenAddress } from "../shared/listen-address.js";
import type { Log } from "../shared/log.js";
import type { SmtpdConfig } from "./config.js";
import type { Deliverer } from "./send/delivery.js";
import type { Resolver } from "./send/resolver.js";
import { Sender } from "./send/sender.js";
import { openTransport } from "./session-options.js";

export interface SenderTools {
  /** Delivers to mailboxes of ours. */
  readonly local: Deliverer;
  readonly resolver: Resolver;
  /** Where listeners are bound, as they tell it (shared/bind.ts). */
  readonly addresses: readonly string[];
  readonly log: Log;
}

export interface OpenSender {
  readonly sender: Sender;
  /** To be called when no job is under way any more: ends the sessions that are kept. */
  stop(): Promise<void>;
}

/** Throws an ExitError where a file that [relay] names cannot be used. */
export async function openSender(
  config: SmtpdConfig,
  { local, resolver, addresses, log }: SenderTools,
): Promise<OpenSender> {
  const transport = await openTransport(config, Date.now, log);
  const us = {
    hostname: config.hostname,
    listening: addresses.map(parseListenAddress).filter((one) => one !== undefined),
    interfaces: () =>
      Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address)),
  };
  const sender = new Sender({ local, transport, resolver, us, port: config.relay.port, random: Math.random });
  return { sender, stop: () => transport.stop() };
}
