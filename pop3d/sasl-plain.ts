/** SASL PLAIN (RFC 4616) as POP3 carries it (RFC 5034 §4): strict base64. Pure. */
import { decodeText } from "./text.js";

export interface PlainCredentials {
  readonly authorizationIdentity: string;
  readonly authenticationIdentity: string;
  readonly password: string;
}

const NUL = "\0";

/**
 * `message = [authzid] UTF8NUL authcid UTF8NUL passwd`, in base64. Undefined for anything else.
 * @param response what the client sent; `=` stands for an empty initial response, which PLAIN does not have
 */
export function parsePlain(response: string): PlainCredentials | undefined {
  const [authorizationIdentity, authenticationIdentity, password, more] =
    decodeBase64(response)?.split(NUL) ?? [];
  if (authorizationIdentity === undefined || password === undefined || more !== undefined) return undefined;
  if (authenticationIdentity === undefined || authenticationIdentity === "" || password === "") {
    return undefined;
  }
  return { authorizationIdentity, authenticationIdentity, password };
}

/** RFC 4648 §4 as it is written: nothing outside the alphabet, padded, no stray bits. Then UTF-8, as strictly. */
function decodeBase64(text: string): string | undefined {
  const octets = Buffer.from(text, "base64");
  return octets.toString("base64") === text ? decodeText(octets) : undefined;
}
