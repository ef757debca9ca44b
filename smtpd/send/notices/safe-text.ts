/**
 * What others wrote, made fit for a notice. Pure. Replies of other hosts, ORCPT, ENVID and fields of the returned message
 * are quoted in notices; nothing of that may end a line, forge a field or a boundary, turn the reading direction, or
 * grow without bound.
 */

/** Controls, halves of surrogate pairs and line separators; format characters but the two joiners that scripts need. */
const UNSAFE = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;
const CUT = "...";

/**
 * One line of text for people: each unsafe character is a `?`, each tab a space.
 * @param octetsMax of UTF-8; what is longer is cut, and ends in three dots
 */
export function safeText(text: string, octetsMax: number): string {
  const trimmed = text.replaceAll("\t", " ").trim();
  // What is cut away need not be looked at: a character has an octet at least.
  const safe = trimmed.slice(0, octetsMax + 1).replace(UNSAFE, "?");
  return cut(safe, octetsMax);
}

/** The same in US-ASCII: any other character as RFC 6533 §3 writes it in addresses, `\x{E9}`. */
export function safeAscii(text: string, octetsMax: number): string {
  return cut(escapeNonAscii(safeText(text, octetsMax)), octetsMax);
}

/** `EmbeddedUnicodeChar` for each character that is not US-ASCII. */
export function escapeNonAscii(text: string): string {
  return text.replace(/[^\x00-\x7f]/gu, (character) => embedded(character));
}

/** RFC 6533 §3: `EmbeddedUnicodeChar = %x5C.78 "{" HEXPOINT "}"`. */
export function embedded(character: string): string {
  const digits = (character.codePointAt(0) ?? 0).toString(16).toUpperCase();
  return `\\x{${digits.padStart(2, "0")}}`;
}

function cut(text: string, octetsMax: number): string {
  const octets = Buffer.from(text);
  if (octets.length <= octetsMax) return text;
  let end = octetsMax - CUT.length;
  // Not inside a character: octets 10xxxxxx continue one (RFC 3629 §3).
  while (end > 0 && ((octets[end] ?? 0) & 0xc0) === 0x80) end--;
  return octets.toString("utf8", 0, end) + CUT;
}
