/**
 * smtp-server's server with our connections: places for them are counted from the accepted socket on, TLS is offered
 * with the operator's certificate alone, and none of its own loggers, timeouts and limits is at work.
 *
 * The key that smtp-server has built in is never loaded: what would make a secure context of it is overridden.
 */
import type { Socket } from "node:net";
import type { SecureContext } from "node:tls";
import { SMTPServer } from "smtp-server";
import type { SMTPConnectionOptions } from "smtp-server/lib/smtp-connection.js";
import type { Certificates } from "../../shared/certificates.js";
import type { ConnectionLimits } from "../../shared/connection-limits.js";
import { formatEndpoint } from "../../shared/listen-address.js";
import type { Log } from "../../shared/log.js";
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
  readonly release: () => void;
  /** From then on it is the session that gives the place back. */
  hasSession: boolean;
}

export class Server<Destination> extends SMTPServer {
  readonly #service: Service<Destination>;
  readonly #limits: ConnectionLimits;
  readonly #log: Log;
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
      log: this.#log,
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
    const address = socket.remoteAddress ?? "";
    const admission = this.#limits.admit(address);
    if (admission.kind === "refused") {
      const client = formatEndpoint(address, socket.remotePort ?? 0);
      this.#log.warn({ client, reason: admission.reason }, "connection refused");
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
      this.#log.info(
        { client: formatEndpoint(socket.remoteAddress ?? "", socket.remotePort ?? 0) },
        "TLS handshake took too long",
      );
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
