/**
 * Which host is this one: its name, and the addresses and ports on which it takes mail. Pure.
 *
 * Mail that is handed to ourselves as to another host comes back as often as it leaves (RFC 5321 §5.1).
 */
import { BlockList, isIPv4 } from "node:net";
import type { ListenAddress } from "../../shared/listen-address.js";

export interface Ourselves {
  readonly hostname: string;
  /** Where we take mail, with the ports that were really bound. */
  readonly listening: readonly ListenAddress[];
  /** The addresses of this host's interfaces, which change; asked for only where they matter. */
  readonly interfaces: () => Iterable<string>;
}

/** Whether who connects to this address and port meets us. */
export function isOurEndpoint({ listening, interfaces }: Ourselves, address: string, port: number): boolean {
  const own = new BlockList();
  let everywhere = false;
  for (const listener of listening) {
    if (listener.kind !== "tcp" || listener.port !== port) continue;
    if (listener.host === "0.0.0.0" || listener.host === "::") everywhere = true;
    else addAddress(own, listener.host);
  }
  if (everywhere) {
    // An inherited socket on [::] takes IPv4, too, and a host that listens on one family alone is no other host.
    own.addSubnet("127.0.0.0", 8, "ipv4");
    own.addAddress("::1", "ipv6");
    for (const one of interfaces()) addAddress(own, one);
  }
  return own.check(address, familyOf(address));
}

function addAddress(list: BlockList, address: string): void {
  // Of a link-local address without its zone.
  const [plain = ""] = address.split("%");
  list.addAddress(plain, familyOf(plain));
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIPv4(address) ? "ipv4" : "ipv6";
}

/**
 * Addresses that are those of no other host, whoever names them: "this network" (which Linux takes for this host), multicast
 * and broadcast, link-local ones, and IPv4 written as IPv6 (RFC 6890, RFC 4291 §2.5.5.2).
 */
const NO_HOSTS = { ipv4: new BlockList(), ipv6: new BlockList() } as const;
NO_HOSTS.ipv4.addSubnet("0.0.0.0", 8, "ipv4");
NO_HOSTS.ipv4.addSubnet("169.254.0.0", 16, "ipv4");
NO_HOSTS.ipv4.addSubnet("224.0.0.0", 3, "ipv4");
NO_HOSTS.ipv6.addAddress("::", "ipv6");
NO_HOSTS.ipv6.addSubnet("::ffff:0:0", 96, "ipv6");
NO_HOSTS.ipv6.addSubnet("fe80::", 10, "ipv6");
NO_HOSTS.ipv6.addSubnet("ff00::", 8, "ipv6");

/** Whether an IP address can be that of a host that takes mail. */
export function canBeAHost(address: string): boolean {
  const family = familyOf(address);
  return !NO_HOSTS[family].check(address, family);
}
