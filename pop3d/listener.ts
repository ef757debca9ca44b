/**
 * One address that pop3d listens at: admits connections within the limits, serves each, and ends them when the daemon
 * stops. Where a proxy calls, its client is who is counted, logged and served.
 */
import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { bind } from "../shared/bind.js";
import type { ConnectionLimits } from "../shared/connection-limits.js";
import { formatEndpoint, isLoopback } from "../shared/listen-address.js";
import type { Log } from "../shared/log.js";
import { Networks } from "../shared/networks.js";
import type { ProxiedClient } from "../shared/proxy-protocol/header.js";
import { receiveProxyHeader } from "../shared/proxy-protocol/receive.js";
import type { SessionRules } from "./authorization.js";
import type { Pop3dConfig, Pop3dListenerConfig } from "./config.js";
import { type Caller, Connection, type Services } from "./connection.js";
import { troubleReply } from "./protocol.js";
import { encode } from "./reply.js";

const TOO_MANY = Buffer.concat([...encode(troubleReply("temporary", "too many connections"))]);
/** How long a connection that is refused may take to go. */
const REFUSAL_MS = 2_000;

export class Listener {
  readonly #listener: Pop3dListenerConfig;
  readonly #services: Services;
  readonly #limits: ConnectionLimits;
  readonly #log: Log;
  readonly #server: Server;
  readonly #proxies: Networks;
  readonly #connections = new Map<Connection, Promise<void>>();
  /** Connections of proxies that have not said yet whom they speak for. */
  readonly #unannounced = new Set<Socket>();
  /** What was accepted before `begin`; undefined after it. */
  #early: Socket[] | undefined = [];
  #address = "";
  /** Connections so far that had no address. */
  #nameless = 0;

  private constructor(listener: Pop3dListenerConfig, services: Services, limits: ConnectionLimits, log: Log) {
    this.#listener = listener;
    this.#services = services;
    this.#limits = limits;
    this.#log = log;
    this.#proxies = new Networks(listener.proxy_protocol);
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
      if (this.#early === undefined) this.#accept(socket);
      else this.#early.push(socket);
    });
  }

  /** Binds the address. Rejects with an ExitError when that cannot be done. Nobody is served before `begin`. */
  static async open(
    listener: Pop3dListenerConfig,
    services: Services,
    limits: ConnectionLimits,
    log: Log,
  ): Promise<Listener> {
    const opened = new Listener(listener, services, limits, log);
    opened.#address = await bind(opened.#server, listener.address);
    opened.#server.on("error", (error) => log.error({ address: opened.#address, err: error }, "listener"));
    return opened;
  }

  /** The address bound, its port resolved. */
  get address(): string {
    return this.#address;
  }

  /** Starts serving. */
  begin(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const socket of early) this.#accept(socket);
  }

  /**
   * Stops accepting, and resolves when no connection is left. Who has not logged in is sent away at once; the others
   * have `finishMs` to finish.
   */
  async stop(finishMs: number): Promise<void> {
    this.#server.close();
    for (const socket of [...(this.#early ?? []), ...this.#unannounced]) socket.destroy();
    for (const connection of this.#connections.keys()) connection.drain();
    const finished = new AbortController();
    const ended = Promise.all(this.#connections.values()).finally(() => finished.abort());
    await sleep(finishMs, undefined, { signal: finished.signal }).catch(() => {});
    for (const connection of this.#connections.keys()) connection.destroy("shutdown");
    await ended;
  }

  #accept(socket: Socket): void {
    const { remoteAddress, remotePort } = socket;
    if (this.#listener.address.kind === "tcp" && remoteAddress === undefined) {
      // Gone before it could be served.
      socket.destroy();
      return;
    }
    if (remoteAddress !== undefined && this.#proxies.has(remoteAddress)) {
      void this.#acceptFromProxy(socket, formatEndpoint(remoteAddress, remotePort ?? 0));
      return;
    }
    this.#admit(socket, this.#log);
  }

  /** Learns from a proxy for whom it calls, and admits that client; the proxy itself, where it calls on its own behalf. */
  async #acceptFromProxy(socket: Socket, proxy: string): Promise<void> {
    const log = this.#log.child({ proxy });
    const admission = this.#limits.admit(undefined);
    if (admission.kind === "refused") {
      log.warn({ reason: admission.reason }, "connection refused");
      socket.destroy();
      return;
    }
    socket.on("error", () => {});
    this.#unannounced.add(socket);
    const header = await receiveProxyHeader(socket);
    this.#unannounced.delete(socket);
    admission.release();
    if (header.kind === "received" && !socket.destroyed) {
      this.#admit(socket, log, header.proxied);
      return;
    }
    if (header.kind === "none") log.warn({ reason: header.why }, "connection refused");
    socket.destroy();
  }

  /** @param log that of the listener, or of the proxy's connection */
  #admit(socket: Socket, log: Log, proxied?: ProxiedClient): void {
    const { address: remoteAddress, port } = proxied?.client ?? {
      address: socket.remoteAddress,
      port: socket.remotePort ?? 0,
    };
    // Over a Unix socket clients have no address to be known by, and do not count as one.
    const address = remoteAddress ?? `local ${++this.#nameless}`;
    const client = remoteAddress === undefined ? address : formatEndpoint(address, port);
    const admission = this.#limits.admit(address);
    if (admission.kind === "refused") {
      log.warn({ client, reason: admission.reason }, "connection refused");
      this.#refuse(socket);
      return;
    }
    const handshake = this.#listener.tls === "implicit";
    const caller = { address, handshake, tlsAtProxy: proxied?.tls };
    const rules = rulesFor(this.#services, this.#listener, remoteAddress, caller);
    const connection = new Connection(socket, caller, rules, this.#services, log.child({ client }));
    const served = connection.run().finally(() => {
      admission.release();
      this.#connections.delete(connection);
    });
    this.#connections.set(connection, served);
  }

  /** Says why, where that can be said before a TLS handshake, and closes. */
  #refuse(socket: Socket): void {
    socket.on("error", () => {});
    if (this.#listener.tls === "implicit") {
      socket.destroy();
      return;
    }
    const timer = setTimeout(() => socket.destroy(), REFUSAL_MS);
    socket.once("close", () => clearTimeout(timer));
    socket.resume().end(TOO_MANY);
  }
}

/** What holds for a client at this address; a Unix socket's has none. */
function rulesFor(
  { config, tlsOptions, site, authenticator }: Services,
  { tls, allow_plaintext_auth }: Pop3dListenerConfig,
  address: string | undefined,
  { handshake, tlsAtProxy }: Caller,
): SessionRules {
  return {
    hostname: config.hostname,
    tls: handshake || tlsAtProxy !== undefined,
    stls: tls === "starttls" && tlsOptions() !== undefined,
    plaintextAuth: mayLogInPlainly(allow_plaintext_auth, address),
    // As it is now: what CAPA has announced holds for the session, whatever becomes of the accounts meanwhile.
    offer: { takesScram: authenticator.takesScram, takesTokens: authenticator.takesTokens },
    loginFailuresMax: config.limits.login_failures,
    mistakes: { most: config.limits.bad_commands, delayMs: config.limits.bad_command_delay },
    language: config.language,
    site: site(),
    implementation: config.implementation,
    nonAsciiHeaders: config.maildrop.non_ascii_headers,
  };
}

function mayLogInPlainly(
  rule: Pop3dConfig["listen"][number]["allow_plaintext_auth"],
  address: string | undefined,
): boolean {
  return rule === "always" || (rule === "loopback" && isLoopback(address));
}
