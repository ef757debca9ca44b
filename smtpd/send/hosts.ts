/**
 * Which hosts to try, in which order, and never ourselves; or why there is none. Pure: chance is a parameter.
 *
 * What DNS says for certain is final (a domain that does not exist, that takes no mail, that has no host); what could not
 * be asked is not. About hosts that the configuration names nothing is final: a mistake there is no reason to send
 * everybody's mail back.
 */
import { isIP } from "node:net";
import type { Trouble } from "../queue/envelope.js";
import type { Addresses, MailHost, MailHosts } from "./mail-hosts.js";
import { canBeAHost, isOurEndpoint, type Ourselves } from "./ourselves.js";
import { type Random, shuffled } from "./shuffle.js";

/** An address where mail can be handed over. */
export interface Endpoint {
  /** Undefined of an address literal. */
  readonly name: string | undefined;
  readonly address: string;
  readonly port: number;
}

export type Choice =
  | { readonly kind: "endpoints"; readonly endpoints: readonly Endpoint[] }
  | { readonly kind: "deferred" | "failed"; readonly trouble: Trouble };

/** RFC 5321 §5.1: there may be a limit on the addresses that are tried, and two at least should be. */
const ENDPOINTS_MAX = 12;
/** Of one host, so that the next host has its turn, too: two of each family where it has both. */
const ENDPOINTS_OF_HOST_MAX = 4;

/** The endpoints of a domain, best preference first, those of equal preference in any order (RFC 5321 §5.1). */
export function chooseHosts(found: MailHosts, port: number, us: Ourselves, random: Random): Choice {
  switch (found.kind) {
    case "null MX":
      // RFC 7505 §4.1
      return failed("5.1.10", "the domain takes no mail, as its null MX record says");
    case "no such domain":
      return failed("5.1.2", "there is no such domain");
    case "no host":
      return failed("5.4.4", "the domain has no host that takes mail");
    case "trouble":
      return DNS_TROUBLE;
    case "hosts":
      break;
  }
  const others = withoutUs(found.hosts, port, us);
  if (others.length === 0) return failed("5.4.6", "the domain's hosts lead back to this one");
  const inTurn = shuffled(others, random).toSorted((a, b) => a.preference - b.preference);
  const endpoints = inTurn.flatMap((host) => endpointsOf(host.name, host.addresses, port));
  if (endpoints.length > 0) return { kind: "endpoints", endpoints: endpoints.slice(0, ENDPOINTS_MAX) };
  // RFC 5321 §5.1: MX records of which none is usable MUST be reported as an error; here, when that is certain. Postfix
  // sends such mail back, too (smtp_defer_if_no_mx_address_found = no).
  return found.more || others.some(({ trouble }) => trouble !== undefined)
    ? DNS_TROUBLE
    : failed("5.4.4", "none of the domain's hosts has an address");
}

/** RFC 5321 §5.1: where we are among them, whoever has our preference or a higher number MUST be left out with us. */
function withoutUs(hosts: readonly MailHost[], port: number, us: Ourselves): readonly MailHost[] {
  const ours = hosts.filter(
    ({ name, addresses }) =>
      name === us.hostname || addresses.some((address) => isOurEndpoint(us, address, port)),
  );
  const preference = Math.min(...ours.map((host) => host.preference));
  return hosts.filter((host) => host.preference < preference);
}

/** The endpoint that an address literal is (RFC 5321 §4.1.3). */
export function chooseLiteral(address: string, port: number, us: Ourselves): Choice {
  if (isOurEndpoint(us, address, port)) return failed("5.4.6", "the address is that of this host");
  const endpoints = endpointsOf(undefined, [address], port);
  return endpoints.length > 0
    ? { kind: "endpoints", endpoints }
    : failed("5.1.2", "the address is not that of a host");
}

/** The endpoints of a host that the configuration names. */
export function chooseNamedHost(host: string, found: Addresses, port: number, us: Ourselves): Choice {
  const name = isIP(host) === 0 ? host : undefined;
  const endpoints = endpointsOf(name, found.addresses, port);
  if (endpoints.some(({ address }) => isOurEndpoint(us, address, port)))
    return misconfigured("the host for this mail is this host itself");
  if (endpoints.length > 0) return { kind: "endpoints", endpoints };
  return found.trouble === undefined ? misconfigured("the host for this mail has no address") : DNS_TROUBLE;
}

/** What was chosen for a domain that the configuration names: nothing of it is final. */
export function asConfigured(choice: Choice): Choice {
  return choice.kind === "failed" ? misconfigured(choice.trouble.text) : choice;
}

function endpointsOf(name: string | undefined, addresses: readonly string[], port: number): Endpoint[] {
  return addresses
    .filter(canBeAHost)
    .slice(0, ENDPOINTS_OF_HOST_MAX)
    .map((address) => ({ name, address, port }));
}

function failed(status: string, text: string): Choice {
  return { kind: "failed", trouble: { status, text, host: undefined, reply: undefined } };
}

function deferred(status: string, text: string): Choice {
  return { kind: "deferred", trouble: { status, text, host: undefined, reply: undefined } };
}

/** RFC 3463 X.3.5, System incorrectly configured. */
function misconfigured(text: string): Choice {
  return deferred("4.3.5", text);
}

const DNS_TROUBLE = deferred("4.4.3", "the hosts of the domain could not be found out from DNS");
