/**
 * The header of the PROXY protocol, versions 1 and 2 (HAProxy's proxy-protocol.txt): what a proxy says first about the
 * client that it speaks for. Pure.
 *
 *   v1   PROXY TCP4 192.0.2.7 198.51.100.1 56324 110 CRLF        at most 107 octets
 *   v2   12 octets of signature; version and command; family; length; addresses; then fields of type, length, value
 *
 * Strict, because all that follows is believed by this header: whatever deviates is no header at all, and the
 * connection is not served.
 */
import { isIPv4, isIPv6 } from "node:net";

export interface Endpoint {
  /** An IP address in its usual form; that of IPv4 where the proxy writes such a one as IPv6. */
  readonly address: string;
  readonly port: number;
}

/** What a proxy says of its client. */
export interface ProxiedClient {
  readonly client: Endpoint;
  /** Where the client connected to. */
  readonly server: Endpoint;
  /** TLS between the client and the proxy, as version 2 tells it: `TLSv1.3`, `TLS_AES_256_GCM_SHA384`. */
  readonly tls: { readonly version: string; readonly cipher: string } | undefined;
}

export type ProxyHeader =
  | { readonly kind: "incomplete" }
  | { readonly kind: "invalid"; readonly why: string }
  | {
      readonly kind: "header";
      /** Octets of the header; what follows is the client's. */
      readonly octets: number;
      /** Undefined where the proxy speaks for itself (a health check), or does not know for whom. */
      readonly proxied: ProxiedClient | undefined;
    };

const SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
const V1_PREFIX = Buffer.from("PROXY ", "latin1");
/** "the maximum line lengths the receiver must support including the CRLF" */
const V1_OCTETS_MAX = 107;
const V2_HEAD_OCTETS = 16;
/** A header may announce 65,535 octets. Addresses, a host name and a client's certificate name fit into far less. */
const V2_REST_OCTETS_MAX = 4096;

/** As much of a connection's beginning as may have to be held before it is known what it is. */
export const PROXY_HEADER_OCTETS_MAX = V2_HEAD_OCTETS + V2_REST_OCTETS_MAX;

const INCOMPLETE: ProxyHeader = { kind: "incomplete" };

/** Reads the header at the beginning of a connection, of which `octets` have come. */
export function readProxyHeader(octets: Buffer): ProxyHeader {
  if (beginsLike(octets, V1_PREFIX)) return readV1(octets);
  if (beginsLike(octets, SIGNATURE)) return readV2(octets);
  return invalid("no PROXY header");
}

/** Whether what has come so far is the beginning of `expected`, or all of it. */
function beginsLike(octets: Buffer, expected: Buffer): boolean {
  const length = Math.min(octets.length, expected.length);
  return octets.subarray(0, length).equals(expected.subarray(0, length));
}

function invalid(why: string): ProxyHeader {
  return { kind: "invalid", why };
}

function readV1(octets: Buffer): ProxyHeader {
  const end = octets.subarray(0, V1_OCTETS_MAX).indexOf("\r\n");
  if (end < 0) return octets.length < V1_OCTETS_MAX ? INCOMPLETE : invalid("line too long");
  const [, protocol, ...words] = octets.toString("latin1", 0, end).split(" ");
  const header = (proxied: ProxiedClient | undefined): ProxyHeader => ({
    kind: "header",
    octets: end + 2,
    proxied,
  });
  // "the receiver must ignore anything presented before the CRLF"
  if (protocol === "UNKNOWN") return header(undefined);
  const isAddress = protocol === "TCP4" ? isIPv4 : protocol === "TCP6" ? isUnscopedIpv6 : undefined;
  if (isAddress === undefined) return invalid("neither TCP4, TCP6 nor UNKNOWN");
  const [from = "", to = "", fromPort, toPort, ...more] = words;
  const ports = [fromPort, toPort].map(portOf);
  const [clientPort, serverPort] = ports;
  if (!isAddress(from) || !isAddress(to)) return invalid(`not two addresses of ${protocol}`);
  if (clientPort === undefined || serverPort === undefined || more.length > 0)
    return invalid("not two ports");
  const usual = protocol === "TCP6" ? usualIpv6 : (address: string) => address;
  return header({
    client: { address: usual(from), port: clientPort },
    server: { address: usual(to), port: serverPort },
    tls: undefined,
  });
}

/** "in the range [0..65535] inclusive", "must not have any leading zero" */
function portOf(text: string | undefined): number | undefined {
  return text !== undefined && /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535
    ? Number(text)
    : undefined;
}

const COMMANDS = { local: 0, proxy: 1 } as const;
/** Family and transport in one octet. Datagrams and Unix sockets have no place here. */
const FAMILIES = { unspecified: 0x00, tcp4: 0x11, tcp6: 0x21, unixStream: 0x31 } as const;

function readV2(octets: Buffer): ProxyHeader {
  if (octets.length < V2_HEAD_OCTETS) return INCOMPLETE;
  const version = octets.readUInt8(12) >> 4;
  const command = octets.readUInt8(12) & 0x0f;
  const family = octets.readUInt8(13);
  const length = octets.readUInt16BE(14);
  if (version !== 2) return invalid(`version ${version}`);
  if (length > V2_REST_OCTETS_MAX) return invalid(`${length} octets announced`);
  if (octets.length < V2_HEAD_OCTETS + length) return INCOMPLETE;
  const rest = octets.subarray(V2_HEAD_OCTETS, V2_HEAD_OCTETS + length);
  const header = (proxied: ProxiedClient | undefined): ProxyHeader => ({
    kind: "header",
    octets: V2_HEAD_OCTETS + length,
    proxied,
  });
  // "the receiver … must discard the protocol block including the family which is ignored"
  if (command === COMMANDS.local) return header(undefined);
  if (command !== COMMANDS.proxy) return invalid(`command ${command}`);
  switch (family) {
    case FAMILIES.tcp4:
      return addresses(rest, 4, ipv4);
    case FAMILIES.tcp6:
      return addresses(rest, 16, ipv6);
    case FAMILIES.unspecified:
    case FAMILIES.unixStream:
      return header(undefined);
    default:
      return invalid(`family ${family}`);
  }

  function addresses(block: Buffer, size: number, format: (octets: Buffer) => string): ProxyHeader {
    if (block.length < 2 * size + 4) return invalid("addresses cut short");
    const fields = readFields(block.subarray(2 * size + 4));
    if (fields === undefined) return invalid("malformed fields");
    const tls = tlsOf(fields);
    if (tls === "malformed") return invalid("malformed TLS field");
    return header({
      client: { address: format(block.subarray(0, size)), port: block.readUInt16BE(2 * size) },
      server: { address: format(block.subarray(size, 2 * size)), port: block.readUInt16BE(2 * size + 2) },
      tls,
    });
  }
}

function ipv4(octets: Buffer): string {
  return [...octets].join(".");
}

function ipv6(octets: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => octets.readUInt16BE(2 * i).toString(16));
  return usualIpv6(groups.join(":"));
}

/** An address with a zone (`fe80::1%eth0`) means something on the proxy's host alone. */
function isUnscopedIpv6(text: string): boolean {
  return isIPv6(text) && !text.includes("%");
}

/**
 * The short form (RFC 5952). A proxy that listens for both families at one socket writes its IPv4 clients as
 * `::ffff:192.0.2.7`; left so, all of them would count as one network, and in another spelling as no client that is known.
 */
function usualIpv6(address: string): string {
  // The URL standard's parser writes it, and the last two groups as such.
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(short) ?? [];
  if (high === undefined || low === undefined) return short;
  return [high, low].flatMap((group) => [...Buffer.from(group.padStart(4, "0"), "hex")]).join(".");
}

/** Fields of type, length (two octets) and value; undefined when the last one is cut short. */
function readFields(block: Buffer): ReadonlyMap<number, Buffer> | undefined {
  const fields = new Map<number, Buffer>();
  for (let at = 0; at < block.length; ) {
    if (at + 3 > block.length) return undefined;
    const end = at + 3 + block.readUInt16BE(at + 1);
    if (end > block.length) return undefined;
    fields.set(block.readUInt8(at), block.subarray(at + 3, end));
    at = end;
  }
  return fields;
}

const TLS_FIELD = 0x20;
const TLS_VERSION = 0x21;
const TLS_CIPHER = 0x23;
/** Of the TLS field's first octet: the client connected over TLS. */
const CLIENT_SSL = 0x01;
/** That octet, and four that tell of the client's certificate. */
const TLS_HEAD_OCTETS = 5;

function tlsOf(fields: ReadonlyMap<number, Buffer>): ProxiedClient["tls"] | "malformed" {
  const field = fields.get(TLS_FIELD);
  if (field === undefined) return undefined;
  const details = field.length < TLS_HEAD_OCTETS ? undefined : readFields(field.subarray(TLS_HEAD_OCTETS));
  if (details === undefined) return "malformed";
  if ((field.readUInt8(0) & CLIENT_SSL) === 0) return undefined;
  return { version: word(details.get(TLS_VERSION), "TLS"), cipher: word(details.get(TLS_CIPHER), "unknown") };
}

/** Goes into trace headers and logs, so it is a word or nothing. */
function word(octets: Buffer | undefined, otherwise: string): string {
  const text = octets?.toString("latin1") ?? "";
  return /^[A-Za-z0-9._-]{1,64}$/.test(text) ? text : otherwise;
}
