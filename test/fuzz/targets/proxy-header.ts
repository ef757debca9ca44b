/** The header of the PROXY protocol: decided by as few octets as can be, never otherwise by more, and nothing odd is believed. */
import assert from "node:assert/strict";
import { BlockList, isIP } from "node:net";
import {
  PROXY_HEADER_OCTETS_MAX,
  type ProxiedClient,
  type ProxyHeader,
  readProxyHeader,
} from "../../../shared/proxy-protocol/header.js";
import type { Target } from "../target.js";

const SIGNATURE = "\r\n\r\n\0\r\nQUIT\n";
/** The family of IPv4 over TCP. */
const V2_TCP4 = 0x11;

export const proxyHeader: Target = {
  name: "proxy-header",
  tokens: [
    ...[
      "PROXY ",
      "TCP4 ",
      "TCP6 ",
      "UNKNOWN",
      "192.0.2.7 ",
      "2001:db8::1 ",
      "65535",
      "\r\n",
      "PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n",
    ],
    ...[
      SIGNATURE,
      `${SIGNATURE}\x21\x11\0\x0c`,
      `${SIGNATURE}\x21\x21\0\x24`,
      "\x20\0\x05\x01\0\0\0\0",
      "\x21\0\x07TLSv1.3",
    ],
  ],
  check: (octets) => {
    const decided = readProxyHeader(octets);
    checkHeader(decided, octets);
    let before: ProxyHeader = { kind: "incomplete" };
    for (let length = 0; length <= Math.min(octets.length, PROXY_HEADER_OCTETS_MAX); length += step(length)) {
      const header = readProxyHeader(octets.subarray(0, length));
      if (before.kind !== "incomplete") assert.deepEqual(header, before, `otherwise at ${length} octets`);
      if (header.kind === "header") assert.ok(header.octets <= length);
      before = header;
    }
    if (before.kind !== "incomplete") assert.deepEqual(decided, before);
    if (octets.length >= PROXY_HEADER_OCTETS_MAX) assert.notEqual(decided.kind, "incomplete");
  },
};

/** Each length where something may be decided by one octet; fewer in the long fields of version 2. */
function step(length: number): number {
  return length < 256 ? 1 : 97;
}

function checkHeader(header: ProxyHeader, octets: Buffer): void {
  if (header.kind !== "header") return;
  assert.ok(header.octets <= Math.min(octets.length, PROXY_HEADER_OCTETS_MAX));
  assert.deepEqual(readProxyHeader(octets.subarray(0, header.octets)), header);
  if (header.proxied === undefined) return;
  for (const { address, port } of [header.proxied.client, header.proxied.server]) {
    assert.ok(
      isIP(address) > 0 && address.length <= "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255".length,
      address,
    );
    assert.ok(Number.isInteger(port) && port >= 0 && port <= 65_535);
  }
  const { tls } = header.proxied;
  if (tls !== undefined)
    assert.match(`${tls.version} ${tls.cipher}`, /^[A-Za-z0-9._-]{1,64} [A-Za-z0-9._-]{1,64}$/);
  if (octets.subarray(0, 6).toString("latin1") === "PROXY ") {
    assertLine(octets.toString("latin1", 0, header.octets), header.proxied);
  } else {
    const addresses = octets[13] === V2_TCP4 ? 12 : 36;
    assertFields(octets.subarray(16 + addresses, header.octets));
  }
}

/** Each field ends where the next begins, and the last with the header. */
function assertFields(block: Buffer): void {
  let at = 0;
  while (at < block.length) at += 3 + block.readUInt16BE(at + 1);
  assert.equal(at, block.length, "a field beyond the header");
}

/** A header of version 1 has one form, but for the addresses, which are told in their usual one. */
function assertLine(line: string, { client, server }: ProxiedClient): void {
  const [, protocol = "", from = "", to = "", ...ports] = line.trimEnd().split(" ");
  assert.equal(line, `PROXY ${protocol} ${from} ${to} ${client.port} ${server.port}\r\n`);
  assert.equal(ports.length, 2);
  for (const [written, { address }] of [
    [from, client],
    [to, server],
  ] as const) {
    assert.equal(`TCP${isIP(written)}`, protocol);
    // Which knows an IPv4 address that is written as IPv6, too.
    const list = new BlockList();
    list.addAddress(address, isIP(address) === 4 ? "ipv4" : "ipv6");
    assert.ok(list.check(written, isIP(written) === 4 ? "ipv4" : "ipv6"), `${written} is not ${address}`);
  }
}
