/** SASL PLAIN (RFC 4616). Pure. */
import { decodeText } from "../text.js";
import { FOR_ANOTHER, MALFORMED, type Mechanism, type Turn, verdictOf } from "./mechanism.js";

const NUL = "\0";

export const PLAIN: Mechanism = {
  name: "PLAIN",
  begin: () => ({ kind: "challenge", octets: Buffer.alloc(0), respond }),
};

/** `message = [authzid] UTF8NUL authcid UTF8NUL passwd` */
function respond(message: Buffer): Turn {
  const [authzid, username, password, ...more] = decodeText(message)?.split(NUL) ?? [];
  if (!username || !password || more.length > 0) return MALFORMED;
  if (authzid !== "" && authzid !== username) return FOR_ANOTHER;
  return { kind: "check", check: { kind: "password", username, password }, take: verdictOf };
}
