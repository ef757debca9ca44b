/**
 * AUTH (RFC 4954), in the submission role, before TLS only where the operator allows it. That a failed login waits for its
 * reply is seen to by the dialogue.
 */
import type { Outcome } from "./outcome.js";
import { BAD_ARGUMENT, NOT_IMPLEMENTED, reply } from "./reply.js";
import { type Credentials, decodeBase64, MECHANISMS, type Mechanism } from "./sasl.js";
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

export function auth<D>(session: Session<D>, argument: Buffer): Outcome | Promise<Outcome> {
  if (session.role !== "submission") return NOT_IMPLEMENTED;
  // RFC 4954 §4 refuses AUTH within a mail transaction too; there is none before a login.
  if (session.account !== undefined) return ALREADY;
  if (!session.mayLogIn()) return TLS_FIRST;

  const [name = "", initial, ...others] = argument.toString("latin1").split(" ");
  const mechanism = MECHANISMS.get(name.toUpperCase());
  if (name === "" || others.length > 0) return BAD_ARGUMENT;
  if (mechanism === undefined) return UNKNOWN_MECHANISM;
  if (initial === undefined) return converse(session, mechanism, []);
  // RFC 4954 §4: "=" is an initial response of no octets.
  return respond(session, mechanism, [], initial === "=" ? "" : initial);
}

/** Asks for what is missing, or checks what there is. */
function converse<D>(
  session: Session<D>,
  mechanism: Mechanism,
  responses: readonly Buffer[],
): Outcome | Promise<Outcome> {
  const challenge = mechanism.challenges[responses.length];
  if (challenge === undefined) return logIn(session, mechanism, mechanism.credentials(responses));
  return {
    kind: "challenge",
    text: Buffer.from(challenge).toString("base64"),
    answer: (line) => {
      const text = line.toString("latin1");
      return text === "*" ? CANCELLED : respond(session, mechanism, responses, text);
    },
  };
}

function respond<D>(
  session: Session<D>,
  mechanism: Mechanism,
  responses: readonly Buffer[],
  text: string,
): Outcome | Promise<Outcome> {
  const response = decodeBase64(text);
  return response === undefined ? BAD_BASE64 : converse(session, mechanism, [...responses, response]);
}

async function logIn<D>(
  session: Session<D>,
  mechanism: Mechanism,
  credentials: Credentials | undefined,
): Promise<Outcome> {
  const { log } = session;
  if (credentials === undefined) return LOGIN_FAILED;
  const { username, password } = credentials;
  const who = { username: username.slice(0, USERNAME_CHARACTERS_LOGGED), method: mechanism.name };
  const { guard, receiver } = session.service;
  session.triedUsername = username;
  const verdict = await guard.check({ address: session.remoteAddress, username }, () =>
    receiver.authenticate(session, username, password),
  );
  switch (verdict.kind) {
    case "granted":
      if (!session.loggedIn(verdict.account)) return TOO_MANY_SESSIONS;
      log.info({ ...who, account: verdict.account.address }, "login");
      return LOGGED_IN;
    case "refused":
      log.info(who, "login failed");
      return LOGIN_FAILED;
    case "unavailable":
      log.error({ ...who, err: verdict.cause }, "login cannot be checked");
      return UNAVAILABLE;
  }
}
