/**
 * AUTH (RFC 4954), in the submission role, before TLS only where the operator allows it. What a mechanism says is its own
 * affair (shared/sasl/). That a failed login waits for its reply is seen to by the dialogue.
 */
import { isGuess } from "../../shared/sasl/check.js";
import { beginExchange, type LineAsking, type Progress } from "../../shared/sasl/exchange.js";
import type { MechanismName } from "../../shared/sasl/mechanism.js";
import type { Outcome } from "./outcome.js";
import { BAD_ARGUMENT, NOT_IMPLEMENTED, reply } from "./reply.js";
import type { Session } from "./session.js";

export const LOGIN_FAILED = reply(535, "7.8", "authentication failed");
const LOGGED_IN = reply(235, "7.0", "authentication succeeded");
const CANCELLED = reply(501, "7.0", "authentication cancelled");
const BAD_BASE64 = reply(501, "5.2", "that is not base64");
const ALREADY = reply(503, "5.1", "already authenticated");
const UNKNOWN_MECHANISM = reply(504, "5.4", "unknown authentication mechanism");
const TLS_FIRST = reply(538, "7.11", "encryption required for authentication");
const UNAVAILABLE = reply(454, "7.0", "authentication is not available now, try again later");

/** 421, not 454: who is not let in has no use for this connection, and it makes room. */
const TOO_MANY_SESSIONS = reply(421, "7.0", "too many connections of this account, try again later");

const USERNAME_CHARACTERS_LOGGED = 256;

/** A login under way. */
interface Login<D> {
  readonly session: Session<D>;
  /** For the log. */
  readonly who: { readonly username?: string | undefined; readonly method: MechanismName };
}

export function auth<D>(session: Session<D>, argument: Buffer): Outcome | Promise<Outcome> {
  if (session.role !== "submission") return NOT_IMPLEMENTED;
  // RFC 4954 §4 refuses AUTH within a mail transaction too; there is none before a login.
  if (session.account !== undefined) return ALREADY;
  if (!session.mayLogIn()) return TLS_FIRST;

  const [name = "", initial, ...others] = argument.toString("latin1").split(" ");
  const mechanism = session.mechanisms().find((one) => one.name === name.toUpperCase());
  if (name === "" || others.length > 0) return BAD_ARGUMENT;
  if (mechanism === undefined) return UNKNOWN_MECHANISM;
  session.triedUsername = undefined;
  const begun = beginExchange(mechanism, initial, session.tls?.channelBinding);
  return follow({ session, who: { method: mechanism.name } }, begun);
}

/** Goes on with an exchange. */
function follow<D>(login: Login<D>, progress: Progress): Outcome | Promise<Outcome> {
  const { session, who } = login;
  switch (progress.kind) {
    case "challenge":
      return {
        kind: "challenge",
        text: progress.text,
        answer: (line) => follow(login, progress.respond(line.toString("latin1"))),
      };
    case "check":
      return check(login, progress);
    case "granted":
      if (!session.loggedIn(progress.account)) return TOO_MANY_SESSIONS;
      session.log.info({ ...who, account: progress.account.address }, "login");
      return LOGGED_IN;
    case "refused":
      session.log.info({ ...who, reason: progress.reason }, "login failed");
      return LOGIN_FAILED;
    case "malformed":
      return LOGIN_FAILED;
    case "unavailable":
      session.log.error({ ...who, err: progress.cause }, "login cannot be checked");
      return UNAVAILABLE;
    case "cancelled":
      return CANCELLED;
    case "not base64":
      return BAD_BASE64;
  }
}

async function check<D>({ session, who }: Login<D>, { check, take }: LineAsking): Promise<Outcome> {
  const { guard, receiver } = session.service;
  session.triedUsername = check.username;
  const attempt = { address: session.remoteAddress, username: check.username };
  const perform = () => receiver.authenticate(session, check);
  const checked = await (isGuess(check) ? guard.check(attempt, perform) : perform());
  const username = check.username?.slice(0, USERNAME_CHARACTERS_LOGGED);
  return follow({ session, who: { ...who, username } }, take(checked));
}
