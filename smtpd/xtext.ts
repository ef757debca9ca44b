/**
 * xtext (RFC 3461 §4): how SMTP's parameters hold what they could not hold as it is. Pure. Writing and reading are inverse.
 *
 *   xtext   = *( xchar / hexchar )
 *   xchar   = any of "!" to "~" but "+" and "="
 *   hexchar = "+" and two upper case hexadecimal digits: an octet, of UTF-8 where it is text beyond US-ASCII
 */
import { isUtf8 } from "node:buffer";

const XTEXT = /^(?:[!-*,-<>-~]|\+[0-9A-F]{2})*$/;
const NO_XCHAR = /[^!-*,-<>-~]/g;

/** Writes text as xtext. */
export function formatXtext(text: string): string {
  const octets = Buffer.from(text).toString("latin1");
  return octets.replace(NO_XCHAR, (octet) => `+${hex(octet.charCodeAt(0))}`);
}

/** What xtext stands for; undefined for what is no xtext, or no UTF-8 once decoded. */
export function parseXtext(xtext: string): string | undefined {
  if (!XTEXT.test(xtext)) return undefined;
  const octets = xtext.replace(/\+(..)/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  const decoded = Buffer.from(octets, "latin1");
  return isUtf8(decoded) ? decoded.toString() : undefined;
}

function hex(octet: number): string {
  return octet.toString(16).toUpperCase().padStart(2, "0");
}
