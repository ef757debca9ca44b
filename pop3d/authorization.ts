/**
 * The AUTHORIZATION state (RFC 1939 §4): a table of commands, and the way from a login to an open maildrop. Pure.
 *
 * A login, by whatever mechanism, is taken only where the listener's rules allow passwords before TLS, and refused at USER
 * already, so that nothing is sent (RFC 2595 §2.3). SCRAM is no exception: it sends no password, but in the clear
 * whoever listens can guess at it in peace, and read the mail that follows. A refused login says the same whoever it was
 * for.
 */
import type { Account } from "../shared/accounts/account.js";
import {
  beginExchange,
  type LineAsking,
  type LineChallenge,
  type Progress,
} from "../shared/sasl/exchange.js";
import { type Mechanism, verdictOf } from "../shared/sasl/mechanism.js";
import { type LoginOffer, offeredMechanisms } from "../shared/sasl/mechanisms.js";
import { capabilities } from "./capabilities.js";
import { anything, type Command, command, dispatch, nothing, wholeText, word, words } from "./command.js";
import type { LanguageTag } from "./language/language.js";
import { Maildrop } from "./maildrop.js";
import type { MistakeRules } from "./mistakes.js";
import { type Policy, policyOf, type SitePolicy } from "./policy.js";
import {
  ask,
  type LoginMethod,
  mistake,
  notSupported,
  type Result,
  type ResultOf,
  refuse,
  type Step,
  say,
  troubleReply,
} from "./protocol.js";
import { challenge, err, ok } from "./reply.js";
import { TEXT_COMMANDS } from "./text-commands.js";
import type { TextMode } from "./text-mode.js";

/** What holds for a session from its start, and never changes but by STLS. */
export interface SessionRules {
  /** Named in the greeting. */
  readonly hostname: string;
  /** Whether TLS was there from the first octet, ours or that of a proxy in front of us. */
  readonly tls: boolean;
  /** Whether the listener offers STLS and has a certificate for it. */
  readonly stls: boolean;
  /** Whether this client may send a password before TLS. */
  readonly plaintextAuth: boolean;
  /** What SASL mechanisms there are besides those that bring a password. */
  readonly offer: LoginOffer;
  /** Failed logins after which the session is closed. */
  readonly loginFailuresMax: number;
  readonly mistakes: MistakeRules;
  /** What the administrator would have replies in. */
  readonly language: LanguageTag;
  /** What CAPA says of the site, and what it calls itself. */
  readonly site: SitePolicy;
  readonly implementation: string;
  /** What is sent, before UTF8, of messages whose headers are not ASCII. */
  readonly nonAsciiHeaders: "surrogate" | "refuse";
}

export class Authorization {
  readonly rules: SessionRules;
  readonly textMode: TextMode;
  tls: boolean;
  /** The name that USER gave. */
  username: string | undefined;
  method: LoginMethod = "USER";
  /** What takes the client's response, and what the result of a check; nothing else is left of an exchange. */
  challenge: LineChallenge | undefined;
  asking: LineAsking | undefined;
  failures = 0;
  /** What holds for the account whose credentials were good. */
  policy: Policy | undefined;
  #channelBinding: Buffer | undefined;

  constructor(rules: SessionRules, textMode: TextMode) {
    this.rules = rules;
    this.textMode = textMode;
    this.tls = rules.tls;
  }

  /** Whether a password is taken now. */
  get takesPasswords(): boolean {
    return this.tls || this.rules.plaintextAuth;
  }

  /** The SASL mechanisms that would be offered under the TLS of now. */
  get mechanisms(): readonly Mechanism[] {
    return offeredMechanisms(this.rules.offer, this.#channelBinding);
  }

  /** True when the next line is no command. */
  get awaitsResponse(): boolean {
    return this.challenge !== undefined;
  }

  /** RFC 6856 §2.1: not after UTF8. */
  get offersStls(): boolean {
    return this.rules.stls && !this.tls && !this.textMode.utf8;
  }

  /** What CAPA lists; with the account's own values once it has logged in. */
  capabilities(own: Policy | undefined): string[] {
    const { site, implementation } = this.rules;
    const stls = own === undefined && this.offersStls;
    const mechanisms = this.takesPasswords ? namesOf(this.mechanisms) : [];
    return capabilities({ mechanisms, stls, site, own, implementation });
  }

  begin(mechanism: Mechanism, initialResponse: string | undefined): Progress {
    return beginExchange(mechanism, initialResponse, this.#channelBinding);
  }

  line(octets: Buffer): Step {
    const { challenge } = this;
    if (challenge === undefined) return dispatch(COMMANDS, this, octets);
    this.challenge = undefined;
    return follow(this, challenge.respond(octets.toString("latin1")));
  }

  result(result: Result): Step {
    switch (result.kind) {
      case "authenticate": {
        const { asking } = this;
        this.asking = undefined;
        if (asking !== undefined) return follow(this, asking.take(result.checked));
        break;
      }
      case "delay":
        return loginFailed(this);
      case "open maildrop":
        return maildropOpened(this, result.outcome);
      case "start TLS":
        this.tls = true;
        this.textMode.reset();
        this.#channelBinding = result.channelBinding;
        return say();
    }
    throw new Error(`${result.kind} has no place in AUTHORIZATION`);
  }
}

const COMMANDS: readonly Command<Authorization>[] = [
  command("USER", word, user),
  command("PASS", wholeText, pass),
  // Outlook asks with a space at the end.
  command("AUTH", (argument) => words(argument || undefined, 0, 2), auth),
  command("STLS", nothing, stls),
  command("CAPA", nothing, capa),
  command("QUIT", nothing, quit),
  ...TEXT_COMMANDS,
  // RFC 1460 removed RPOP; APOP needs passwords in the clear on our side (RFC 1939 §13).
  ...["RPOP", "APOP"].map((verb) => command(verb, anything, notSupported)),
];

function user(session: Authorization, name: string): Step {
  if (!session.takesPasswords) return tlsFirst(session);
  session.username = name;
  return say(ok("password please"));
}

function pass(session: Authorization, password: string): Step {
  const username = session.username;
  session.username = undefined;
  if (!session.takesPasswords) return tlsFirst(session);
  if (username === undefined) return mistake("USER first");
  session.method = "USER";
  return follow(session, { kind: "check", check: { kind: "password", username, password }, take: verdictOf });
}

/** RFC 5034 §4: AUTH [mechanism [initial-response]]. Without a mechanism it lists them, as many clients expect. */
function auth(session: Authorization, [name, initialResponse]: readonly string[]): Step {
  session.username = undefined;
  const { takesPasswords, mechanisms } = session;
  if (name === undefined) {
    return say(ok("mechanisms follow", takesPasswords ? namesOf(mechanisms) : []));
  }
  const mechanism = mechanisms.find((one) => one.name === name.toUpperCase());
  if (mechanism === undefined) return mistake("unknown mechanism");
  if (!takesPasswords) return tlsFirst(session);
  session.method = mechanism.name;
  return follow(session, session.begin(mechanism, initialResponse));
}

/** Goes on with a login. */
function follow(session: Authorization, progress: Progress): Step {
  switch (progress.kind) {
    case "challenge":
      session.challenge = progress;
      return say(challenge(progress.text));
    case "check":
      session.asking = progress;
      return ask({ kind: "authenticate", method: session.method, check: progress.check });
    case "granted":
      return openMaildrop(session, progress.account);
    case "refused":
      return failLogin(progress.reason ?? "wrong user name or password");
    case "unavailable":
      // The fault is ours. But it is logged each time, and whoever keeps asking must not fill the log.
      return { ...say(troubleReply("temporary", "logins cannot be checked now")), mistake: true };
    case "cancelled":
      // RFC 5034 §4: a line with a single asterisk cancels the exchange, and is answered with -ERR.
      return mistake("authentication cancelled");
    case "malformed":
      return mistake("response not understood");
    case "not base64":
      return mistake("response is not base64");
  }
}

function failLogin(refusal: string): Step {
  return { replies: [], effect: { kind: "delay" }, refusal };
}

function loginFailed(session: Authorization): Step {
  session.failures++;
  const reply = err("wrong user name or password", "AUTH");
  if (session.failures < session.rules.loginFailuresMax) return say(reply);
  return { replies: [reply], effect: { kind: "close", reason: "too many failed logins" } };
}

function openMaildrop(session: Authorization, account: Account): Step {
  const policy = policyOf(account.extra, session.rules.site.default);
  session.policy = policy;
  const { utf8 } = session.textMode;
  return ask({ kind: "open maildrop", account, method: session.method, policy, utf8 });
}

function maildropOpened({ textMode }: Authorization, outcome: ResultOf<"open maildrop">["outcome"]): Step {
  if (outcome instanceof Maildrop) {
    const [count, octets] = [outcome.count, outcome.octets(textMode.nonAsciiHeaders)];
    return say(ok({ text: "maildrop has", count, octets }));
  }
  if (outcome === "in use") return say(err("another session has this maildrop open", "IN-USE"));
  // RFC 2449 §8.1.1: after good credentials, since it tells that there is such a user.
  if (outcome === "login delay") return say(err("the last login was too short a time ago", "LOGIN-DELAY"));
  return say(troubleReply(outcome, "maildrop cannot be opened"));
}

/** RFC 2595 §4. What was said before TLS is forgotten: it may not have been the client who said it. */
function stls(session: Authorization): Step {
  if (session.tls) return mistake("TLS is active");
  if (session.textMode.utf8) return mistake("STLS comes before UTF8");
  if (!session.offersStls) return mistake("TLS is not available");
  session.username = undefined;
  return { replies: [ok("begin TLS")], effect: { kind: "start TLS" } };
}

function capa(session: Authorization): Step {
  return say(ok("capabilities follow", session.capabilities(undefined)));
}

function namesOf(mechanisms: readonly Mechanism[]): string[] {
  return mechanisms.map(({ name }) => name);
}

function quit(): Step {
  return { replies: [ok("goodbye")], effect: { kind: "close", reason: "QUIT" } };
}

function tlsFirst({ offersStls }: Authorization): Step {
  const text = offersStls ? "no passwords before TLS, use STLS" : "no passwords without TLS";
  return refuse(text, "password before TLS");
}
