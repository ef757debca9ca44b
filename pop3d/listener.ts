/**
 * One address that pop3d listens at: admits connections within the limits, serves each, and ends them when the daemon
 * stops.
 */
import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { bind } from "../shared/bind.js";
import type { ConnectionLimits } from "../shared/connection-limits.js";
import { formatEndpoint, isLoopback } from "../shared/listen-address.js";
import type { Log } from "../shared/log.js";
import type { SessionRules } from "./authorization.js";
import type { Pop3dConfig, Pop3dListenerConfig } from "./config.js";
import { Connection, type Services } from "./connection.js";
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
  readonly #connections = new Map<Connection, Promise<void>>();
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
    for (const socket of this.#early ?? []) socket.destroy();
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
    // Over a Unix socket clients have no address to be known by, and do not count as one.
    const address = remoteAddress ?? `local ${++this.#nameless}`;
    const client = remoteAddress === undefined ? address : formatEndpoint(address, remotePort ?? 0);
    const log = this.#log.child({ client });
    const admission = this.#limits.admit(address);
    if (admission.kind === "refused") {
      log.warn({ reason: admission.reason }, "connection refused");
      this.#refuse(socket);
      return;
    }
    const rules = rulesFor(this.#services, this.#listener, remoteAddress);
    const connection = new Connection(socket, address, rules, this.#services, log);
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
  { config, tlsOptions }: Services,
  { tls, allow_plaintext_auth }: Pop3dListenerConfig,
  address: string | undefined,
): SessionRules {
  return {
    hostname: config.hostname,
    tls: tls === "implicit",
    stls: tls === "starttls" && tlsOptions() !== undefined,
    plaintextAuth: mayLogInPlainly(allow_plaintext_auth, address),
    loginFailuresMax: config.limits.login_failures,
    mistakes: { most: config.limits.unknown_commands, delayMs: config.limits.unknown_command_delay },
    language: config.language,
  };
}

function mayLogInPlainly(
  rule: Pop3dConfig["listen"][number]["allow_plaintext_auth"],
  address: string | undefined,
): boolean {
  return rule === "always" || (rule === "loopback" && isLoopback(address));
}
