/**
 * smtp-server's server with our connections: places for them are counted from the accepted socket on, TLS is offered
 * with the operator's certificate alone, and none of its own loggers, timeouts and limits is at work. Where a proxy calls,
 * its client is who is counted, logged and served; smtp-server itself reads version 1 of its protocol only.
 *
 * The key that smtp-server has built in is never loaded: what would make a secure context of it is overridden.
 */
import { randomUUID } from "node:crypto";
import type { Socket } from "node:net";
import type { SecureContext } from "node:tls";
import { SMTPServer } from "smtp-server";
import type { SMTPConnectionOptions } from "smtp-server/lib/smtp-connection.js";
import type { Certificates } from "../../shared/certificates.js";
import type { ConnectionLimits } from "../../shared/connection-limits.js";
import { formatEndpoint } from "../../shared/listen-address.js";
import type { Log } from "../../shared/log.js";
import { Networks } from "../../shared/networks.js";
import type { ProxiedClient } from "../../shared/proxy-protocol/header.js";
import { receiveProxyHeader } from "../../shared/proxy-protocol/receive.js";
import { Connection } from "./connection.js";
import { formatReply, reply } from "./reply.js";
import type { Service } from "./session.js";

const TOO_MANY_CONNECTIONS = reply(421, "7.0", "too many connections, try again later");

export interface ServerOptions<Destination> {
  readonly service: Service<Destination>;
  readonly limits: ConnectionLimits;
  readonly log: Log;
}

/** A place among the connections. */
interface Place {
  release: () => void;
  /** Where a proxy holds it, for a client or, as that is undefined, for itself. */
  proxy?: { readonly address: string; readonly proxied: ProxiedClient | undefined };
  /** From then on it is the session that gives the place back. */
  hasSession: boolean;
}

export class Server<Destination> extends SMTPServer {
  readonly #service: Service<Destination>;
  readonly #limits: ConnectionLimits;
  readonly #log: Log;
  readonly #proxies: Networks;
  readonly #sessions = new Set<Connection<Destination>>();
  /** The places among the connections that sockets hold, by the socket or the TLS socket above it. */
  readonly #places = new WeakMap<Socket, Place>();
  #stopping = false;
  /** Hears of each session that ends. */
  #sessionEnded = () => {};

  constructor({ service, limits, log }: ServerOptions<Destination>) {
    super({
      name: service.hostname,
      secure: service.listener.tls === "implicit",
      logger: false,
      disableReverseLookup: true,
      maxCommandLength: service.limits.command_length,
      // Only for sockets that wait for the handshake of implicit TLS.
      socketTimeout: service.limits.tls_handshake_time,
      // A client that has sent all it wants and says so still gets its replies; but in a handshake it has left.
      allowHalfOpen: service.listener.tls !== "implicit",
    });
    this.#service = service;
    this.#limits = limits;
    this.#log = log;
    this.#proxies = new Networks(service.listener.proxy_protocol);
    this.secureContext = new CurrentContexts(service.certificates);
    this.on("error", (err: Error) => log.debug({ err }, "connection error"));
  }

  /**
   * Stops accepting. Sessions in a mail transaction may go on for this long, the others are closed at once. Resolves
   * when all are over.
   */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    // Sockets whose TLS handshake is under way have no session yet that could be told.
    for (const top of this._pendingSockets.values()) top.destroy();
    for (const session of this.#sessions) session.shutDown();
    const cutOff = setTimeout(() => {
      for (const session of this.#sessions) session.cutOff();
    }, graceMs);
    await closed;
    while (this.#sessions.size > 0) await new Promise<void>((resolve) => (this.#sessionEnded = resolve));
    clearTimeout(cutOff);
  }

  override connect(socket: Socket, options?: SMTPConnectionOptions | null): void {
    const place = this.#places.get(socket);
    if (place !== undefined) place.hasSession = true;
    const connection = new Connection(this, socket, options, {
      service: this.#service,
      log: place?.proxy === undefined ? this.#log : this.#log.child({ proxy: place.proxy.address }),
      tlsAtProxy: place?.proxy?.proxied?.tls,
      ended: () => {
        this.#sessions.delete(connection);
        place?.release();
        this.#sessionEnded();
      },
    });
    socket.allowHalfOpen = true;
    this.#sessions.add(connection);
    this.connections.add(connection);
    connection.init();
    if (this.#stopping) connection.shutDown();
  }

  /** Called with each socket as it is accepted, before anything is read or a handshake begins. */
  override _acceptSocket(socket: Socket, handshake: boolean): (() => void) | false {
    // Of a proxy's connection it is not known yet whose it is.
    const address = this._expectsProxyHeader(socket) ? undefined : (socket.remoteAddress ?? "");
    const admission = this.#limits.admit(address);
    if (admission.kind === "refused") {
      this.#log.warn({ client: endpointOf(socket), reason: admission.reason }, "connection refused");
      this.#turnAway(socket, handshake);
      return false;
    }
    const place: Place = { release: admission.release, hasSession: false };
    this.#places.set(socket, place);
    // Nobody else listens for errors yet, and a session gives its place back itself.
    socket.on("error", () => {});
    socket.once("close", () => {
      if (!place.hasSession) place.release();
    });
    const proceed = super._acceptSocket(socket, handshake);
    return proceed && handshake ? this.#withinHandshakeTime(socket, proceed) : proceed;
  }

  override _expectsProxyHeader(socket: Socket): boolean {
    return this.#proxies.has(socket.remoteAddress ?? "");
  }

  /** Learns from a proxy for whom it calls, and finds a place for that client. */
  override _handleProxy(socket: Socket, done: Parameters<SMTPServer["_handleProxy"]>[1]): void {
    if (!this._expectsProxyHeader(socket)) {
      super._handleProxy(socket, done);
      return;
    }
    const proxy = endpointOf(socket);
    void receiveProxyHeader(socket).then((header) => {
      if (header.kind === "none") {
        this.#log.warn({ proxy, reason: header.why }, "connection refused");
        socket.destroy();
      } else if (this.#admitProxied(socket, proxy, header.proxied)) {
        done(null, socketOptions(header.proxied));
        return;
      }
      done(new Error("not served"));
    });
  }

  /** Gives up the place of a proxy's connection for one of its client. False when there is none. */
  #admitProxied(socket: Socket, proxy: string, proxied: ProxiedClient | undefined): boolean {
    const place = this.#places.get(socket);
    if (place === undefined || socket.destroyed) return false;
    place.release();
    const admission = this.#limits.admit(proxied?.client.address ?? socket.remoteAddress ?? "");
    if (admission.kind === "refused") {
      place.release = () => {};
      const client = proxied && formatEndpoint(proxied.client.address, proxied.client.port);
      this.#log.warn({ proxy, client, reason: admission.reason }, "connection refused");
      this.#turnAway(socket, this.#service.listener.tls === "implicit");
      return false;
    }
    place.release = admission.release;
    place.proxy = { address: proxy, proxied };
    return true;
  }

  #turnAway(socket: Socket, handshake: boolean): void {
    socket.on("error", () => {});
    if (handshake) socket.destroy();
    else {
      socket.write(`${formatReply(TOO_MANY_CONNECTIONS).join("\r\n")}\r\n`);
      socket.destroySoon();
    }
  }

  /** smtp-server's own timeout starts anew with each octet of a handshake; this one does not. */
  #withinHandshakeTime(socket: Socket, proceed: () => void): () => void {
    const timer = setTimeout(() => {
      this.#log.info({ client: endpointOf(socket) }, "TLS handshake took too long");
      // The topmost socket: one is not to be closed from below a handshake.
      this._pendingSockets.get(socket)?.destroy();
    }, this.#service.limits.tls_handshake_time);
    socket.once("close", () => clearTimeout(timer));
    return () => {
      clearTimeout(timer);
      proceed();
    };
  }

  /** Node 20 can crash on a TLS socket above one that is destroyed already. */
  override _upgrade(socket: Socket, done: Parameters<SMTPServer["_upgrade"]>[1]): void {
    if (socket.destroyed) {
      done(new Error("closed before the TLS handshake"));
      return;
    }
    super._upgrade(socket, (error, secured) => {
      const place = this.#places.get(socket);
      if (secured !== undefined && place !== undefined) this.#places.set(secured, place);
      done(error, secured);
    });
  }

  /** Called by the constructor of smtp-server, which would load its built-in key here. */
  override updateSecureContext(): void {
    this.secureContext = new Map();
  }

  override _resolveSNI(name: string, done: (error: Error | null, context?: SecureContext) => void): void {
    const context = this.#service.certificates()?.contextFor(name);
    if (context === undefined) done(new Error("no certificate"));
    else done(null, context);
  }
}

/** What smtp-server takes for its table of secure contexts; `*` is for clients that name no host. */
class CurrentContexts extends Map<string, SecureContext> {
  readonly #certificates: () => Certificates | undefined;

  constructor(certificates: () => Certificates | undefined) {
    super();
    this.#certificates = certificates;
  }

  override get(): SecureContext | undefined {
    return this.#certificates()?.contextFor(undefined);
  }
}

function endpointOf({ remoteAddress = "", remotePort = 0 }: Socket): string {
  return formatEndpoint(remoteAddress, remotePort);
}

/** What smtp-server takes for the ends of a connection; what is missing it takes from the socket. */
function socketOptions(proxied: ProxiedClient | undefined) {
  return {
    id: randomUUID(),
    remoteAddress: proxied?.client.address,
    remotePort: proxied?.client.port,
    localAddress: proxied?.server.address,
    localPort: proxied?.server.port,
  };
}
