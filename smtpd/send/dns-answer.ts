/**
 * What DNS says about a name. Pure.
 *
 * Only two things are final: that a name does not exist (NXDOMAIN), and that it has no records of a type (NODATA).
 * Anything else that is no answer (SERVFAIL, REFUSED, silence, octets that are no DNS message, what nobody foresaw) may
 * pass.
 */

export type DnsAnswer<T> =
  | { readonly kind: "found"; readonly records: readonly T[] }
  /** The name exists, but not with records of this type. */
  | { readonly kind: "none" }
  /** The name is an alias, and whoever was asked did not tell what the other name has. */
  | { readonly kind: "alias" }
  | { readonly kind: "no such name" }
  /** `code` is that of node:dns, for the log. */
  | { readonly kind: "trouble"; readonly code: string };

export interface MxRecord {
  readonly preference: number;
  /** As DNS has it, not checked for anything; "" is the root. */
  readonly exchange: string;
}

/** What an error of node:dns means. */
export function answerOfError(error: unknown): DnsAnswer<never> {
  const code = codeOf(error);
  switch (code) {
    case "ENODATA":
      return { kind: "none" };
    case "ENOTFOUND":
    // No name that DNS could hold: over 253 octets.
    case "EBADNAME":
      return { kind: "no such name" };
    default:
      return { kind: "trouble", code };
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown";
}

/** What DNS is asked here. Never rejects. */
export interface Dns {
  mx(domain: string): Promise<DnsAnswer<MxRecord>>;
  /** A or AAAA records. */
  addresses(name: string, family: 4 | 6): Promise<DnsAnswer<string>>;
  cname(name: string): Promise<DnsAnswer<string>>;
}
