/**
 * The messages of SCRAM (RFC 5802 §7), read as strictly as they are defined: the order of attributes is fixed, and what
 * is unknown is ignored only where extensions may stand. Pure.
 */
import { decodeSaslname, type Gs2Header, parseGs2Header, SASLNAME } from "./gs2.js";

export interface ClientFirst {
  readonly gs2: Gs2Header;
  /** `client-first-message-bare`, as it was sent: both sides sign it. */
  readonly bare: string;
  readonly username: string;
  readonly nonce: string;
}

export interface ClientFinal {
  /** `client-final-message-without-proof`, as it was sent. */
  readonly withoutProof: string;
  /** Base64, as it was sent. */
  readonly channelBinding: string;
  readonly nonce: string;
  /** Base64. */
  readonly proof: string;
}

/** printable: ASCII but the comma. */
const NONCE = "[!-+\\--~]+";
const BASE64 = "[A-Za-z0-9+/]*={0,2}";
// An attribute with a meaning of its own is no extension; `m` asks for one that must be understood, and none is.
const EXTENSIONS = "(?:,(?![amnrcsipve]=)[A-Za-z]=[^,\\0]+)*";

const BARE = new RegExp(`^n=(${SASLNAME}),r=(${NONCE})${EXTENSIONS}$`);
const FINAL = new RegExp(`^(c=(${BASE64}),r=(${NONCE})${EXTENSIONS}),p=(${BASE64})$`);

export function parseClientFirst(message: string): ClientFirst | undefined {
  const gs2 = parseGs2Header(message);
  if (gs2 === undefined) return undefined;
  const bare = message.slice(gs2.text.length);
  const [, username, nonce] = BARE.exec(bare) ?? [];
  if (username === undefined || nonce === undefined) return undefined;
  return { gs2, bare, username: decodeSaslname(username), nonce };
}

export function parseClientFinal(message: string): ClientFinal | undefined {
  const [, withoutProof, channelBinding, nonce, proof] = FINAL.exec(message) ?? [];
  if (withoutProof === undefined || channelBinding === undefined) return undefined;
  if (nonce === undefined || proof === undefined) return undefined;
  return { withoutProof, channelBinding, nonce, proof };
}
