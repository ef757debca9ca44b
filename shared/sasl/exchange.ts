/**
 * An exchange as lines carry it, in POP3 and SMTP alike (RFC 5034 §4, RFC 4954 §4): base64 both ways, `*` to cancel, `=` for
 * an initial response of no octets. Pure.
 */
import { decodeBase64 } from "./base64.js";
import type { Challenge, Check, Checked, Mechanism, Outcome, Turn } from "./mechanism.js";

/**
 * A client's line in an exchange: RFC 4954 §4 asks for 12288 octets, and RFC 5034 §4 frees it from the limit of commands. The
 * longest token that is looked at, 16 KiB, and its user fit in.
 */
export const RESPONSE_OCTETS_MAX = 24 * 1024;

export type Progress = LineChallenge | LineAsking | Outcome | { readonly kind: "cancelled" | "not base64" };

export interface LineChallenge {
  readonly kind: "challenge";
  /** Base64. */
  readonly text: string;
  readonly respond: (line: string) => Progress;
}

export interface LineAsking {
  readonly kind: "check";
  readonly check: Check;
  readonly take: (result: Checked) => Progress;
}

/** @param initialResponse as it stands behind the name of the mechanism */
export function beginExchange(
  mechanism: Mechanism,
  initialResponse: string | undefined,
  channelBinding: Buffer | undefined,
): Progress {
  const first = mechanism.begin(channelBinding);
  if (initialResponse === undefined) return inLines(first);
  return respond(first, initialResponse === "=" ? "" : initialResponse);
}

function inLines(turn: Turn): Progress {
  switch (turn.kind) {
    case "challenge":
      return {
        kind: "challenge",
        text: turn.octets.toString("base64"),
        respond: (line) => (line === "*" ? (turn.cancelled ?? { kind: "cancelled" }) : respond(turn, line)),
      };
    case "check":
      return { kind: "check", check: turn.check, take: (result) => inLines(turn.take(result)) };
    default:
      return turn;
  }
}

function respond({ respond }: Challenge, text: string): Progress {
  const octets = decodeBase64(text);
  return octets === undefined ? { kind: "not base64" } : inLines(respond(octets));
}
