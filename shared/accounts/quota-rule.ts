/**
 * Dovecot's quota rules among the extra fields of an account: `userdb_quota_rule=*:storage=1G:messages=1000`, and further ones
 * in `userdb_quota_rule2` and so on. Pure.
 *
 * The rule `*` is the account's quota; `?` is, too, unless its maildirsize says another. Rules for single folders
 * (`Trash:storage=+10%`, `Spam:ignore`) are Dovecot's alone: they are told of as `ignored`.
 *
 * Numbers may have a unit: B, K, M, G or T, in powers of 1024 and in either case; without one `storage` is in KiB. Zero is no
 * limit.
 */
import { parseDefinition, type QuotaRule } from "../maildir/quota.js";
import type { Account } from "./account.js";

export interface QuotaRules {
  /** Undefined where no rule speaks of the whole account. */
  readonly quota: QuotaRule | undefined;
  /** What was found and what is allowed. */
  readonly wrong: readonly string[];
  /** Rules for single folders. */
  readonly ignored: readonly string[];
}

const UNITS: Readonly<Record<string, number>> = { B: 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 };
const ALLOWED = 'allowed is "*:storage=1G:messages=1000", or "*:bytes=…", or "*:ignore"';
const SHOWN_CHARACTERS_MAX = 60;

/** `quota` and `quota_messages` of the configuration. */
export interface CommonQuota {
  readonly quota?: number | undefined;
  readonly quota_messages?: number | undefined;
}

/**
 * The quota of an account: what its entry says, else what the configuration says of all. Undefined where neither says any;
 * then what stands in its maildirsize is its quota, if there is one. The rules of an entry were found to be right when the
 * accounts were loaded.
 */
export function quotaOf(
  { extra }: Pick<Account, "extra">,
  { quota: octets, quota_messages: messages }: CommonQuota,
): QuotaRule | undefined {
  const common =
    octets === undefined && messages === undefined ? undefined : { octets, messages, binding: true };
  return readQuotaRules(extra).quota ?? common;
}

/** What an administrator who set rules for single folders should know. */
export function quotaWarnings({ address, extra }: Account): string[] {
  return readQuotaRules(extra).ignored.map(
    (rule) => `the account ${address} has a quota rule for a folder, which Dovecot alone follows: ${rule}`,
  );
}

/** Reads the rules in the order in which Dovecot takes them: what a later one says goes before what an earlier one said. */
export function readQuotaRules(extra: ReadonlyMap<string, string>): QuotaRules {
  let quota: QuotaRule | undefined;
  const wrong: string[] = [];
  const ignored: string[] = [];
  for (const [field, rule] of ruleFields(extra)) {
    const [, folder = "", limits = ""] = /^([^:]*):(.+)$/s.exec(rule) ?? [];
    const known = readLimits(limits);
    const shown = `${field} ${JSON.stringify(rule.slice(0, SHOWN_CHARACTERS_MAX))}`;
    if (folder === "") wrong.push(`${shown}; ${ALLOWED}`);
    else if (folder !== "*" && folder !== "?") ignored.push(shown);
    else if (known === undefined) wrong.push(`${shown}; ${ALLOWED}`);
    else {
      const binding = folder === "*" || quota?.binding === true;
      quota = { octets: quota?.octets, messages: quota?.messages, ...known, binding };
    }
  }
  return { quota, wrong, ignored };
}

/** `userdb_quota_rule`, then those with a number, by that. */
function ruleFields(extra: ReadonlyMap<string, string>): [string, string][] {
  const numberOf = (field: string) => Number(/\d*$/.exec(field)?.[0]);
  return [...extra]
    .filter(([field]) => /^userdb_quota_rule\d{0,3}$/.test(field))
    .sort(([a], [b]) => numberOf(a) - numberOf(b));
}

type Limits = Partial<Pick<QuotaRule, "octets" | "messages">>;

/** The limits that a rule sets, and no others; undefined when it is no rule. */
function readLimits(text: string): Limits | undefined {
  if (text === "ignore" || text === "backend=NOQUOTA") return { octets: undefined, messages: undefined };
  if (text.startsWith("backend=")) return parseDefinition(text.slice("backend=".length));
  let limits: Limits = {};
  for (const part of text.split(":")) {
    const [, key, digits, unit] =
      /^(storage|bytes|messages)=(\d{1,15})(?:([BKMGT])(?:i?B)?)?$/i.exec(part) ?? [];
    if (key === undefined) return undefined;
    const per = UNITS[unit?.toUpperCase() ?? (key === "storage" ? "K" : "B")] ?? 1;
    const limit = Number(digits) * per;
    if (!Number.isSafeInteger(limit)) return undefined;
    limits = { ...limits, [key === "messages" ? "messages" : "octets"]: limit || undefined };
  }
  return limits;
}
