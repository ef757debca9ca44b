/** What CAPA lists (RFC 2449 §5). Pure. */
import type { Policy, SitePolicy } from "./policy.js";

export interface Offer {
  /** The names of the SASL mechanisms; none where no login is taken now, by USER and PASS neither. */
  readonly mechanisms: readonly string[];
  /** Whether STLS is permitted now. */
  readonly stls: boolean;
  readonly site: SitePolicy;
  /** Of the account that has logged in; undefined before. */
  readonly own: Policy | undefined;
  /** What the server calls itself; nothing when empty. */
  readonly implementation: string;
}

/**
 * The capabilities. What is announced before login is announced after it too (RFC 2449 §6: "in both states"), except
 * STLS, which RFC 2595 §4 has announced only where it is permitted. After login EXPIRE and LOGIN-DELAY have the values of
 * the account; where those may differ, the word USER says so before.
 */
export function capabilities({ mechanisms, stls, site, own, implementation }: Offer): string[] {
  return [
    "TOP",
    "UIDL",
    ...(mechanisms.length > 0 ? ["USER", `SASL ${mechanisms.join(" ")}`] : []),
    "RESP-CODES",
    "AUTH-RESP-CODE",
    "PIPELINING",
    "UTF8 USER",
    "LANG",
    expire(site, own),
    ...loginDelay(site, own),
    ...(stls ? ["STLS"] : []),
    ...(implementation === "" ? [] : [`IMPLEMENTATION ${implementation}`]),
  ];
}

const DAY_MS = 86_400_000;

/** RFC 2449 §6.7: "server-guaranteed minimum retention days", and so without the part of a day. */
function expire({ strictest, expirePerUser }: SitePolicy, own: Policy | undefined): string {
  const { expireMs } = own ?? strictest;
  const days = Number.isFinite(expireMs) ? String(Math.floor(expireMs / DAY_MS)) : "NEVER";
  return `EXPIRE ${days}${expirePerUser && own === undefined ? " USER" : ""}`;
}

/** RFC 2449 §6.5. Who has none where others have one is told so, as the capability stands in both states. */
function loginDelay({ strictest, loginDelayPerUser }: SitePolicy, own: Policy | undefined): string[] {
  if (strictest.loginDelaySeconds === 0) return [];
  const { loginDelaySeconds } = own ?? strictest;
  return [`LOGIN-DELAY ${loginDelaySeconds}${loginDelayPerUser && own === undefined ? " USER" : ""}`];
}
