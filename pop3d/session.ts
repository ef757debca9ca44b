/**
 * A POP3 session (RFC 1939): AUTHORIZATION, then TRANSACTION, then UPDATE. Pure: it is fed lines and the results of
 * effects, and answers each with replies and at most one effect. While an effect is under way nothing else may be fed.
 */
import { Authorization, type SessionRules } from "./authorization.js";
import type { Language } from "./language/language.js";
import { LANGUAGES } from "./language/languages.js";
import { Maildrop } from "./maildrop.js";
import { Mistakes } from "./mistakes.js";
import { ask, type Input, type Step, say } from "./protocol.js";
import { err, okData, type Reply } from "./reply.js";
import { TextMode } from "./text-mode.js";
import { Transaction } from "./transaction.js";

export class Session {
  readonly #rules: SessionRules;
  readonly #textMode: TextMode;
  readonly #mistakes: Mistakes;
  #state: Authorization | Transaction;
  /** What is said after a pause. */
  #held: Step | undefined;

  constructor(rules: SessionRules) {
    this.#rules = rules;
    this.#textMode = new TextMode(LANGUAGES[rules.language], rules.nonAsciiHeaders);
    this.#mistakes = new Mistakes(rules.mistakes);
    this.#state = new Authorization(rules, this.#textMode);
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
    if (input.kind === "pause") return this.#resume();
    const step = this.#take(input);
    return step.mistake === true ? this.#mistaken(step) : step;
  }

  /** A mistake has no effect of its own: its reply may have to wait, or be the last. */
  #mistaken(mistake: Step): Step {
    const { delayMs, last } = this.#mistakes.add();
    const step: Step = last ? { ...mistake, effect: { kind: "close", reason: "too many errors" } } : mistake;
    if (delayMs === 0) return step;
    this.#held = step;
    return ask({ kind: "pause", milliseconds: delayMs });
  }

  #resume(): Step {
    const held = this.#held ?? say();
    this.#held = undefined;
    return held;
  }

  #take(input: Exclude<Input, { kind: "pause" }>): Step {
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
      this.#state = new Transaction(outcome, this.#state.capabilities(this.#state.policy), this.#textMode);
    }
    return step;
  }
}
