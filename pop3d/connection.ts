/**
 * Serves one connection: a loop that feeds what the client sends to the session, sends the replies, performs the
 * effects and feeds their results back. Whatever happens, it ends with the visit to the maildrop over (visit.ts) and one
 * line in the log.
 *
 * A connection that is lost ends there and then, even if the client had sent more before: a client that pipelines RETR,
 * DELE and QUIT and then dies has not got its messages, and they must not be removed.
 */
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { TLSSocketOptions } from "node:tls";
import type { Log } from "../shared/log.js";
import { RESPONSE_OCTETS_MAX } from "../shared/sasl/exchange.js";
import type { SessionRules } from "./authorization.js";
import { shownLine, shownReply } from "./dialogue.js";
import { LoginAttempts, type LoginServices } from "./login-attempts.js";
import type { SitePolicy } from "./policy.js";
import type { Effect, Result, ResultOf, Step } from "./protocol.js";
import { encode, type Reply } from "./reply.js";
import { Session } from "./session.js";
import { Visit, type VisitServices } from "./visit.js";
import { type Received, Wire } from "./wire.js";

/** What the connections of a daemon share. */
export interface Services extends LoginServices, VisitServices {
  /** What holds for accounts now. */
  readonly site: () => SitePolicy;
  /** The options of a TLS handshake that begins now; undefined where there is no certificate. */
  readonly tlsOptions: () => TLSSocketOptions | undefined;
}

/** Who calls, and how. */
export interface Caller {
  /** The address that the client is counted by. */
  readonly address: string;
  /** Whether a TLS handshake comes first. */
  readonly handshake: boolean;
  /** TLS between the client and a proxy in front of us. */
  readonly tlsAtProxy: { readonly version: string } | undefined;
}

export class Connection {
  readonly #services: Services;
  readonly #caller: Caller;
  readonly #log: Log;
  readonly #logins: LoginAttempts;
  readonly #visit: Visit;
  readonly #wire: Wire;
  readonly #session: Session;
  readonly #begun = performance.now();
  readonly #abort = new AbortController();
  /** How it came that the session ended, for the log. */
  #ending: string | undefined;

  /**
   * @param socket paused and half-open-able
   * @param log bound to the connection
   */
  constructor(socket: Socket, caller: Caller, rules: SessionRules, services: Services, log: Log) {
    const { limits } = services.config;
    this.#services = services;
    this.#caller = caller;
    this.#log = log;
    this.#logins = new LoginAttempts(services, caller.address, log);
    this.#visit = new Visit(services, log);
    this.#wire = new Wire(socket, limits.stall_timeout);
    this.#session = new Session(rules);
  }

  /** Serves the connection to its end. Never rejects. */
  async run(): Promise<void> {
    try {
      if (!this.#caller.handshake || (await this.#startTls())) await this.#serve();
      // Before the farewell, which takes as long as the client likes.
      await this.#visit.leave();
      await this.#wire.end();
    } catch (err) {
      this.#log.error({ err }, "connection failed");
      this.#ending = "error";
    } finally {
      this.#wire.destroy();
      await this.#visit.leave();
      this.#logEnd();
    }
  }

  /** The daemon is stopping: who has not logged in is sent away; the others may finish. */
  drain(): void {
    if (!this.#session.loggedIn) this.destroy("shutdown");
  }

  /** Ends the connection at once, without UPDATE. */
  destroy(why: string): void {
    this.#ending ??= why;
    this.#wire.destroy(why);
    this.#abort.abort();
  }

  async #serve(): Promise<void> {
    if (this.#wire.tls !== undefined) this.#session.step(this.#tlsStarted);
    await this.#say({ replies: [this.#session.greeting] });
    for (;;) {
      const received = await this.#wire.line(this.#patience(), this.#lineOctetsMax);
      if (!isLine(received)) {
        this.#ending ??= received.kind === "timeout" ? "timeout" : "client closed";
        // RFC 1939 §3: the autologout timer closes the connection without a response.
        if (received.kind === "timeout") this.#wire.destroy();
        return;
      }
      this.#traceLine(received);
      if (!(await this.#follow(this.#session.step(received)))) return;
    }
  }

  /** Does what the session says, and what it says of the outcome, until it waits for the client. False at the end. */
  async #follow(first: Step): Promise<boolean> {
    for (let step = first; ; ) {
      await this.#say(step);
      const { effect } = step;
      if (effect === undefined) return true;
      if (effect.kind === "close") {
        this.#ending = effect.reason;
        return false;
      }
      // The client gets what there is before something that may take long; a message is its own reply.
      if (effect.kind !== "send message") await this.#wire.flush();
      if (this.#wire.lost && effect.kind !== "delay") return false;
      step = this.#session.step(await this.#perform(effect));
    }
  }

  /** How long to wait for the next line, milliseconds. */
  #patience(): number {
    const { idle_timeout, login_time } = this.#services.config.limits;
    if (this.#session.loggedIn) return idle_timeout;
    return Math.max(0, login_time - (performance.now() - this.#begun));
  }

  get #lineOctetsMax(): number {
    const { command_length } = this.#services.config.limits;
    return this.#session.awaitsResponse ? Math.max(command_length, RESPONSE_OCTETS_MAX) : command_length;
  }

  async #say({ replies, refusal }: Step): Promise<void> {
    if (refusal !== undefined) this.#log.info({ reason: refusal }, "refused");
    for (const reply of replies) {
      this.#traceReply(reply);
      for (const octets of encode(reply, this.#session.language)) await this.#wire.write(octets);
    }
  }

  #traceLine(received: Received): void {
    if (received.kind !== "line" || !this.#log.isLevelEnabled("trace")) return;
    this.#log.trace({ C: shownLine(received.octets, this.#session.awaitsResponse) }, "dialogue");
  }

  #traceReply(reply: Reply): void {
    if (this.#log.isLevelEnabled("trace")) this.#log.trace({ S: shownReply(reply) }, "dialogue");
  }

  async #perform(effect: Exclude<Effect, { kind: "close" }>): Promise<Result> {
    switch (effect.kind) {
      case "authenticate":
        return { kind: "authenticate", checked: await this.#logins.check(effect.check, effect.method) };
      case "delay":
        return this.#delay();
      case "pause":
        await this.#wire.pause(Math.min(effect.milliseconds, this.#patience()));
        return { kind: "pause" };
      case "open maildrop":
        return this.#visit.enter(effect, { address: this.#caller.address, tls: this.#tlsVersion });
      case "send message":
        this.#traceReply(effect.reply);
        return this.#visit.send(effect, this.#wire, this.#session.language);
      case "update":
        return this.#visit.update();
      case "start TLS":
        this.#wire.dropReceived();
        await this.#startTls();
        return this.#tlsStarted;
    }
  }

  /**
   * The client's place among the connections of its address is kept for so long even if it goes away, so that hanging
   * up and calling again is no way round the delay.
   */
  async #delay(): Promise<Result> {
    await sleep(this.#logins.failed(), undefined, { signal: this.#abort.signal }).catch(() => {});
    return { kind: "delay" };
  }

  get #tlsStarted(): ResultOf<"start TLS"> {
    return { kind: "start TLS", channelBinding: this.#wire.channelBinding };
  }

  async #startTls(): Promise<boolean> {
    const options = this.#services.tlsOptions();
    if (options === undefined) {
      this.destroy("no certificate");
      return false;
    }
    return this.#wire.startTls(options, this.#services.config.limits.tls_handshake_time);
  }

  get #tlsVersion(): string | undefined {
    return (this.#wire.tls ?? this.#caller.tlsAtProxy)?.version;
  }

  #logEnd(): void {
    this.#log.info(
      {
        account: this.#visit.account,
        tls: this.#tlsVersion,
        reason: this.#wire.trouble ?? this.#ending,
        ms: Math.round(performance.now() - this.#begun),
        sent: this.#wire.octetsSent,
        ...this.#visit.counts,
      },
      "connection closed",
    );
  }
}

function isLine(received: Received): received is Exclude<Received, { kind: "ended" | "timeout" }> {
  return received.kind === "line" || received.kind === "overlong";
}
