/** Octets that a client sent as text. Pure. */

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** UTF-8, of which US-ASCII is a part (RFC 6856 §2); undefined when it is not. */
export function decodeText(octets: Buffer): string | undefined {
  try {
    return utf8.decode(octets);
  } catch {
    return undefined;
  }
}
