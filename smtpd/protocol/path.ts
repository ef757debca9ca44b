/**
 * The arguments of MAIL and RCPT (RFC 5321 §4.1.2, RFC 6531 §3.3): `FROM:<reverse-path>` and `TO:<forward-path>`, with
 * the parameters after them left as text. Pure.
 *
 *   Path  = "<" [ A-d-l ":" ] Mailbox ">"
 *   A-d-l = At-domain *( "," At-domain )          a source route: accepted, and ignored
 *
 * One space after the colon is let pass, since many clients put one there; an address without angle brackets is not.
 */
import { isUtf8 } from "node:buffer";
import { isAscii, type Mailbox, parseDomain, parseMailbox } from "../../shared/address.js";

export type Path =
  | { readonly kind: "null" }
  /** `<Postmaster>` without a domain (RFC 5321 §4.1.1.3). */
  | { readonly kind: "postmaster" }
  | { readonly kind: "mailbox"; readonly mailbox: Mailbox };

export interface PathArgument {
  readonly path: Path;
  /** True when the path holds anything but US-ASCII. */
  readonly international: boolean;
  /** What follows the path. */
  readonly parameters: string;
}

/** Reads the argument of MAIL (keyword FROM) or RCPT (keyword TO). Undefined for anything but what the grammar allows. */
export function parsePathArgument(keyword: "FROM" | "TO", argument: Buffer): PathArgument | undefined {
  if (!isUtf8(argument)) return undefined;
  const text = argument.toString();
  const opening = keyword === "FROM" ? /^FROM: ?</i.exec(text) : /^TO: ?</i.exec(text);
  if (opening === null) return undefined;
  const start = opening[0].length;
  const end = endOfPath(text, start);
  if (end === undefined || !["", " "].includes(text.charAt(end + 1))) return undefined;

  const inner = text.slice(start, end);
  const path = parsePath(inner);
  return path && { path, international: !isAscii(inner), parameters: text.slice(end + 1) };
}

/** The index of the `>` that ends the path: the first outside of quotes. */
function endOfPath(text: string, start: number): number | undefined {
  let quoted = false;
  for (let i = start; i < text.length; i++) {
    const character = text[i];
    if (character === '"') quoted = !quoted;
    else if (quoted && character === "\\") i++;
    else if (!quoted && character === ">") return i;
  }
  return undefined;
}

function parsePath(inner: string): Path | undefined {
  if (inner === "") return { kind: "null" };
  if (inner.toLowerCase() === "postmaster") return { kind: "postmaster" };
  const address = withoutRoute(inner);
  const mailbox = address === undefined ? undefined : parseMailbox(address);
  return mailbox && { kind: "mailbox", mailbox };
}

/** What follows the source route, if there is one. */
function withoutRoute(inner: string): string | undefined {
  let rest = inner;
  while (rest.startsWith("@")) {
    // The colons of an IPv6 literal are no ends.
    const [all, domain = "", delimiter] = /^@(\[[^\]]*\]|[^,:]*)([,:])/.exec(rest) ?? [];
    if (all === undefined || parseDomain(domain) === undefined) return undefined;
    rest = rest.slice(all.length);
    if (delimiter === ":") return rest;
    if (!rest.startsWith("@")) return undefined;
  }
  return rest;
}
