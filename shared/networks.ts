/** Lists of networks in configuration files: which addresses belong to them. Pure. */
import { BlockList, isIP, isIPv4 } from "node:net";

/** `192.0.2.0/24`, `2001:db8::/32`, or one address. */
export interface Network {
  readonly address: string;
  /** Bits that all its addresses have in common. */
  readonly prefix: number;
}

export const NETWORK_FORMS = '"192.0.2.1", "192.0.2.0/24", "2001:db8::1" or "2001:db8::/32"';

/** Reads a network of one of these forms. */
export function parseNetwork(text: string): Network | undefined {
  const [, address = "", digits] = /^([0-9a-fA-F.:]+)(?:\/(0|[1-9]\d{0,2}))?$/.exec(text) ?? [];
  if (isIP(address) === 0) return undefined;
  const bits = isIPv4(address) ? 32 : 128;
  const prefix = digits === undefined ? bits : Number(digits);
  return prefix <= bits ? { address, prefix } : undefined;
}

export class Networks {
  readonly #list = new BlockList();

  constructor(networks: readonly Network[]) {
    for (const { address, prefix } of networks) this.#list.addSubnet(address, prefix, familyOf(address));
  }

  /** Whether an address belongs to one of them. An IPv4 address that is written as an IPv6 one is that IPv4 address. */
  has(address: string): boolean {
    const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
    return isIP(plain) !== 0 && this.#list.check(plain, familyOf(plain));
  }
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIPv4(address) ? "ipv4" : "ipv6";
}
