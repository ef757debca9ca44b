/** HELO and EHLO (RFC 5321 §4.1.1.1), and what we announce. Their replies carry no enhanced codes (RFC 2034 §3). */

import type { Outcome } from "./outcome.js";
import { reply } from "./reply.js";
import type { Session } from "./session.js";

/** A name of RFC 5321's 255 octets, or an address literal. What clients really send there is anything printable. */
const HELO_NAME = /^[!-~]{1,255}$/;

const BAD_NAME = reply(501, undefined, "a host name or an address literal is wanted");

export function ehlo<D>(session: Session<D>, argument: Buffer): Outcome {
  const name = argument.toString("latin1");
  if (!HELO_NAME.test(name)) return BAD_NAME;
  session.greeted(name, true);
  return { kind: "lines", reply: reply(250, undefined, session.service.hostname), more: extensions(session) };
}

/** RFC 2033 §4.1: EHLO of LMTP. */
export const lhlo = ehlo;

export function helo<D>(session: Session<D>, argument: Buffer): Outcome {
  const name = argument.toString("latin1");
  if (!HELO_NAME.test(name)) return BAD_NAME;
  session.greeted(name, false);
  return reply(250, undefined, session.service.hostname);
}

function extensions<D>(session: Session<D>): string[] {
  const offered = [
    "PIPELINING",
    `SIZE ${session.service.limits.message_size}`,
    "8BITMIME",
    "SMTPUTF8",
    "ENHANCEDSTATUSCODES",
    "CHUNKING",
    "DSN",
  ];
  if (session.canStartTls()) offered.push("STARTTLS");
  if (session.mayLogIn() && session.account === undefined) {
    offered.push(["AUTH", ...session.mechanisms().map(({ name }) => name)].join(" "));
  }
  return offered;
}
