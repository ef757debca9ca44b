/**
 * What is to be done about a recipient, after what happened (hop.ts). Pure.
 *
 *   stage                      5xx                4xx           failure
 *   connect                                                     next host 4.4.1
 *   greeting, hello            next host 4.x      next host     next host 4.4.2
 *   tls                        next host 4.7.4    next host     next host 4.7.5
 *   login                      next host 4.7.8    next host     next host 4.7.8
 *   prepare                                                     bounce 5.3.4, 5.6.7; defer 4.3.0
 *   mail, data                 bounce 5.x         next host     next host 4.4.2
 *   rcpt                       bounce 5.x         defer 4.x     next host 4.4.2
 *   message                    bounce 5.x         next host     next host 4.4.2
 *   end                        bounce 5.x, or delivered at 2xx  defer 4.4.2
 *                                                 defer 4.x
 *
 * - Temporary unless plainly permanent. What a host says before MAIL is about itself or about us, not about the
 *   message: another may say otherwise, and later so may it. 552 to RCPT is 452 (RFC 5321 §4.5.3.1.10).
 * - 421 at any stage is about the host (§3.8), and another one is asked. At the end it has refused the message in time.
 * - RFC 5321 §5.1 has the hosts tried until an attempt succeeds. A temporary refusal of the transaction (MAIL, DATA) is
 *   most often the host's own trouble, a full disk or load, and the next one is asked. A temporary refusal of a
 *   recipient or of a message that was read to its end is a judgement, of which other hosts of the destination have a
 *   copy (greylisting, a full mailbox): asking them all would spoil the delay that was meant.
 * - When the connection fails between the end of the message and its reply, the host may have it. The next host would
 *   have it for certain, so there the recipient waits: a second copy in some minutes at the earliest, and perhaps none.
 * - The class of the status is that of what is done, whatever the reply had; its subject and detail are the reply's.
 */
import type { RemoteReply } from "../queue/envelope.js";
import type { Failure, Happening, Stage } from "./hop.js";

export interface Disposition {
  /** `next host`: another host of the destination may know better; without one, it is deferred. */
  readonly kind: "delivered" | "next host" | "defer" | "bounce";
  /** RFC 3463, `4.4.1`. */
  readonly status: string;
  /** What happened, in our words. */
  readonly text: string;
}

/** Never `delivered` but for a 2xx after the end of the message. */
export function dispositionOf(happening: Happening): Disposition {
  return happening.kind === "reply" ? ofReply(happening.stage, happening.reply) : ofFailure(happening);
}

/** What the host did, at each stage. */
const ANSWERED: Readonly<Record<Stage, string>> = {
  prepare: "the host refused the message",
  connect: "the host refused the connection",
  greeting: "the host refused the session",
  hello: "the host refused the session",
  tls: "the host refused to speak TLS, which is demanded",
  login: "the host refused our login",
  mail: "the host refused the reverse-path",
  rcpt: "the host refused the recipient",
  data: "the host refused the message",
  message: "the host refused the message",
  end: "the host refused the message",
};

/** Where a reply is about the host or about us. */
const BEFORE_MAIL: readonly Stage[] = ["prepare", "connect", "greeting", "hello", "tls", "login"];

function ofReply(stage: Stage, reply: RemoteReply): Disposition {
  const { code } = reply;
  if (stage === "end" && code >= 200 && code < 300) {
    return { kind: "delivered", status: statusOf(2, reply), text: "the host took the message" };
  }
  const text = ANSWERED[stage];
  // It is none of the replies that there are at this stage (RFC 5321 §4.3.2).
  if (code < 400)
    return { kind: retry(stage), status: "4.5.0", text: "the host gave a reply that does not fit" };
  if (code === 421) return { kind: "next host", status: statusOf(4, reply, "4.3.2"), text };
  if (stage === "tls") return { kind: "next host", status: "4.7.4", text };
  if (stage === "login") return { kind: "next host", status: "4.7.8", text };
  if (BEFORE_MAIL.includes(stage)) return { kind: "next host", status: statusOf(4, reply), text };
  if (stage === "rcpt" && code === 552) return { kind: "defer", status: statusOf(4, reply, "4.5.3"), text };
  if (code >= 500) return { kind: "bounce", status: statusOf(5, reply), text };
  return {
    kind: stage === "rcpt" || stage === "end" ? "defer" : "next host",
    status: statusOf(4, reply),
    text,
  };
}

/** Subject and detail as the host has them, the class as we have it (RFC 3463 §2). */
function statusOf(digit: 2 | 4 | 5, { status }: RemoteReply, without = `${digit}.0.0`): string {
  return status === undefined ? without : `${digit}${status.slice(1)}`;
}

/** Once the end of the message was sent, the host may have it. */
function retry(stage: Stage): "defer" | "next host" {
  return stage === "end" ? "defer" : "next host";
}

function ofFailure({ stage, failure }: { readonly stage: Stage; readonly failure: Failure }): Disposition {
  switch (failure) {
    case "too big":
      return { kind: "bounce", status: "5.3.4", text: "the message is bigger than the host takes" };
    case "needs SMTPUTF8":
      return {
        kind: "bounce",
        status: "5.6.7",
        text: "the host does not offer SMTPUTF8, which the message needs",
      };
    case "unreadable":
      return { kind: "defer", status: "4.3.0", text: "the message could not be read" };
    case "stopping":
      return { kind: "defer", status: "4.3.2", text: "the server was shut down meanwhile" };
    case "unknown":
      return { kind: "defer", status: "4.3.0", text: "local trouble" };
    case "unreachable":
      return { kind: retry(stage), status: "4.4.1", text: "the host could not be reached" };
    case "tls":
      return { kind: "next host", status: "4.7.5", text: "there is no TLS with the host, which is demanded" };
    case "login":
      return { kind: "next host", status: "4.7.8", text: "we could not log in to the host" };
    case "protocol":
      return { kind: retry(stage), status: "4.5.0", text: `the host did not speak SMTP ${WHEN[stage]}` };
    case "closed":
      return { kind: retry(stage), status: "4.4.2", text: `the connection was lost ${WHEN[stage]}` };
    case "timeout":
      if (stage === "connect") return { kind: "next host", status: "4.4.1", text: "the host did not answer" };
      return { kind: retry(stage), status: "4.4.2", text: `the host took too long ${WHEN[stage]}` };
  }
}

const WHEN: Readonly<Record<Stage, string>> = {
  prepare: "before the message",
  connect: "while connecting",
  greeting: "before its greeting",
  hello: "after our greeting",
  tls: "while TLS was begun",
  login: "while we logged in",
  mail: "after the reverse-path was sent",
  rcpt: "after the recipients were sent",
  data: "before the message",
  message: "while the message was sent",
  end: "after the message was sent",
};
