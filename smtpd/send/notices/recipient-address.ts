/**
 * Addresses in the fields of a notice: `rfc822;bob@example.org`, `utf-8;…` (RFC 3464 §2.3.1, RFC 6533 §3). Pure.
 */
import { formatMailbox, isAscii, type Mailbox } from "../../../shared/address.js";
import { embedded, safeAscii, safeText } from "./safe-text.js";

/** Where the fields may hold UTF-8 (message/global-delivery-status) and where they may not. */
export type FieldCharset = "us-ascii" | "utf-8";

/** More than ORCPT can hold (RFC 3461 §4.2), and no more than fits on a line. */
const ORIGINAL_OCTETS_MAX = 900;
/** RFC 6533 §3 QCHAR: what need not be escaped. */
const NOT_QCHAR = /[^\x21-\x2a\x2c-\x3c\x3e-\x5b\x5d-\x7e]/gu;

/** The value of Final-Recipient: the address of the envelope. */
export function finalRecipient(mailbox: Mailbox, charset: FieldCharset): string {
  const address = formatMailbox(mailbox);
  return isAscii(address) ? `rfc822;${address}` : `utf-8;${utf8Address(address, charset)}`;
}

/**
 * The value of Original-Recipient: ORCPT, decoded from the form it came in (RFC 3461 §6.3 (d)), in the form of RFC 6533 §3
 * that fits the field.
 */
export function originalRecipient(orcpt: string, charset: FieldCharset): string {
  const { type, address } = splitOrcpt(orcpt);
  if (type.toLowerCase() !== "utf-8") return `${type};${safeAscii(address, ORIGINAL_OCTETS_MAX)}`;
  return `${type};${utf8Address(address, charset)}`;
}

/** The address within an ORCPT, for people. */
export function originalAddress(orcpt: string): string {
  return safeText(splitOrcpt(orcpt).address, ORIGINAL_OCTETS_MAX);
}

/** RFC 3464 §2.3.1: `unknown` where the type cannot be told. */
function splitOrcpt(orcpt: string): { readonly type: string; readonly address: string } {
  const [, type, address] = /^([!#-'*+\-/0-9=?A-Z^-~]{1,60});(.*)$/s.exec(orcpt) ?? [];
  return type === undefined || address === undefined
    ? { type: "unknown", address: orcpt }
    : { type, address };
}

/** `utf-8-address` where UTF-8 can stand, `utf-8-addr-xtext` where it cannot. */
function utf8Address(address: string, charset: FieldCharset): string {
  const safe = safeText(address, ORIGINAL_OCTETS_MAX);
  return charset === "utf-8" ? safe : safe.replace(NOT_QCHAR, (character) => embedded(character));
}
