/**
 * What goes into a session and what comes out: the seam between the pure session and the connection that serves it.
 * Types, and the shortest ways to write them. Pure.
 */
import type { Account } from "../shared/accounts/account.js";
import type { Check, Checked, MechanismName } from "../shared/sasl/mechanism.js";
import type { PlainText, Text } from "./language/texts.js";
import type { Maildrop, Message, NonAsciiHeaders } from "./maildrop.js";
import type { Policy } from "./policy.js";
import { err, type Reply } from "./reply.js";

/** How the client proved who it is; for the log. */
export type LoginMethod = "USER" | MechanismName;

/** What a session wants done that it cannot do by itself. Each but `close` is answered by the result of its kind. */
export type Effect =
  | { readonly kind: "authenticate"; readonly method: LoginMethod; readonly check: Check }
  /** Make a client that failed to log in wait for the reply. */
  | { readonly kind: "delay" }
  /** Make a client that sends nonsense wait for the reply, and for all that it has sent after it. */
  | { readonly kind: "pause"; readonly milliseconds: number }
  | {
      readonly kind: "open maildrop";
      readonly account: Account;
      readonly method: LoginMethod;
      readonly policy: Policy;
      /** Whether the session is in UTF-8 mode, which it never leaves. */
      readonly utf8: boolean;
    }
  /** Send `reply`, then the message; or nothing at all, when it turns out that it cannot be sent. */
  | {
      readonly kind: "send message";
      readonly message: Message;
      readonly reply: Reply;
      /** How many lines of the body; all when undefined. */
      readonly bodyLines: number | undefined;
      readonly nonAsciiHeaders: NonAsciiHeaders;
    }
  /** Make the marks of the maildrop true, and give up its lock. */
  | { readonly kind: "update"; readonly maildrop: Maildrop }
  | { readonly kind: "start TLS" }
  | { readonly kind: "close"; readonly reason: CloseReason };

/** Why the server ends a session, for the log. */
export type CloseReason = "QUIT" | "too many failed logins" | "too many errors" | "command too long";

/** Trouble of ours: it may pass (`temporary`), or somebody has to do something about it (RFC 3206 §4). */
export type Trouble = "temporary" | "permanent";

export type Result =
  | { readonly kind: "authenticate"; readonly checked: Checked }
  | { readonly kind: "delay" }
  | { readonly kind: "pause" }
  | { readonly kind: "open maildrop"; readonly outcome: Maildrop | "in use" | "login delay" | Trouble }
  | { readonly kind: "send message"; readonly outcome: "sent" | "gone" | "needs UTF8" | Trouble }
  | { readonly kind: "update"; readonly outcome: "complete" | "incomplete" }
  /** With the data that SCRAM can bind to, where there are any. */
  | { readonly kind: "start TLS"; readonly channelBinding: Buffer | undefined };

export type EffectOf<K extends Effect["kind"]> = Extract<Effect, { kind: K }>;
export type ResultOf<K extends Result["kind"]> = Extract<Result, { kind: K }>;

export type Input =
  | { readonly kind: "line"; readonly octets: Buffer }
  | { readonly kind: "overlong" }
  | Result;

/** What came of one input: replies in order, then at most one effect. */
export interface Step {
  readonly replies: readonly Reply[];
  readonly effect?: Effect;
  /** A command that was not understood, came at the wrong time, or could not be followed at all: of such there must not be
   * many, and too many are delayed, then end the session (mistakes.ts). */
  readonly mistake?: true;
  /** Why something was refused, where the log should know. */
  readonly refusal?: string;
}

export function say(...replies: Reply[]): Step {
  return { replies };
}

export function mistake(text: Text): Step {
  return { replies: [err(text)], mistake: true };
}

/** What POP3 had once, or some servers have, and clients still try for. Trying is no mistake. */
export function notSupported(): Step {
  return say(err("this command is not supported"));
}

export function refuse(text: Text, refusal: string): Step {
  return { ...mistake(text), refusal };
}

export function ask(effect: Effect): Step {
  return { replies: [], effect };
}

/** The reply to trouble of ours; what it was is for the log alone. */
export function troubleReply(kind: Trouble, trouble: PlainText): Reply {
  return kind === "temporary"
    ? err({ text: "try again later", trouble }, "SYS/TEMP")
    : err({ text: "ask the postmaster", trouble }, "SYS/PERM");
}
