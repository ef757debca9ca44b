/**
 * What a site allows its users (RFC 2449 §6.5, §6.7): how long mail that was retrieved may stay, and how soon a login may
 * follow another. The configuration says it for all, and an account's extra fields may say otherwise:
 *
 *   userdb_pop3_expire=30d            or never
 *   userdb_pop3_login_delay=5m
 *
 * Pure. expiry.ts and login-delays.ts enforce it; capabilities.ts announces it.
 */
import { DURATION_FORMS, parseDuration } from "../shared/units.js";

export interface Policy {
  /** Milliseconds from its delivery for which a message stays at least; Infinity for ever. */
  readonly expireMs: number;
  /** Whole seconds from one login to the next, since that is what can be announced. */
  readonly loginDelaySeconds: number;
}

/** The policy of a site: what is known before anybody has logged in. */
export interface SitePolicy {
  /** For accounts that have nothing of their own. */
  readonly default: Policy;
  /** The shortest stay and the longest delay of any account. */
  readonly strictest: Policy;
  /** Whether an account has a value of its own. */
  readonly expirePerUser: boolean;
  readonly loginDelayPerUser: boolean;
}

/** The extra fields of an account (shared/accounts/extra-fields.ts). */
type ExtraFields = ReadonlyMap<string, string>;

const EXPIRE_FIELD = "userdb_pop3_expire";
const LOGIN_DELAY_FIELD = "userdb_pop3_login_delay";

/** A hundred years. */
const EXPIRE_MS_MAX = 36_500 * 86_400_000;
const LOGIN_DELAY_MS_MAX = 86_400_000;

const SHOWN_CHARACTERS_MAX = 60;

export const EXPIRE_FORMS = '"never", or a time with a unit up to 36500d, such as "30d"';
export const LOGIN_DELAY_FORMS = `${DURATION_FORMS}, up to 1d`;

/** Milliseconds of "30d", Infinity of "never"; undefined for what is neither. */
export function parseExpire(text: string): number | undefined {
  return text === "never" ? Number.POSITIVE_INFINITY : parseUpTo(EXPIRE_MS_MAX, text);
}

/** Whole seconds of "5m". A part of a second counts as one, so that what is announced is no less than what is meant. */
export function parseLoginDelay(text: string): number | undefined {
  const milliseconds = parseUpTo(LOGIN_DELAY_MS_MAX, text);
  return milliseconds === undefined ? undefined : Math.ceil(milliseconds / 1000);
}

function parseUpTo(most: number, text: string): number | undefined {
  const milliseconds = parseDuration(text);
  return milliseconds !== undefined && milliseconds <= most ? milliseconds : undefined;
}

/** What is wrong with an account's fields, if anything is; for the operator. */
export function wrongFields(extra: ExtraFields): string[] {
  const [expire, loginDelay] = [extra.get(EXPIRE_FIELD), extra.get(LOGIN_DELAY_FIELD)];
  const wrong: string[] = [];
  if (expire !== undefined && parseExpire(expire) === undefined)
    wrong.push(`${EXPIRE_FIELD}: ${found(expire)}; allowed is ${EXPIRE_FORMS}`);
  if (loginDelay !== undefined && parseLoginDelay(loginDelay) === undefined)
    wrong.push(`${LOGIN_DELAY_FIELD}: ${found(loginDelay)}; allowed is ${LOGIN_DELAY_FORMS}`);
  return wrong;
}

function found(value: string): string {
  return `found ${JSON.stringify(value.slice(0, SHOWN_CHARACTERS_MAX))}`;
}

/** What holds for an account. A field that is wrong counts as none; where it was read, it was reported. */
export function policyOf(extra: ExtraFields, site: Policy): Policy {
  return {
    expireMs: parseExpire(extra.get(EXPIRE_FIELD) ?? "") ?? site.expireMs,
    loginDelaySeconds: parseLoginDelay(extra.get(LOGIN_DELAY_FIELD) ?? "") ?? site.loginDelaySeconds,
  };
}

/** @param accounts all that may log in */
export function sitePolicy(site: Policy, accounts: Iterable<{ readonly extra: ExtraFields }>): SitePolicy {
  let { expireMs, loginDelaySeconds } = site;
  let [expirePerUser, loginDelayPerUser] = [false, false];
  for (const { extra } of accounts) {
    const own = policyOf(extra, site);
    expireMs = Math.min(expireMs, own.expireMs);
    loginDelaySeconds = Math.max(loginDelaySeconds, own.loginDelaySeconds);
    expirePerUser ||= extra.has(EXPIRE_FIELD);
    loginDelayPerUser ||= extra.has(LOGIN_DELAY_FIELD);
  }
  return { default: site, strictest: { expireMs, loginDelaySeconds }, expirePerUser, loginDelayPerUser };
}
