/**
 * A client's visit to its maildrop: it is let in after good credentials, is sent messages, and has its marks made true at
 * QUIT. However a visit ends, and at whatever point, `leave` frees the maildrop and the account's place among sessions. One
 * connection has one visit at most; until it begins, whoever was refused may try again.
 */
import type { Account } from "../shared/accounts/account.js";
import type { Log } from "../shared/log.js";
import type { LoginGuard } from "../shared/login-guard.js";
import type { Pop3dConfig } from "./config.js";
import type { Language } from "./language/language.js";
import { type LetInServices, letIn } from "./let-in.js";
import type { OpenMaildrop } from "./open-maildrop.js";
import type { EffectOf, ResultOf } from "./protocol.js";
import { sendMessage } from "./send-message.js";
import { type UpdateOutcome, type Updating, update } from "./update.js";
import type { Wire } from "./wire.js";

export interface VisitServices extends LetInServices {
  readonly config: Pop3dConfig;
  readonly guard: LoginGuard;
  readonly updating: Updating;
  /** Called for each maildrop that is opened. */
  readonly opened: (account: Account) => void;
}

/** Where the client calls from. */
export interface Visitor {
  /** The address that it is counted by. */
  readonly address: string;
  /** The version of TLS, its own or its proxy's. */
  readonly tls: string | undefined;
}

export class Visit {
  readonly #services: VisitServices;
  readonly #log: Log;
  #open: OpenMaildrop | undefined;
  #account: Account | undefined;
  /** Gives back the place among the sessions of the account. */
  #giveUpPlace: (() => void) | undefined;
  #retrieved = 0;
  #expireMs = Number.POSITIVE_INFINITY;
  #updated: UpdateOutcome | undefined;

  /** @param log bound to the connection */
  constructor(services: VisitServices, log: Log) {
    this.#services = services;
    this.#log = log;
  }

  /** Opens the maildrop, or logs why not. */
  async enter(
    { account, method, policy, utf8 }: EffectOf<"open maildrop">,
    { address, tls }: Visitor,
  ): Promise<ResultOf<"open maildrop">> {
    const login = { account: account.address, method, tls };
    const giveUpPlace = this.#services.guard.succeeded(address, account.address);
    if (giveUpPlace === undefined) {
      this.#log.info({ ...login, reason: "too many connections of this account" }, "maildrop refused");
      // RFC 2449 §8.1.2 has [IN-USE] for good credentials whose maildrop others hold, as those sessions do.
      return { kind: "open maildrop", outcome: "in use" };
    }
    const outcome = await letIn(account, policy, this.#services, this.#log, utf8);
    if (typeof outcome === "string") {
      giveUpPlace();
      this.#log.info({ ...login, reason: outcome }, "maildrop refused");
      return { kind: "open maildrop", outcome };
    }
    this.#open = outcome;
    this.#giveUpPlace = giveUpPlace;
    this.#expireMs = policy.expireMs;
    this.#account = account;
    this.#services.opened(account);
    const [messages, octets] = [outcome.maildrop.count, outcome.maildrop.octets("as stored")];
    this.#log.info({ ...login, messages, octets }, "login");
    return { kind: "open maildrop", outcome: outcome.maildrop };
  }

  async send(
    effect: EffectOf<"send message">,
    wire: Wire,
    language: Language,
  ): Promise<ResultOf<"send message">> {
    if (this.#open === undefined) return { kind: "send message", outcome: "temporary" };
    const outcome = await sendMessage(wire, this.#open, effect, language, this.#log);
    if (outcome === "sent" && effect.bodyLines === undefined) this.#retrieved++;
    return { kind: "send message", outcome };
  }

  /** UPDATE, after which the visit is over. */
  async update(): Promise<ResultOf<"update">> {
    if (this.#open === undefined) return { kind: "update", outcome: "incomplete" };
    const { updating, config } = this.#services;
    const { deletion, mark_seen: markSeen } = config.maildrop;
    const rules = { deletion, markSeen, expireMs: this.#expireMs };
    this.#updated = await update(this.#open, rules, updating, this.#log);
    // Before the reply: who reads it and calls again at once must not find the maildrop in use.
    await this.leave();
    return { kind: "update", outcome: this.#updated.complete ? "complete" : "incomplete" };
  }

  /** Ends the visit, if there is one. May be called again. Never rejects. */
  async leave(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    this.#giveUpPlace?.();
    await open?.close();
  }

  /** What came of it, for the log. */
  get account(): string | undefined {
    return this.#account?.address;
  }

  get counts(): { readonly retrieved: number; readonly deleted: number; readonly expired: number } {
    const { removed, expired } = this.#updated ?? { removed: 0, expired: 0 };
    return { retrieved: this.#retrieved, deleted: removed, expired };
  }
}
