/**
 * Mailbox addresses: reading, writing, comparing. Pure.
 *
 * A mailbox is held in one form only, so that comparing is comparing strings: the local-part without its
 * quotes and in NFC, the domain in lower case with A-labels (RFC 6531 §3.7.1 leaves either; DNS and the
 * accounts file want this one), or an address literal in lower case.
 *
 * Stricter than the ABNF where leniency serves nobody but a swindler: no empty local-part (`""@x`), no invisible
 * characters, no bare IPv4 address as a domain.
 */
import { isIPv4, isIPv6 } from "node:net";
import { domainToASCII } from "node:url";

export interface Mailbox {
  /** What the quoted or unquoted local-part stands for: `"a b"@x` and its meaning `a b`. */
  readonly localPart: string;
  /** `example.org`, `xn--…`, or an address literal with its brackets. */
  readonly domain: string;
}

// RFC 5321 §4.5.3.1: limits in octets, of which more is better. Of a local-part it asks for 64; senders that write the
// recipient into their reverse-path (VERP, SRS) exceed that every day. This much fits the name of a directory.
const LOCAL_PART_OCTETS_MAX = 255;
const DOMAIN_OCTETS_MAX = 255;
const LABEL_OCTETS_MAX = 63;

// RFC 5322 §3.2.3 atext, with RFC 6531 §3.3 UTF8-non-ascii.
const ATOM = /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\u0080-\u{10ffff}]+$/u;
// RFC 5321 §4.1.2 qtextSMTP and quoted-pairSMTP.
const QUOTED = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e\u0080-\u{10ffff}]|\\[\x20-\x7e])*)"$/u;
// Let-dig [Ldh-str]; the underscore is no letter of RFC 5321, but hosts that use it exist and do no harm.
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?$/;
/** What a U-label may hold before the mapping; domainToASCII would read `/`, `%41`, `?` … as a URL does. */
const U_LABELS = /^[A-Za-z0-9_.\-\u0080-\u{10ffff}]+$/u;
/**
 * Controls, lone surrogates, spaces but the ASCII one, and format characters (direction marks, soft hyphens …) but the
 * two joiners that Persian and the Indic scripts need (RFC 5892 appendix A): two addresses that look alike are alike.
 */
const CONTROL_OR_INVISIBLE = /(?![ \u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Z}]/u;

/** RFC 5321 §4.1.2 `Mailbox`, with RFC 6531's additions. Undefined for anything else. */
export function parseMailbox(text: string): Mailbox | undefined {
  const at = endOfLocalPart(text);
  if (at === undefined || text[at] !== "@") return undefined;
  const localPart = parseLocalPart(text.slice(0, at));
  const domain = parseDomain(text.slice(at + 1));
  if (localPart === undefined || domain === undefined) return undefined;
  return { localPart, domain };
}

/** Where the local-part ends: after the closing quote of a quoted one, else before the first `@`. */
function endOfLocalPart(text: string): number | undefined {
  if (!text.startsWith('"')) {
    const at = text.indexOf("@");
    return at < 0 ? undefined : at;
  }
  for (let i = 1; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === '"') return i + 1;
  }
  return undefined;
}

/** `Local-part = Dot-string / Quoted-string`, unquoted and in NFC. */
export function parseLocalPart(text: string): string | undefined {
  if (CONTROL_OR_INVISIBLE.test(text)) return undefined;
  const quoted = QUOTED.exec(text);
  if (!quoted && !isDotString(text)) return undefined;
  const meaning = (quoted ? (quoted[1] ?? "").replace(/\\(.)/gu, "$1") : text).normalize("NFC");
  return meaning === "" || Buffer.byteLength(meaning) > LOCAL_PART_OCTETS_MAX ? undefined : meaning;
}

function isDotString(text: string): boolean {
  return text.split(".").every((atom) => ATOM.test(atom));
}

/** `Domain` or `address-literal` (RFC 5321 §4.1.2, §4.1.3). U-labels become A-labels (RFC 5890). */
export function parseDomain(text: string): string | undefined {
  if (text.startsWith("[")) return parseAddressLiteral(text);
  if (CONTROL_OR_INVISIBLE.test(text)) return undefined;
  if (!U_LABELS.test(text)) return undefined;
  const ascii = isAscii(text) ? text.toLowerCase() : domainToASCII(text);
  if (ascii.length > DOMAIN_OCTETS_MAX || isIPv4(ascii)) return undefined;
  const labels = ascii.split(".");
  return labels.every((label) => label.length <= LABEL_OCTETS_MAX && LABEL.test(label)) ? ascii : undefined;
}

function parseAddressLiteral(text: string): string | undefined {
  const inner = /^\[(.+)\]$/.exec(text)?.[1];
  if (inner === undefined) return undefined;
  if (isIPv4(inner)) return `[${inner}]`;
  const v6 = /^IPv6:(.+)$/i.exec(inner)?.[1];
  return v6 !== undefined && isIPv6(v6) && !v6.includes("%") ? `[IPv6:${v6.toLowerCase()}]` : undefined;
}

/** The address inside a literal such as `[192.0.2.1]` or `[IPv6:2001:db8::1]`; undefined for a domain name. */
export function addressOfLiteral(domain: string): string | undefined {
  return /^\[(?:IPv6:)?(.+)\]$/.exec(domain)?.[1];
}

/** Writes a mailbox, quoting the local-part when it must be. Inverse of parseMailbox. */
export function formatMailbox({ localPart, domain }: Mailbox): string {
  return `${isDotString(localPart) ? localPart : `"${localPart.replace(/["\\]/g, "\\$&")}"`}@${domain}`;
}

/**
 * The key under which a mailbox is looked up: RFC 5321 §2.4 lets the receiving host alone decide about case
 * in local-parts, and ours are not case-sensitive. Lower case can take a text out of NFC (J̌ is two characters, ǰ one).
 */
export function mailboxKey(mailbox: Mailbox): string {
  return formatMailbox({ ...mailbox, localPart: mailbox.localPart.toLowerCase().normalize("NFC") });
}

/** `alice+lists@example.org` without its detail, or undefined when it has none. */
export function withoutDetail(mailbox: Mailbox): Mailbox | undefined {
  const plus = mailbox.localPart.indexOf("+");
  return plus > 0 ? { ...mailbox, localPart: mailbox.localPart.slice(0, plus) } : undefined;
}

/** True when every character is US-ASCII. */
export function isAscii(text: string): boolean {
  return /^[\x00-\x7f]*$/.test(text);
}
