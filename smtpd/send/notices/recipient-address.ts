/**
 * Addresses in the fields of a notice: `rfc822;bob@example.org`, `utf-8;…` (RFC 3464 §2.3.1, RFC 6533 §3). Pure.
 */
import { formatMailbox, isAscii, type Mailbox } from "../../../shared/address.js";
import { embedded, safeAscii, safeText } from "./safe-text.js";

/** Where the fields may hold UTF-8 (message/global-delivery-status) and where they may not. */
export type FieldCharset = "us-ascii" | "utf-8";

/** RFC 3461 §4.2: as long as the whole of ORCPT may be. */
const ORIGINAL_OCTETS_MAX = 500;
/** RFC 6533 §3 QCHAR: what need not be escaped. */
const NOT_QCHAR = /[^\x21-\x2a\x2c-\x3c\x3e-\x5b\x5d-\x7e]/gu;
/** `utf-8-addr-xtext` and `utf-8-addr-unitext`, to be told from what is only called `utf-8`. */
const ENCODED =
  /^(?:[\x21-\x2a\x2c-\x3c\x3e-\x5b\x5d-\x7e\u0080-\u{10ffff}]|\\x\{(?:10)?[0-9A-Fa-f]{2,5}\})+$/u;
const ESCAPE = /\\x\{([0-9A-Fa-f]+)\}/g;

/** The value of Final-Recipient: the address of the envelope. */
export function finalRecipient(mailbox: Mailbox, charset: FieldCharset): string {
  const address = formatMailbox(mailbox);
  return isAscii(address) ? `rfc822;${address}` : `utf-8;${utf8Address(address, charset)}`;
}

/** The value of Original-Recipient: ORCPT as it came (RFC 3461 §6.3 (d)), in the form of RFC 6533 §3 that fits the field. */
export function originalRecipient(orcpt: string, charset: FieldCharset): string {
  const { type, address } = splitOrcpt(orcpt);
  if (type.toLowerCase() !== "utf-8") return `${type};${safeAscii(address, ORIGINAL_OCTETS_MAX)}`;
  return `${type};${utf8Address(decodeUtf8Address(address), charset)}`;
}

/** The address within an ORCPT, for people. */
export function originalAddress(orcpt: string): string {
  const { type, address } = splitOrcpt(orcpt);
  return safeText(type.toLowerCase() === "utf-8" ? decodeUtf8Address(address) : address, ORIGINAL_OCTETS_MAX);
}

/** RFC 3464 §2.3.1: `unknown` where the type cannot be told. */
function splitOrcpt(orcpt: string): { readonly type: string; readonly address: string } {
  const semicolon = orcpt.indexOf(";");
  const type = orcpt.slice(0, semicolon);
  if (semicolon > 0 && /^[A-Za-z0-9-]{1,40}$/.test(type))
    return { type, address: orcpt.slice(semicolon + 1) };
  return { type: "unknown", address: orcpt };
}

/** `utf-8-address` where UTF-8 can stand, `utf-8-addr-xtext` where it cannot. */
function utf8Address(address: string, charset: FieldCharset): string {
  const safe = safeText(address, ORIGINAL_OCTETS_MAX);
  return charset === "utf-8" ? safe : safe.replace(NOT_QCHAR, (character) => embedded(character));
}

/** Any form to `utf-8-address`. What has the type but not its syntax stays as it is (RFC 6533 §3). */
function decodeUtf8Address(address: string): string {
  if (!ENCODED.test(address)) return address;
  return address.replace(ESCAPE, (encoded: string, digits: string) => {
    const point = Number.parseInt(digits, 16);
    const isCharacter = point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff);
    return isCharacter ? String.fromCodePoint(point) : encoded;
  });
}
