/** base64 as SASL exchanges carry it, read in its one form (RFC 4648 §4, RFC 4422 §3.7). Pure. */

/** Undefined for what has anything outside the alphabet, is not padded, or has bits set that belong to no octet. */
export function decodeBase64(text: string): Buffer | undefined {
  const octets = Buffer.from(text, "base64");
  return octets.toString("base64") === text ? octets : undefined;
}
