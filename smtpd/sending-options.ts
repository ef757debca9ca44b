/** The options of smtpd.toml about sending: whom DNS is asked of, and by which host mail leaves. */
import { isIPv4 } from "node:net";
import type { z } from "zod";
import { parseDomain } from "../shared/address.js";
import { SECOND } from "../shared/config/common.js";
import {
  choice,
  count,
  duration,
  list,
  network,
  optionalTable,
  parsed,
  path,
  table,
  text,
} from "../shared/config/option.js";
import { formatEndpoint, isLoopback, parseListenAddress } from "../shared/listen-address.js";
import { parseRelayAddress, RELAY_ADDRESS_FORMS, type RelayAddress } from "./send/relay-address.js";
import { sessionOptions } from "./session-options.js";

const TLS_POLICIES = ["may", "must", "never", "implicit"] as const;

export const dnsOptions = optionalTable({
  servers: list(
    parsed(parseServer, '"192.0.2.53", "192.0.2.53:53", "[2001:db8::53]" or "[2001:db8::53]:53"'),
    'a list of servers, such as ["127.0.0.1:53"]',
    1,
  )
    .optional()
    .describe("Whom to ask for MX and addresses, by address and port; the system's servers by default."),
  timeout: duration(100, 60 * SECOND)
    .prefault("5s")
    .describe("How long to wait for the answer of a server, at first; another try waits for longer."),
});

const credentials = {
  username: text("the name of a user of that host").optional(),
  password_file: path().optional(),
} as const;

export const relayOptions = optionalTable({
  smarthost: relayAddress()
    .optional()
    .describe(
      'The host that all mail leaves by: "mail.example.net:587" or "[mail.example.net]" is that host, "example.net" are the hosts that its MX records name; by default each domain\'s own hosts.',
    ),
  tls: choice(TLS_POLICIES)
    .optional()
    .describe(
      'TLS with the smarthost, or with the hosts of domains where there is none: "may" (where it is offered, whatever the certificate), "must" (with a valid certificate, or nothing is sent), "never", or "implicit" (like must, from the first octet); "must" with a username and "may" without one by default.',
    ),
  username: credentials.username.describe(
    "Who to log in as at the smarthost; no login by default. Never sent in the clear but to this host itself.",
  ),
  password_file: credentials.password_file.describe(
    "A file with the password that belongs to it, on its first line.",
  ),
  port: count(1, 65_535)
    .prefault(25)
    .describe("The port of hosts that are found by DNS, or named without one."),
  ...sessionOptions,
  networks: list(network(), 'a list of addresses and networks, such as ["127.0.0.1", "192.0.2.0/24"]')
    .prefault([])
    .describe("Clients that may send to other hosts without logging in, from any address; none by default."),
  network_recipients_per_hour: count(1, 10_000_000)
    .optional()
    .describe("Recipients that each of these clients may send to in an hour; any number by default."),
});

export const routeOptions = list(
  table({
    domain: parsed(
      parseRouteDomain,
      '"example.net", ".example.net" (with all domains below it), "[192.0.2.1]" or "*" (all)',
    ).describe(
      'The recipients\' domain: "example.net", ".example.net" for it and all domains below it, or "*" for all. The longest that fits decides.',
    ),
    host: relayAddress()
      .optional()
      .describe(
        'Where their mail goes, written as a smarthost is, or "lmtp:unix:/path" or "lmtp:host:24" to speak LMTP; by default the domain\'s own hosts, whatever the smarthost.',
      ),
    tls: choice(TLS_POLICIES).optional().describe("TLS with these hosts, as of [relay]."),
    username: credentials.username.describe("Who to log in as there; no login by default."),
    password_file: credentials.password_file.describe(
      "A file with the password of that user, on its first line.",
    ),
  }),
  "[[route]] tables",
)
  .prefault([])
  .describe("Domains whose mail takes another way.");

function relayAddress() {
  return parsed<RelayAddress>(parseRelayAddress, RELAY_ADDRESS_FORMS);
}

/** The form that node:dns takes. */
function parseServer(value: string): string | undefined {
  const withPort = /^[^:]+$|\]$/.test(value) ? `${value}:53` : value;
  const address = parseListenAddress(withPort);
  return address?.kind === "tcp" && address.port > 0 ? formatEndpoint(address.host, address.port) : undefined;
}

function parseRouteDomain(value: string): string | undefined {
  if (value === "*") return value;
  if (!value.startsWith(".")) return parseDomain(value);
  const domain = value.startsWith(".[") ? undefined : parseDomain(value.slice(1));
  return domain && `.${domain}`;
}

export type RelayConfig = z.output<typeof relayOptions>;
export type RouteConfig = z.output<typeof routeOptions>[number];

/** What is wrong in the tables `[relay]` and `[[route]]` taken as a whole: the key, and what would be allowed there. */
export function* sendingMistakes(config: {
  readonly relay: RelayConfig;
  readonly route: readonly RouteConfig[];
}): Generator<{ readonly path: (string | number)[]; readonly allowed: string }> {
  yield* hostMistakes(config.relay.smarthost, config.relay, ["relay"], "smarthost");
  const domains = new Set<string>();
  for (const [index, route] of config.route.entries()) {
    const path = ["route", index];
    if (domains.has(route.domain))
      yield { path: [...path, "domain"], allowed: "a domain that has no [[route]] table above" };
    domains.add(route.domain);
    yield* hostMistakes(route.host, route, path, "host");
  }
}

function* hostMistakes(
  host: RelayAddress | undefined,
  { username, password_file, tls }: Pick<RelayConfig, "username" | "password_file" | "tls">,
  path: readonly (string | number)[],
  hostKey: string,
): Generator<{ readonly path: (string | number)[]; readonly allowed: string }> {
  if (username !== undefined && host === undefined)
    yield { path: [...path, hostKey], allowed: "set, since there is a username to log in with" };
  if (username !== undefined && password_file === undefined)
    yield { path: [...path, "password_file"], allowed: "set, since there is a username" };
  if (password_file !== undefined && username === undefined)
    yield { path: [...path, "username"], allowed: "set, since there is a password_file" };
  const clear = tls === "may" || tls === "never";
  if (username !== undefined && host !== undefined && clear && !isThisHost(host))
    yield {
      path: [...path, "tls"],
      allowed: '"must" or "implicit", since a login is never sent in the clear but to this host itself',
    };
  const portless =
    host === undefined || host.kind === "domain" || (host.kind === "host" && host.port === undefined);
  if (tls === "implicit" && portless)
    yield {
      path: [...path, "tls"],
      allowed: `"may", "must" or "never", unless the ${hostKey} has a port, such as "mail.example.net:465"`,
    };
}

/** A host that no network lies before. */
export function isThisHost(address: RelayAddress): boolean {
  if (address.kind === "socket") return true;
  return address.kind === "host" && (address.host === "localhost" || isLoopbackAddress(address.host));
}

function isLoopbackAddress(host: string): boolean {
  return (isIPv4(host) || host.includes(":")) && isLoopback(host);
}
