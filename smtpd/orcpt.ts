/**
 * ORCPT (RFC 3461 §4.2, RFC 6533 §3): the recipient as the sender knew it. Pure. Writing and reading are inverse.
 *
 *   original-recipient-address = addr-type ";" xtext
 *   utf-8-type-addr            = "utf-8;" 1*(QUCHAR / EmbeddedUnicodeChar)
 *   QUCHAR                     = any of "!" to "~" but "+", "=" and "\", and whatever is not US-ASCII
 *   EmbeddedUnicodeChar        = "\x{" HEXPOINT "}"
 *
 * Decoded it is `rfc822;bob@example.org` or `utf-8;…`: the type, a semicolon, and the address, which is of that type or
 * else whatever the sender has put there.
 */
import { isAscii } from "../shared/address.js";
import { formatXtext, parseXtext } from "./xtext.js";

/** RFC 3461 §4.2: characters of the parameter, as it is sent. */
const ORCPT_CHARACTERS_MAX = 500;

// `addr-type = atom`, of what may stand in a parameter.
const PARTS = /^([A-Za-z0-9!#$%&'*+\-/?^_`{|}~]+);(.*)$/su;
const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;
/** One character of an address of type utf-8. A HEXPOINT has no leading zeros, and stands for what needs it (RFC 6533 §3). */
const UNITEXT =
  /\\x\{(20|2[Bb]|3[Dd]|5[Cc]|[89A-Fa-f][\dA-Fa-f]|[1-9A-Fa-f][\dA-Fa-f]{2,4}|10[\dA-Fa-f]{4})\}|(\+[\dA-F]{2})|([!-*,-<>-[\]-~\u0080-\u{10ffff}])/uy;
/** What no address shows: it would break the line of a notice, or make it read as another one (shared/address.ts). */
const CONTROL_OR_INVISIBLE = /(?![ \u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Z}]/u;

/**
 * Decodes the value of an ORCPT parameter. Undefined for what the grammar does not allow, and for an address that is
 * not printable.
 * @param smtputf8 whether the transaction may hold what is not US-ASCII
 */
export function parseOrcpt(value: string, { smtputf8 }: { readonly smtputf8: boolean }): string | undefined {
  const [, type, address = ""] = PARTS.exec(value) ?? [];
  if (type === undefined || value.length > ORCPT_CHARACTERS_MAX) return undefined;
  if (!smtputf8 && !isAscii(address)) return undefined;
  const decoded = isUtf8Type(type) ? parseUnitext(address) : parsePrintable(address);
  return decoded === undefined ? undefined : `${type};${decoded}`;
}

/**
 * The value of an ORCPT parameter.
 * @param orcpt decoded
 * @param smtputf8 whether it goes to a host and with a message that may have what is not US-ASCII
 * @returns undefined for what is longer than a parameter may be once it is encoded: it is better left out than cut
 */
export function formatOrcpt(orcpt: string, { smtputf8 }: { readonly smtputf8: boolean }): string | undefined {
  const [, type = "", address = ""] = PARTS.exec(orcpt) ?? [];
  const encoded = isUtf8Type(type) ? formatUnitext(address, smtputf8) : formatXtext(address);
  const value = `${type};${encoded}`;
  return value.length > ORCPT_CHARACTERS_MAX ? undefined : value;
}

function isUtf8Type(type: string): boolean {
  return type.toLowerCase() === "utf-8";
}

function parsePrintable(address: string): string | undefined {
  const text = parseXtext(address);
  return text !== undefined && PRINTABLE_ASCII.test(text) ? text : undefined;
}

/** Takes hexchars of xtext for printable characters too, since not every sender has heard of RFC 6533's own escapes. */
function parseUnitext(address: string): string | undefined {
  let text = "";
  UNITEXT.lastIndex = 0;
  while (UNITEXT.lastIndex < address.length) {
    const [, point, hexchar, character = ""] = UNITEXT.exec(address) ?? [];
    const next =
      point === undefined
        ? parsePrintable(hexchar ?? "") || character
        : String.fromCodePoint(Number.parseInt(point, 16));
    if (next === "") return undefined;
    text += next;
  }
  return text === "" || CONTROL_OR_INVISIBLE.test(text) ? undefined : text;
}

function formatUnitext(address: string, smtputf8: boolean): string {
  const toEscape = smtputf8 ? /[ +=\\]/g : /[ +=\\]|[^\x00-\x7f]/gu;
  return address.replace(toEscape, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\x{${code.toString(16).toUpperCase()}}`;
  });
}
