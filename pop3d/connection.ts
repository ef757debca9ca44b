/**
 * Serves one connection: a loop that feeds what the client sends to the session, sends the replies, performs the
 * effects and feeds their results back. Whatever happens, it ends with the maildrop's lock released and one line in the
 * log.
 *
 * A connection that is lost ends there and then, even if the client had sent more before: a client that pipelines RETR,
 * DELE and QUIT and then dies has not got its messages, and they must not be removed.
 */
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { TLSSocketOptions } from "node:tls";
import type { Account } from "../shared/accounts/account.js";
import type { Log } from "../shared/log.js";
import { RESPONSE_OCTETS_MAX } from "../shared/sasl/exchange.js";
import type { SessionRules } from "./authorization.js";
import type { Pop3dConfig } from "./config.js";
import { shownLine, shownReply } from "./dialogue.js";
import { letIn } from "./let-in.js";
import { LoginAttempts, type LoginServices } from "./login-attempts.js";
import type { LoginDelays } from "./login-delays.js";
import type { Opening, OpenMaildrop } from "./open-maildrop.js";
import type { SitePolicy } from "./policy.js";
import type { Effect, Result, Step } from "./protocol.js";
import { encode } from "./reply.js";
import { sendMessage } from "./send-message.js";
import { Session } from "./session.js";
import { type UpdateOutcome, type Updating, update } from "./update.js";
import { type Received, Wire } from "./wire.js";

/** What the connections of a daemon share. */
export interface Services extends LoginServices {
  readonly config: Pop3dConfig;
  readonly opening: Opening;
  readonly delays: LoginDelays;
  readonly updating: Updating;
  /** Called for each maildrop that is opened. */
  readonly opened: (account: Account) => void;
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
  readonly #wire: Wire;
  readonly #session: Session;
  readonly #begun = performance.now();
  readonly #abort = new AbortController();
  #open: OpenMaildrop | undefined;
  #account: Account | undefined;
  /** Gives back the place among the sessions of the account. */
  #leave: (() => void) | undefined;
  /** How it came that the session ended, for the log. */
  #ending: string | undefined;
  #retrieved = 0;
  #expireMs = Number.POSITIVE_INFINITY;
  #updated: UpdateOutcome | undefined;

  /**
   * @param socket paused and half-open-able
   * @param log bound to the connection
   */
  constructor(socket: Socket, caller: Caller, rules: SessionRules, services: Services, log: Log) {
    const { limits } = services.config;
    this.#services = services;
    this.#caller = caller;
    this.#logins = new LoginAttempts(services, caller.address, log);
    this.#log = log;
    this.#wire = new Wire(socket, limits.stall_timeout);
    this.#session = new Session(rules);
  }

  /** Serves the connection to its end. Never rejects. */
  async run(): Promise<void> {
    try {
      if (!this.#caller.handshake || (await this.#startTls())) await this.#serve();
      // Before the farewell, which takes as long as the client likes.
      await this.#release();
      await this.#wire.end();
    } catch (err) {
      this.#log.error({ err }, "connection failed");
      this.#ending = "error";
    } finally {
      this.#wire.destroy();
      await this.#release();
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
      if (this.#log.isLevelEnabled("trace")) this.#log.trace({ S: shownReply(reply) }, "dialogue");
      for (const octets of encode(reply, this.#session.language)) await this.#wire.write(octets);
    }
  }

  #traceLine(received: Received): void {
    if (received.kind !== "line" || !this.#log.isLevelEnabled("trace")) return;
    this.#log.trace({ C: shownLine(received.octets, this.#session.awaitsResponse) }, "dialogue");
  }

  async #perform(effect: Exclude<Effect, { kind: "close" }>): Promise<Result> {
    switch (effect.kind) {
      case "authenticate":
        return { kind: "authenticate", checked: await this.#logins.check(effect.check, effect.method) };
      case "delay":
        return this.#delay();
      case "pause":
        await sleep(Math.min(effect.milliseconds, this.#patience()), undefined, {
          signal: this.#abort.signal,
        }).catch(() => {});
        return { kind: "pause" };
      case "open maildrop":
        return this.#openMaildrop(effect);
      case "send message":
        return this.#sendMessage(effect);
      case "update":
        return this.#update();
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

  async #openMaildrop({ account, method, policy, utf8 }: EffectOf<"open maildrop">): Promise<Result> {
    const login = { account: account.address, method, tls: this.#tlsVersion };
    this.#leave = this.#services.guard.succeeded(this.#caller.address, account.address);
    if (this.#leave === undefined) {
      this.#log.info({ ...login, reason: "too many connections of this account" }, "maildrop refused");
      // RFC 2449 §8.1.2 has [IN-USE] for good credentials whose maildrop others hold, as those sessions do.
      return { kind: "open maildrop", outcome: "in use" };
    }
    const outcome = await letIn(account, policy, this.#services, this.#log, utf8);
    if (typeof outcome === "string") {
      this.#leave();
      this.#log.info({ ...login, reason: outcome }, "maildrop refused");
      return { kind: "open maildrop", outcome };
    }
    this.#open = outcome;
    this.#expireMs = policy.expireMs;
    this.#account = account;
    this.#services.opened(account);
    const [messages, octets] = [outcome.maildrop.count, outcome.maildrop.octets("as stored")];
    this.#log.info({ ...login, messages, octets }, "login");
    return { kind: "open maildrop", outcome: outcome.maildrop };
  }

  async #sendMessage(effect: EffectOf<"send message">): Promise<Result> {
    if (this.#open === undefined) return { kind: "send message", outcome: "temporary" };
    if (this.#log.isLevelEnabled("trace")) this.#log.trace({ S: shownReply(effect.reply) }, "dialogue");
    const outcome = await sendMessage(this.#wire, this.#open, effect, this.#session.language, this.#log);
    if (outcome === "sent" && effect.bodyLines === undefined) this.#retrieved++;
    return { kind: "send message", outcome };
  }

  async #update(): Promise<Result> {
    if (this.#open === undefined) return { kind: "update", outcome: "incomplete" };
    const { updating, config } = this.#services;
    const { deletion, mark_seen: markSeen } = config.maildrop;
    const rules = { deletion, markSeen, expireMs: this.#expireMs };
    this.#updated = await update(this.#open, rules, updating, this.#log);
    // Before the reply: who reads it and calls again at once must not find the maildrop in use.
    await this.#release();
    return { kind: "update", outcome: this.#updated.complete ? "complete" : "incomplete" };
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

  async #release(): Promise<void> {
    this.#leave?.();
    const lock = this.#open?.lock;
    if (lock !== undefined) await this.#open?.saveSizes();
    await lock?.release().catch((err: unknown) => this.#log.error({ err }, "lock cannot be released"));
  }

  #logEnd(): void {
    this.#log.info(
      {
        account: this.#account?.address,
        tls: this.#tlsVersion,
        reason: this.#wire.trouble ?? this.#ending,
        ms: Math.round(performance.now() - this.#begun),
        sent: this.#wire.octetsSent,
        retrieved: this.#retrieved,
        deleted: this.#updated?.removed ?? 0,
        expired: this.#updated?.expired ?? 0,
      },
      "connection closed",
    );
  }
}

type EffectOf<K extends Effect["kind"]> = Extract<Effect, { kind: K }>;
type ResultOf<K extends Result["kind"]> = Extract<Result, { kind: K }>;

function isLine(received: Received): received is Exclude<Received, { kind: "ended" | "timeout" }> {
  return received.kind === "line" || received.kind === "overlong";
}
