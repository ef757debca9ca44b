/** Reading the header of the PROXY protocol: what is one, what is none, and that no cut of the octets matters. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { PROXY_HEADER_OCTETS_MAX, readProxyHeader } from "../../../shared/proxy-protocol/header.js";
import { ENDS, field, local, rawV2, tlsField, v1, v2 } from "../../fakes/proxy-header.js";

const V6 = { ...ENDS, from: "2001:db8:0:0:0:0:0:5", to: "2001:db8:0:0:0:0:0:1" };
const PROXIED = {
  client: { address: "203.0.113.5", port: 40_001 },
  server: { address: "198.51.100.1", port: 110 },
  tls: undefined,
};
const V6_PROXIED = {
  ...PROXIED,
  client: { address: "2001:db8::5", port: 40_001 },
  server: { address: "2001:db8::1", port: 110 },
};
const MAPPED = { ...ENDS, from: "::ffff:203.0.113.5", to: "::FFFF:198.51.100.1" };
const MAPPED_LONG = { ...ENDS, from: "0:0:0:0:0:ffff:cb00:7105", to: "0:0:0:0:0:ffff:c633:6401" };
const TLS = { version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384" };

describe("headers", () => {
  const rows: readonly (readonly [string, Buffer, unknown])[] = [
    ["v1 over IPv4", v1(), PROXIED],
    ["v1 over IPv6", v1(V6), V6_PROXIED],
    ["v1 over IPv6 of IPv4 clients", v1(MAPPED), PROXIED],
    ["v1 over IPv6 of IPv4 clients, in other words", v1(MAPPED_LONG), PROXIED],
    ["v1 unknown", Buffer.from("PROXY UNKNOWN\r\n"), undefined],
    ["v1 unknown, with more", Buffer.from("PROXY UNKNOWN ffff::1 ffff::1 65535 65535\r\n"), undefined],
    ["v2 over IPv4", v2(), PROXIED],
    ["v2 over IPv6", v2(V6), V6_PROXIED],
    ["v2 over IPv6 of IPv4 clients", v2(MAPPED_LONG), PROXIED],
    [
      "v2 with fields nobody knows",
      v2(ENDS, Buffer.concat([field(0x04, Buffer.alloc(9)), field(0xe0, Buffer.from("x"))])),
      PROXIED,
    ],
    ["v2 with TLS", v2(ENDS, tlsField(TLS.version, TLS.cipher)), { ...PROXIED, tls: TLS }],
    ["v2 with TLS that the client did not use", v2(ENDS, field(0x20, Buffer.from([0, 0, 0, 0, 0]))), PROXIED],
    [
      "v2 with TLS words that are none",
      v2(ENDS, tlsField("TLS\r\nX", "a b")),
      { ...PROXIED, tls: { version: "TLS", cipher: "unknown" } },
    ],
    ["v2 local", local(), undefined],
    ["v2 local, of a family and addresses that do not matter", rawV2(0x20, 0x77, Buffer.alloc(7)), undefined],
    ["v2 of no family", rawV2(0x21, 0, Buffer.alloc(0)), undefined],
    ["v2 of a Unix socket", rawV2(0x21, 0x31, Buffer.alloc(216)), undefined],
  ];
  for (const [name, octets, proxied] of rows) {
    test(name, () => {
      const expected = { kind: "header", octets: octets.length, proxied };
      assert.deepEqual(readProxyHeader(octets), expected);
      assert.deepEqual(readProxyHeader(Buffer.concat([octets, Buffer.from("QUIT\r\n")])), expected);
      for (let cut = 0; cut < octets.length; cut++) {
        assert.deepEqual(readProxyHeader(octets.subarray(0, cut)), { kind: "incomplete" }, `cut at ${cut}`);
      }
    });
  }
});

describe("no headers", () => {
  const text = (line: string) => Buffer.from(line, "latin1");
  const rows: readonly (readonly [string, Buffer])[] = [
    ["a command", text("CAPA\r\n")],
    ["v1 in lower case", text("proxy TCP4 203.0.113.5 198.51.100.1 1 2\r\n")],
    ["v1 with a zone", text("PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n")],
    ["v1 with a family of its own", text("PROXY UDP4 203.0.113.5 198.51.100.1 1 2\r\n")],
    ["v1 with IPv6 called IPv4", text("PROXY TCP4 ::1 ::1 1 2\r\n")],
    ["v1 with a name", text("PROXY TCP4 localhost 198.51.100.1 1 2\r\n")],
    ["v1 with a port out of range", text("PROXY TCP4 203.0.113.5 198.51.100.1 65536 2\r\n")],
    ["v1 with a leading zero", text("PROXY TCP4 203.0.113.5 198.51.100.1 01 2\r\n")],
    ["v1 with a sign", text("PROXY TCP4 203.0.113.5 198.51.100.1 +1 2\r\n")],
    ["v1 with two spaces", text("PROXY TCP4  203.0.113.5 198.51.100.1 1 2\r\n")],
    ["v1 with more", text("PROXY TCP4 203.0.113.5 198.51.100.1 1 2 3\r\n")],
    ["v1 with less", text("PROXY TCP4 203.0.113.5 198.51.100.1 1\r\n")],
    ["v1 that ends in LF", text(`PROXY TCP4 203.0.113.5 198.51.100.1 1 2\n${"x".repeat(100)}`)],
    ["v1 without end", text(`PROXY TCP4 ${"1".repeat(96)}`)],
    ["v2 of another version", rawV2(0x11, 0x11, Buffer.alloc(12))],
    ["v2 of another command", rawV2(0x22, 0x11, Buffer.alloc(12))],
    ["v2 of datagrams", rawV2(0x21, 0x12, Buffer.alloc(12))],
    ["v2 with less than two addresses", rawV2(0x21, 0x11, Buffer.alloc(11))],
    ["v2 with a field cut short", v2(ENDS, Buffer.from([0x04, 0, 9, 1]))],
    ["v2 with half a field", v2(ENDS, Buffer.from([0x04, 0]))],
    ["v2 with TLS cut short", v2(ENDS, field(0x20, Buffer.from([1, 0])))],
    ["v2 with TLS details cut short", v2(ENDS, field(0x20, Buffer.from([1, 0, 0, 0, 0, 0x21, 0, 9])))],
    ["v2 longer than anyone needs", rawV2(0x21, 0x11, Buffer.alloc(12), 65_535)],
  ];
  for (const [name, octets] of rows) {
    test(name, () => assert.equal(readProxyHeader(octets).kind, "invalid"));
  }
});

test("whatever comes is decided within the octets that may be held, and nothing is believed beyond the header", () => {
  const beginnings = fc.constantFrom(
    Buffer.alloc(0),
    Buffer.from("PROXY "),
    v1().subarray(0, 30),
    v2().subarray(0, 13),
    v2(),
  );
  fc.assert(
    fc.property(beginnings, fc.uint8Array({ maxLength: 300 }), (beginning, noise) => {
      const octets = Buffer.concat([beginning, noise, Buffer.alloc(PROXY_HEADER_OCTETS_MAX)]);
      const header = readProxyHeader(octets.subarray(0, PROXY_HEADER_OCTETS_MAX));
      assert.notEqual(header.kind, "incomplete");
      if (header.kind !== "header") return;
      assert.ok(header.octets <= PROXY_HEADER_OCTETS_MAX);
      assert.deepEqual(readProxyHeader(octets.subarray(0, header.octets)), header);
    }),
  );
});
