/**
 * The hosts that take mail for a domain, as DNS has them (RFC 5321 §5.1): those of its MX records, or the domain itself where
 * there are none, with their IPv6 and IPv4 addresses. Pure: whom to ask is a parameter.
 *
 * Nothing that DNS says is believed as text: an MX record that names no host (an IP address, a name that is none) is left
 * out. How many records, hosts and addresses there are in an answer is for a stranger to say; how many are looked at,
 * for us.
 */
import { isIPv4, isIPv6 } from "node:net";
import { parseDomain } from "../../shared/address.js";
import type { Dns, MxRecord } from "./dns-answer.js";

export interface MailHost {
  readonly name: string;
  readonly preference: number;
  /** As far as they are known. */
  readonly addresses: readonly string[];
  /** Why it is not known which addresses it has, or whether it has more; a code of node:dns. */
  readonly trouble: string | undefined;
}

export type MailHosts =
  /** At least one, in the order of their preferences; some may have no address. */
  | {
      readonly kind: "hosts";
      readonly hosts: readonly MailHost[];
      /** True when there are more MX records than were looked at. */
      readonly more: boolean;
      /** What MX records name that is no host; as DNS has it. */
      readonly skipped: readonly string[];
    }
  /** RFC 7505: the domain says that it takes no mail. */
  | { readonly kind: "null MX" }
  | { readonly kind: "no such domain" }
  /** Neither MX nor address records, or MX records that name no host at all. */
  | { readonly kind: "no host"; readonly skipped: readonly string[] }
  | { readonly kind: "trouble"; readonly code: string };

/** The hosts that are looked up; the largest providers have five. */
const HOSTS_MAX = 10;
/** The addresses of each family that are taken of a host. */
const ADDRESSES_MAX = 8;
/** How many aliases are followed from one name to the last. */
const ALIASES_MAX = 8;
/** What is kept of records that name no host, for the log. */
const SKIPPED_MAX = 3;

/**
 * The hosts of a domain.
 * @param shuffle in place of the given order, for records of equal preference where there are too many for all to be looked up
 */
export async function findMailHosts(
  dns: Dns,
  domain: string,
  shuffle: <T>(of: readonly T[]) => T[],
  aliases = 0,
): Promise<MailHosts> {
  const answer = await dns.mx(domain);
  switch (answer.kind) {
    case "found":
      return hostsOf(dns, shuffle(answer.records));
    case "none":
      return implicitHost(dns, domain);
    case "no such name":
      return { kind: "no such domain" };
    case "trouble":
      return answer;
    case "alias": {
      // RFC 5321 §5.1: the resulting name is processed as if it were the initial name.
      const target = await aliasTarget(dns, domain, aliases);
      if (target.kind === "found") return findMailHosts(dns, target.name, shuffle, aliases + 1);
      return target.kind === "none" ? { kind: "no host", skipped: [] } : target;
    }
  }
}

async function hostsOf(dns: Dns, records: readonly MxRecord[]): Promise<MailHosts> {
  // RFC 7505 §3: a single record, the root. Among others it is a mistake, and no host.
  if (records.length === 1 && records[0]?.exchange === "") return { kind: "null MX" };
  const { named, skipped } = namesOf(records);
  if (named.length === 0) return { kind: "no host", skipped };
  const hosts = await Promise.all(
    named.slice(0, HOSTS_MAX).map(async ({ name, preference }) => {
      const found = await findAddresses(dns, name);
      return { name, preference, addresses: found.addresses, trouble: found.trouble };
    }),
  );
  return { kind: "hosts", hosts, more: named.length > HOSTS_MAX, skipped };
}

/** By preference, each name once; and what is no name. */
function namesOf(records: readonly MxRecord[]) {
  const preferences = new Map<string, number>();
  const skipped: string[] = [];
  for (const { exchange, preference } of records.toSorted((a, b) => a.preference - b.preference)) {
    const name = exchange.startsWith("[") ? undefined : parseDomain(exchange);
    if (name === undefined) {
      if (skipped.length < SKIPPED_MAX) skipped.push(exchange);
    } else if (!preferences.has(name)) preferences.set(name, preference);
  }
  return { named: Array.from(preferences, ([name, preference]) => ({ name, preference })), skipped };
}

/** RFC 5321 §5.1: without MX records the domain is taken for its only host, with preference 0. */
async function implicitHost(dns: Dns, domain: string): Promise<MailHosts> {
  const { addresses, trouble, exists } = await findAddresses(dns, domain);
  if (addresses.length > 0)
    return {
      kind: "hosts",
      hosts: [{ name: domain, preference: 0, addresses, trouble }],
      more: false,
      skipped: [],
    };
  if (trouble !== undefined) return { kind: "trouble", code: trouble };
  return exists ? { kind: "no host", skipped: [] } : { kind: "no such domain" };
}

export interface Addresses {
  /** The two families by turns, IPv6 first; each in the order of DNS (RFC 5321 §5.1). */
  readonly addresses: readonly string[];
  readonly trouble: string | undefined;
  /** False when there is no such name. */
  readonly exists: boolean;
}

/** The addresses of a host. One family's trouble is no reason not to use those of the other. */
export async function findAddresses(dns: Dns, name: string, aliases = 0): Promise<Addresses> {
  const answers = await Promise.all([dns.addresses(name, 6), dns.addresses(name, 4)]);
  const [six, four] = answers.map((answer) => (answer.kind === "found" ? answer.records : []));
  const addresses = byTurns(
    (six ?? []).filter(isIPv6).slice(0, ADDRESSES_MAX),
    (four ?? []).filter(isIPv4).slice(0, ADDRESSES_MAX),
  );
  const trouble = answers.find((answer) => answer.kind === "trouble")?.code;
  if (addresses.length === 0 && trouble === undefined && answers.some(({ kind }) => kind === "alias")) {
    // RFC 5321 §5.1 has no aliases in MX records. They are there, and other servers follow them.
    const target = await aliasTarget(dns, name, aliases);
    if (target.kind === "found") return findAddresses(dns, target.name, aliases + 1);
    if (target.kind === "trouble") return { addresses, trouble: target.code, exists: true };
  }
  return { addresses, trouble, exists: answers.some(({ kind }) => kind !== "no such name") };
}

type AliasTarget =
  | { readonly kind: "found"; readonly name: string }
  | { readonly kind: "none" }
  | { readonly kind: "trouble"; readonly code: string };

async function aliasTarget(dns: Dns, name: string, aliases: number): Promise<AliasTarget> {
  if (aliases >= ALIASES_MAX) return { kind: "trouble", code: "too many aliases" };
  const answer = await dns.cname(name);
  if (answer.kind === "trouble") return answer;
  const target = answer.kind === "found" ? parseDomain(answer.records[0] ?? "") : undefined;
  return target === undefined || target.startsWith("[") ? { kind: "none" } : { kind: "found", name: target };
}

function byTurns<T>(first: readonly T[], second: readonly T[]): T[] {
  const length = Math.max(first.length, second.length);
  return Array.from({ length }, (_, i) => [...first.slice(i, i + 1), ...second.slice(i, i + 1)]).flat();
}
