/** The commands that are answered in a line: RSET NOOP QUIT VRFY EXPN HELP STARTTLS, and those of web browsers. */
import type { Outcome } from "./outcome.js";
import {
  BAD_ARGUMENT,
  BAD_SEQUENCE,
  GOODBYE,
  NOT_IMPLEMENTED,
  NOT_SMTP,
  OK,
  READY_FOR_TLS,
  reply,
} from "./reply.js";
import type { Session } from "./session.js";

/** RFC 5321 §3.5.3: neither yes nor no, which is all that a stranger needs to know. */
const CANNOT_SAY = reply(252, "0.0", "send it some mail and see");
const HELP = reply(214, "0.0", "this is SMTP, see RFC 5321");

export function rset<D>(session: Session<D>): Outcome {
  session.transaction = undefined;
  return OK;
}

export function noop(): Outcome {
  return OK;
}

export function quit(): Outcome {
  return { kind: "close", reply: GOODBYE, reason: "quit" };
}

export function vrfy<D>(_session: Session<D>, argument: Buffer): Outcome {
  return argument.length > 0 ? CANNOT_SAY : BAD_ARGUMENT;
}

export function help(): Outcome {
  return HELP;
}

export function notImplemented(): Outcome {
  return NOT_IMPLEMENTED;
}

/** RFC 3207 §4. Without a certificate it is as if we had never heard of it. */
export function starttls<D>(session: Session<D>, argument: Buffer): Outcome {
  if (session.tls !== undefined) return BAD_SEQUENCE;
  if (!session.canStartTls()) return NOT_IMPLEMENTED;
  return argument.length > 0 ? BAD_ARGUMENT : { kind: "starttls", reply: READY_FOR_TLS };
}

/** A web page can make a browser send an HTTP request here with commands in its body: not one of them is run. */
export function notSmtp(): Outcome {
  return { kind: "close", reply: NOT_SMTP, reason: "spoke HTTP" };
}
