/**
 * OAUTHBEARER (RFC 7628) and XOAUTH2, which Google and Microsoft used before there was an RFC: a token that somebody else
 * has issued, and checks. Pure.
 *
 * A refusal is told in JSON by a challenge, whose response says nothing and is not looked at (RFC 7628 §3.2.3); only
 * then does the exchange fail. The host and port that a client may name are not compared: behind a proxy, or under one
 * of several names, they need not be what we know ourselves by, and the token says whom it is for.
 */
import { decodeText } from "../text.js";
import { parseGs2Header } from "./gs2.js";
import { MALFORMED, type Mechanism, type Turn, verdictOf } from "./mechanism.js";

export const OAUTHBEARER: Mechanism = {
  name: "OAUTHBEARER",
  begin: () => ({ kind: "challenge", octets: Buffer.alloc(0), respond: bearerResponse }),
};

export const XOAUTH2: Mechanism = {
  name: "XOAUTH2",
  begin: () => ({ kind: "challenge", octets: Buffer.alloc(0), respond: xoauth2Response }),
};

const SEPARATOR = "\x01";
// RFC 7628 §3.1: key = 1*ALPHA, value = *(VCHAR / SP / HTAB / CR / LF). User names of XOAUTH2 may be UTF-8.
const PAIR = /^([A-Za-z]+)=([^\0-\x08\x0b\x0c\x0e-\x1f\x7f]*)$/;
// RFC 6750 §2.1: credentials = "Bearer" 1*SP b64token; the name of a scheme has no case.
const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i;

/** What each says of a token that is not accepted: RFC 7628 §3.2.2, and Google's of XOAUTH2. */
const BEARER_REFUSAL = { status: "invalid_token", schemes: "bearer" };
const XOAUTH2_REFUSAL = { status: "401", schemes: "bearer" };

/** `client-resp = gs2-header kvsep *kvpair kvsep` */
function bearerResponse(response: Buffer): Turn {
  const text = decodeText(response) ?? "";
  const gs2 = parseGs2Header(text);
  if (gs2 === undefined || typeof gs2.channelBinding === "object") return MALFORMED;
  const rest = text.slice(gs2.text.length);
  const pairs = rest.startsWith(SEPARATOR) ? parsePairs(rest.slice(1)) : undefined;
  const auth = pairs?.get("auth");
  return auth === undefined ? MALFORMED : checkToken(gs2.authzid, auth, BEARER_REFUSAL);
}

/** `"user=" name kvsep "auth=Bearer " token kvsep kvsep` */
function xoauth2Response(response: Buffer): Turn {
  const pairs = parsePairs(decodeText(response) ?? "");
  const [user, auth] = [pairs?.get("user"), pairs?.get("auth")];
  return !user || auth === undefined ? MALFORMED : checkToken(user, auth, XOAUTH2_REFUSAL);
}

/** Pairs, each with its separator, and one separator more. Undefined for anything else, and when a key comes twice. */
function parsePairs(text: string): ReadonlyMap<string, string> | undefined {
  if (!text.endsWith(SEPARATOR)) return undefined;
  const pairs = new Map<string, string>();
  const parts = text.slice(0, -1).split(SEPARATOR);
  if (parts.pop() !== "") return undefined;
  for (const part of parts) {
    const [, key, value] = PAIR.exec(part) ?? [];
    if (key === undefined || value === undefined || pairs.has(key)) return undefined;
    pairs.set(key, value);
  }
  return pairs;
}

/** Anything but a bearer token is refused like a wrong one: an empty `auth` asks what would be accepted (RFC 7628 §4.3). */
function checkToken(username: string | undefined, auth: string, refusal: object): Turn {
  const [, token] = BEARER.exec(auth) ?? [];
  if (token === undefined) return refuse(refusal);
  return {
    kind: "check",
    check: { kind: "token", username, token },
    take: (result) => {
      const verdict = verdictOf(result);
      return verdict.kind === "refused" ? refuse(refusal) : verdict;
    },
  };
}

function refuse(refusal: object): Turn {
  const refused = { kind: "refused", reason: "token not accepted" } as const;
  const octets = Buffer.from(JSON.stringify(refusal));
  return { kind: "challenge", octets, respond: () => refused, cancelled: refused };
}
