/** What CAPA lists (RFC 2449 §5). Pure. */

export interface Offer {
  /** Whether a password is taken now. */
  readonly login: boolean;
  /** Whether STLS is permitted now. */
  readonly stls: boolean;
}

/**
 * The capabilities. What is announced before login is announced after it too (RFC 2449 §5: "in both states"), except
 * STLS, which RFC 2595 §4 has announced only where it is permitted.
 */
export function capabilities({ login, stls }: Offer): string[] {
  return [
    "TOP",
    "UIDL",
    ...(login ? ["USER", "SASL PLAIN"] : []),
    "RESP-CODES",
    "AUTH-RESP-CODE",
    "PIPELINING",
    "UTF8 USER",
    "LANG",
    // Nothing is ever removed unless a client says so.
    "EXPIRE NEVER",
    ...(stls ? ["STLS"] : []),
    "IMPLEMENTATION pillarbox",
  ];
}
