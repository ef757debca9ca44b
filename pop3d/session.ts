/**
 * A POP3 session (RFC 1939): AUTHORIZATION, then TRANSACTION, then UPDATE. Pure: it is fed lines and the results of
 * effects, and answers each with replies and at most one effect. While an effect is under way nothing else may be fed.
 */
import { Authorization, type SessionRules } from "./authorization.js";
import { capabilities } from "./capabilities.js";
import type { Language } from "./language/language.js";
import { Maildrop } from "./maildrop.js";
import type { Input, Step } from "./protocol.js";
import { err, okData, type Reply } from "./reply.js";
import { TextMode } from "./text-mode.js";
import { Transaction } from "./transaction.js";

export class Session {
  readonly #rules: SessionRules;
  readonly #textMode = new TextMode();
  #state: Authorization | Transaction;
  #mistakes = 0;

  constructor(rules: SessionRules) {
    this.#rules = rules;
    this.#state = new Authorization(rules);
  }

  /** Always in English: nobody can have asked for another language yet. */
  get greeting(): Reply {
    return okData(`${this.#rules.hostname} POP3 ready`);
  }

  /** That the replies are to be said in; a reply to LANG already in the language chosen (RFC 6856 §3.3). */
  get language(): Language {
    return this.#textMode.language;
  }

  /** True once the client has logged in and its maildrop is open. */
  get loggedIn(): boolean {
    return this.#state instanceof Transaction;
  }

  /** True when the next line is the client's part of a SASL exchange, and no command. */
  get awaitsResponse(): boolean {
    return this.#state instanceof Authorization && this.#state.awaitsResponse;
  }

  step(input: Input): Step {
    const step = this.#take(input);
    if (step.mistake !== true || ++this.#mistakes < this.#rules.mistakesMax) return step;
    return { ...step, effect: { kind: "close", reason: "too many errors" } };
  }

  #take(input: Input): Step {
    switch (input.kind) {
      case "line":
        return this.#state.line(input.octets);
      case "overlong":
        return { replies: [err("command too long")], effect: { kind: "close", reason: "command too long" } };
      case "open maildrop":
        return this.#enter(input.outcome, this.#state.result(input));
      default:
        return this.#state.result(input);
    }
  }

  /** An open maildrop ends AUTHORIZATION. */
  #enter(outcome: unknown, step: Step): Step {
    if (outcome instanceof Maildrop && this.#state instanceof Authorization) {
      const login = this.#state.takesPasswords;
      this.#state = new Transaction(outcome, capabilities({ login, stls: false }));
    }
    return step;
  }
}
