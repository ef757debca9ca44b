/**
 * Where a queued recipient goes, as far as that is known without asking anyone: our own mailboxes first, then the route
 * whose domain fits best, then the smarthost, then the recipient's own domain or address literal. Pure.
 *
 * What is no longer ours when it is tried (its domain was taken from `domains`) goes where its domain says, as if it came
 * in now; but what was found to be an account's stays local, whatever its domain.
 */
import { addressOfLiteral } from "../../shared/address.js";
import type { QueuedRecipient } from "../queue/envelope.js";
import type { RelayConfig, RouteConfig } from "../sending-options.js";
import type { Destination, Relay, TlsPolicy } from "./delivery.js";
import type { RelayAddress } from "./relay-address.js";

/** A way that the configuration names: a host, or whatever hosts a domain has. */
type Way =
  | { readonly kind: "relay"; readonly relay: Relay }
  | { readonly kind: "own hosts"; readonly tls: TlsPolicy };

/** The ways of the configuration, ready to be looked up. */
export interface Routing {
  /** By `example.net`, `.example.net`, `[192.0.2.1]` and `*`. */
  readonly routes: ReadonlyMap<string, Way>;
  /** Of all others. */
  readonly otherwise: Way;
}

/** The routing of a configuration: `[relay]` and each `[[route]]`. */
export function routingOf({
  relay,
  route,
}: {
  readonly relay: RelayConfig;
  readonly route: readonly RouteConfig[];
}): Routing {
  return {
    routes: new Map(route.map((one) => [one.domain, wayOf(one.host, one, relay.port)])),
    otherwise: wayOf(relay.smarthost, relay, relay.port),
  };
}

function wayOf(
  address: RelayAddress | undefined,
  options: Pick<RouteConfig, "tls" | "username" | "password_file">,
  port: number,
): Way {
  const { username, password_file: passwordFile } = options;
  const tls = options.tls ?? (username === undefined ? "may" : "must");
  if (address === undefined) return { kind: "own hosts", tls };
  const login = username === undefined || passwordFile === undefined ? undefined : { username, passwordFile };
  const { protocol } = address;
  switch (address.kind) {
    case "socket":
      return { kind: "relay", relay: { protocol, tls, login, host: { kind: "socket", path: address.path } } };
    case "domain":
      return {
        kind: "relay",
        relay: { protocol, tls, login, host: { kind: "domain", domain: address.domain, port } },
      };
    case "host":
      return {
        kind: "relay",
        relay: {
          protocol,
          tls,
          login,
          host: { kind: "host", host: address.host, port: address.port ?? port },
        },
      };
  }
}

/** Where a recipient goes. */
export function destinationOf(
  { account, forwardPath: { domain } }: Pick<QueuedRecipient, "account" | "forwardPath">,
  { domains }: { readonly domains: ReadonlySet<string> },
  routing: Routing,
): Destination {
  if (account !== undefined || domains.has(domain)) return { kind: "local" };
  const way = routeOf(domain, routing.routes) ?? routing.otherwise;
  if (way.kind === "relay") return { kind: "relay", relay: way.relay };
  const address = addressOfLiteral(domain);
  return address === undefined
    ? { kind: "domain", domain, tls: way.tls }
    : { kind: "literal", address, tls: way.tls };
}

/** The route whose domain has most in common with this one. No route is for part of an address literal. */
function routeOf(domain: string, routes: Routing["routes"]): Way | undefined {
  if (routes.size === 0) return undefined;
  const exact = routes.get(domain);
  if (exact !== undefined) return exact;
  for (let above = `.${domain}`; above !== ""; above = withoutFirstLabel(above)) {
    const way = routes.get(above);
    if (way !== undefined) return way;
  }
  return routes.get("*");
}

/** `.net` of `.example.net`, and nothing of `.net`. */
function withoutFirstLabel(domain: string): string {
  const dot = domain.indexOf(".", 1);
  return dot < 0 ? "" : domain.slice(dot);
}

/** One text for one destination: recipients with the same key can be sent in one transaction. */
export function destinationKey(destination: Destination): string {
  switch (destination.kind) {
    case "local":
      return "local";
    case "domain":
      return `${destination.domain} ${destination.tls}`;
    case "literal":
      return `[${destination.address}] ${destination.tls}`;
    case "relay": {
      const { host, protocol, tls, login } = destination.relay;
      const user = login === undefined ? "" : ` ${login.username} ${login.passwordFile}`;
      return `${protocol} ${hostKey(host)} ${tls}${user}`;
    }
  }
}

function hostKey(host: Relay["host"]): string {
  switch (host.kind) {
    case "socket":
      return host.path;
    case "domain":
      return `${host.domain} MX ${host.port}`;
    case "host":
      return `${host.host} ${host.port}`;
  }
}
