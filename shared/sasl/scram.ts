/**
 * SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677): client and server prove to each other that they know the
 * password, or what was made of it, without sending it. PLUS also proves that both are at the ends of the same TLS
 * connection, by tls-exporter data (RFC 9266). Pure.
 *
 * Whoever is not known gets as far as whoever is, at the same cost, and fails at the same point (the proof).
 */

import { equalSecrets } from "../accounts/schemes/constant-time.js";
import { provesPassword, serverSignature } from "../accounts/schemes/scram.js";
import { decodeText } from "../text.js";
import { decodeBase64 } from "./base64.js";
import {
  type Checked,
  FOR_ANOTHER,
  MALFORMED,
  type Mechanism,
  type Outcome,
  type Turn,
  verdictOf,
} from "./mechanism.js";
import { type ClientFirst, parseClientFinal, parseClientFirst } from "./scram-messages.js";

export const SCRAM_SHA_256: Mechanism = {
  name: "SCRAM-SHA-256",
  begin: (channelBinding) => begin((first) => withoutBinding(first, channelBinding)),
};

export const SCRAM_SHA_256_PLUS: Mechanism = {
  name: "SCRAM-SHA-256-PLUS",
  begin: (channelBinding) => begin((first) => withBinding(first, channelBinding)),
};

const NO_OCTETS = Buffer.alloc(0);

/** Says what channel the client must have bound, or why it cannot go on (RFC 5802 §6). */
type Binding = (first: ClientFirst) => Buffer | Outcome;

function withoutBinding({ gs2 }: ClientFirst, offered: Buffer | undefined): Buffer | Outcome {
  if (typeof gs2.channelBinding === "object") return refused("channel binding without PLUS");
  // The client could, and thinks that we cannot: somebody has changed the list that it read.
  if (gs2.channelBinding === "y" && offered !== undefined) return refused("channel binding was hidden");
  return NO_OCTETS;
}

function withBinding({ gs2 }: ClientFirst, offered: Buffer | undefined): Buffer | Outcome {
  const bound = gs2.channelBinding;
  if (typeof bound !== "object") return refused("PLUS without channel binding");
  if (bound.type !== "tls-exporter" || offered === undefined) return refused("unsupported channel binding");
  return offered;
}

function begin(bindingOf: Binding): ReturnType<Mechanism["begin"]> {
  return { kind: "challenge", octets: NO_OCTETS, respond: (response) => clientFirst(response, bindingOf) };
}

function clientFirst(response: Buffer, bindingOf: Binding): Turn {
  const text = decodeText(response);
  const first = text === undefined ? undefined : parseClientFirst(text);
  if (first === undefined) return MALFORMED;
  const { gs2, username } = first;
  if (gs2.authzid !== undefined && gs2.authzid !== username) return FOR_ANOTHER;
  const binding = bindingOf(first);
  if (!Buffer.isBuffer(binding)) return binding;
  return {
    kind: "check",
    check: { kind: "SCRAM keys", username },
    take: (result) => (result.kind === "keys" ? serverFirst(first, binding, result) : result),
  };
}

function serverFirst(first: ClientFirst, binding: Buffer, lookup: Extract<Checked, { kind: "keys" }>): Turn {
  const nonce = first.nonce + lookup.nonce;
  const { salt, iterations } = lookup.keys;
  const message = `r=${nonce},s=${salt.toString("base64")},i=${iterations}`;
  return {
    kind: "challenge",
    octets: Buffer.from(message),
    respond: (response) => clientFinal(response, { first, binding, lookup, nonce, message }),
  };
}

/** What was agreed on by the first two messages. */
interface Agreed {
  readonly first: ClientFirst;
  readonly binding: Buffer;
  readonly lookup: Extract<Checked, { kind: "keys" }>;
  readonly nonce: string;
  /** `server-first-message` */
  readonly message: string;
}

function clientFinal(response: Buffer, { first, binding, lookup, nonce, message }: Agreed): Turn {
  const text = decodeText(response);
  const final = text === undefined ? undefined : parseClientFinal(text);
  const proof = final && decodeBase64(final.proof);
  if (final === undefined || proof === undefined) return MALFORMED;
  // cbind-input = gs2-header [cbind-data]: made anew, and compared as it is written.
  const bound = Buffer.concat([Buffer.from(first.gs2.text), binding]).toString("base64");
  if (!equalSecrets(Buffer.from(final.channelBinding), Buffer.from(bound))) {
    return refused("another channel was bound");
  }
  if (!equalSecrets(Buffer.from(final.nonce), Buffer.from(nonce))) return refused("another nonce");
  const { keys, account } = lookup;
  const signed = Buffer.from(`${first.bare},${message},${final.withoutProof}`);
  const proved = provesPassword(keys, signed, proof);
  return {
    kind: "check",
    check: { kind: "SCRAM proof", username: first.username, account, proved },
    take: (result) => {
      const verdict = verdictOf(result);
      return verdict.kind === "granted" ? serverFinal(serverSignature(keys, signed), verdict) : verdict;
    },
  };
}

/**
 * Protocols without data in a success send it as a challenge, which the client answers with an empty response
 * (RFC 4422 §5, RFC 5034 §4, RFC 4954 §4). It is then that the client has accepted us, and is logged in.
 */
function serverFinal(signature: Buffer, granted: Outcome): Turn {
  return {
    kind: "challenge",
    octets: Buffer.from(`v=${signature.toString("base64")}`),
    respond: ({ length }) => (length === 0 ? granted : MALFORMED),
  };
}

function refused(reason: string): Outcome {
  return { kind: "refused", reason };
}
