/**
 * How many connections may be open: in all, and from one address. Pure bookkeeping; the listener asks before it
 * serves a connection and gives the place back when the connection ends.
 *
 * An IPv6 host has a whole /64 to call from, so it is the /64 that counts as one address.
 */
import { isIPv6 } from "node:net";

export interface ConnectionCounts {
  readonly total: number;
  readonly perAddress: number;
}

export type Admission =
  | { readonly kind: "admitted"; readonly release: () => void }
  | {
      readonly kind: "refused";
      readonly reason: "too many connections" | "too many connections from this address";
    };

export class ConnectionLimits {
  readonly #limits: ConnectionCounts;
  readonly #open = new Map<string, number>();
  #total = 0;

  constructor(limits: ConnectionCounts) {
    this.#limits = limits;
  }

  /**
   * Takes a place for a connection; `release` gives it back, however often it is called.
   * @param remoteAddress undefined while it is not known who calls: such a connection counts in all, but not for any
   *   address
   */
  admit(remoteAddress: string | undefined): Admission {
    const key = remoteAddress === undefined ? undefined : limitKey(remoteAddress);
    const open = key === undefined ? 0 : (this.#open.get(key) ?? 0);
    if (this.#total >= this.#limits.total) return { kind: "refused", reason: "too many connections" };
    if (key !== undefined && open >= this.#limits.perAddress) {
      return { kind: "refused", reason: "too many connections from this address" };
    }
    this.#total++;
    if (key !== undefined) this.#open.set(key, open + 1);
    let held = true;
    return {
      kind: "admitted",
      release: () => {
        if (!held) return;
        held = false;
        this.#release(key);
      },
    };
  }

  #release(key: string | undefined): void {
    this.#total--;
    if (key === undefined) return;
    const left = (this.#open.get(key) ?? 1) - 1;
    if (left === 0) this.#open.delete(key);
    else this.#open.set(key, left);
  }
}

/** The part of an address that a single host cannot change at will: all of an IPv4 one, the /64 of an IPv6 one. */
export function limitKey(remoteAddress: string): string {
  const address = remoteAddress.replace(/^::ffff:(?=\d+\.)/i, "");
  if (!isIPv6(address)) return address;
  const [head = "", tail] = address.toLowerCase().split("%", 1).join("").split("::");
  const front = head === "" ? [] : head.split(":");
  const back = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros =
    tail === undefined ? [] : Array<string>(Math.max(0, 8 - front.length - back.length)).fill("0");
  const network = [...front, ...zeros, ...back].slice(0, 4);
  return `${network.map((group) => Number.parseInt(group, 16).toString(16)).join(":")}::/64`;
}
