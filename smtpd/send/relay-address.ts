/**
 * The host that a configuration sends mail to, as it is written there. Pure.
 *
 *     mail.example.net:587   that host, by its A and AAAA records
 *     [mail.example.net]     that host, too; the brackets are Postfix's, for a host that is no domain
 *     example.net            a domain: the hosts that its MX records name (RFC 5321 §5.1)
 *     192.0.2.1:587 [2001:db8::1]:587 192.0.2.1 [2001:db8::1]
 *     lmtp:unix:/path lmtp:mail.example.net:24 lmtp:[2001:db8::1]:24
 *
 * A port leaves no doubt that a host is meant: MX records name hosts that are reached on port 25. Postfix reads
 * `example.net:587` as a domain; nobody who writes it means that.
 */
import { isIPv4, isIPv6 } from "node:net";
import { parseDomain } from "../../shared/address.js";
import { formatEndpoint } from "../../shared/listen-address.js";

export type RelayAddress =
  | { readonly kind: "domain"; readonly protocol: "smtp"; readonly domain: string }
  /** A name or an IP address. `port` is undefined where the port of all other hosts is meant. */
  | {
      readonly kind: "host";
      readonly protocol: "smtp" | "lmtp";
      readonly host: string;
      readonly port: number | undefined;
    }
  | { readonly kind: "socket"; readonly protocol: "lmtp"; readonly path: string };

export const RELAY_ADDRESS_FORMS =
  '"mail.example.net:587", "[mail.example.net]", "example.net" (by its MX records), "192.0.2.1:587", "[2001:db8::1]:587", "lmtp:unix:/run/name.sock" or "lmtp:host:24"';

/** Reads an address of one of the forms above. */
export function parseRelayAddress(text: string): RelayAddress | undefined {
  const path = /^lmtp:unix:(\/[^\0]+)$/.exec(text)?.[1];
  if (path !== undefined) return { kind: "socket", protocol: "lmtp", path };

  const lmtp = text.startsWith("lmtp:");
  const [, bracketed, plain, digits] =
    /^(?:\[([^\]]+)\]|([^:[\]]+))(?::([1-9]\d{0,4}))?$/.exec(lmtp ? text.slice("lmtp:".length) : text) ?? [];
  const host =
    bracketed === undefined ? parseName(plain) : isIPv6(bracketed) ? bracketed : parseName(bracketed);
  const port = digits === undefined ? undefined : Number(digits);
  if (host === undefined || (port ?? 0) > 65_535 || host.includes("%")) return undefined;
  // RFC 2033 §5: LMTP has no port of its own, and 25 it must not have.
  if (lmtp)
    return port === undefined || port === 25 ? undefined : { kind: "host", protocol: "lmtp", host, port };
  if (port === undefined && bracketed === undefined && !isIPv4(host))
    return { kind: "domain", protocol: "smtp", domain: host };
  return { kind: "host", protocol: "smtp", host, port };
}

function parseName(text = ""): string | undefined {
  return isIPv4(text) ? text : parseDomain(text);
}

/** Writes an address in a form that parseRelayAddress reads. */
export function formatRelayAddress(address: RelayAddress): string {
  switch (address.kind) {
    case "domain":
      return address.domain;
    case "socket":
      return `lmtp:unix:${address.path}`;
    case "host": {
      const { protocol, host, port } = address;
      const written = port === undefined ? `[${host}]` : formatEndpoint(host, port);
      return protocol === "lmtp" ? `lmtp:${written}` : written;
    }
  }
}
