/** Headers of the PROXY protocol as a proxy makes them. */

const SIGNATURE = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);

export interface Ends {
  readonly from: string;
  readonly to: string;
  readonly fromPort: number;
  readonly toPort: number;
}

export const ENDS: Ends = { from: "203.0.113.5", to: "198.51.100.1", fromPort: 40_001, toPort: 110 };

export function v1({ from, to, fromPort, toPort }: Ends = ENDS): Buffer {
  const family = from.includes(":") ? "TCP6" : "TCP4";
  return Buffer.from(`PROXY ${family} ${from} ${to} ${fromPort} ${toPort}\r\n`);
}

/** A header of version 2 with whatever one likes behind its signature. */
export function rawV2(versionAndCommand: number, family: number, rest: Buffer, length = rest.length): Buffer {
  const head = Buffer.from([versionAndCommand, family, length >> 8, length & 0xff]);
  return Buffer.concat([SIGNATURE, head, rest]);
}

/** @param fields of type, length and value, behind the addresses */
export function v2({ from, to, fromPort, toPort }: Ends = ENDS, fields: Buffer = Buffer.alloc(0)): Buffer {
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(fromPort, 0);
  ports.writeUInt16BE(toPort, 2);
  const family = from.includes(":") ? 0x21 : 0x11;
  return rawV2(0x21, family, Buffer.concat([octetsOf(from), octetsOf(to), ports, fields]));
}

/** A proxy's word for itself: a health check. */
export function local(): Buffer {
  return rawV2(0x20, 0, Buffer.alloc(0));
}

export function field(type: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type, value.length >> 8, value.length & 0xff]), value]);
}

/** The field that tells of TLS between client and proxy. */
export function tlsField(version: string, cipher: string): Buffer {
  const details = [field(0x21, Buffer.from(version)), field(0x23, Buffer.from(cipher))];
  return field(0x20, Buffer.concat([Buffer.from([0x01, 0, 0, 0, 0]), ...details]));
}

/** All eight groups of an IPv6 address must be written, `::` is not understood. */
function octetsOf(address: string): Buffer {
  if (!address.includes(":")) return Buffer.from(address.split(".").map(Number));
  const groups = address.split(":").map((group) => Number.parseInt(group, 16));
  return Buffer.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}
