/** The trace fields: RFC 5321 §4.4 in form, and nothing that a client says can break out of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  deliveredTo,
  formatDate,
  type Reception,
  received,
  returnPath,
} from "../../../smtpd/receive/trace-headers.js";

const reception: Reception = {
  hostname: "mail.example.org",
  helo: "client.example.com",
  remoteAddress: "192.0.2.7",
  role: "mx",
  esmtp: true,
  smtputf8: false,
  authenticated: false,
  tls: undefined,
  queueId: "01JDXK6M2W9QF",
  recipients: [{ localPart: "bob", domain: "example.org" }],
  date: new Date(Date.UTC(2026, 10, 22, 8, 0, 5)),
};
const tls = { version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384" };
const carol = { localPart: "carol", domain: "example.org" };

const rows: readonly (readonly [what: string, facts: Partial<Reception>, expected: RegExp])[] = [
  [
    "names the client, its address and the recipient",
    {},
    /^Received: from client\.example\.com \(\[192\.0\.2\.7\]\)\n\tby mail\.example\.org with ESMTP\n\tid 01JDXK6M2W9QF for <bob@example\.org>; Sun, 22 Nov 2026 08:00:05 \+0000\n$/,
  ],
  ["SMTP after HELO", { esmtp: false }, / with SMTP\n/],
  ["ESMTPS with version and cipher", { tls }, / with ESMTPS \(TLSv1\.3 TLS_AES_256_GCM_SHA384\)\n/],
  ["ESMTPA", { authenticated: true }, / with ESMTPA\n/],
  ["ESMTPSA", { authenticated: true, tls }, / with ESMTPSA \(/],
  ["UTF8SMTP", { smtputf8: true }, / with UTF8SMTP\n/],
  ["UTF8SMTPSA", { smtputf8: true, authenticated: true, tls }, / with UTF8SMTPSA \(/],
  ["LMTP", { role: "lmtp" }, / with LMTP\n/],
  ["UTF8LMTPS", { role: "lmtp", smtputf8: true, tls }, / with UTF8LMTPS \(/],
  ["a client at a Unix socket", { remoteAddress: "" }, /^Received: from client\.example\.com\n\tby /],
  [
    "such a client that gives no name",
    { remoteAddress: "", helo: "bad)(name" },
    /^Received: from localhost \(HELO bad\?\?name\)\n\tby /,
  ],
  ["an IPv6 address with its tag", { remoteAddress: "2001:db8::1" }, /\(\[IPv6:2001:db8::1\]\)/],
  ["a literal as HELO", { helo: "[192.0.2.7]" }, /^Received: from \[192\.0\.2\.7\] \(\[192\.0\.2\.7\]\)\n/],
  [
    "a HELO that is no name, in a comment",
    { helo: "bad)(name" },
    /^Received: from \[192\.0\.2\.7\] \(HELO bad\?\?name\)\n/,
  ],
  ["no recipient when there are several", { recipients: [carol, carol] }, /id 01JDXK6M2W9QF; /],
];
for (const [what, facts, expected] of rows) {
  test(`Received gives ${what}`, () => assert.match(received({ ...reception, ...facts }), expected));
}

test("Received stays one field, whatever the client calls itself", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 400 }), (helo) => {
      const lines = received({ ...reception, helo }).split("\n");
      assert.equal(lines.length, 4);
      assert.ok(lines.slice(1, 3).every((line) => line.startsWith("\t")));
      assert.ok(lines.every((line) => Buffer.byteLength(line) <= 998));
      assert.ok(!/[^\t\x20-\x7e]/.test(lines.join("")));
    }),
  );
});

test("Return-Path and Delivered-To", () => {
  assert.equal(returnPath(undefined), "Return-Path: <>\n");
  assert.equal(returnPath({ localPart: "a b", domain: "example.org" }), 'Return-Path: <"a b"@example.org>\n');
  assert.equal(deliveredTo("bob@example.org"), "Delivered-To: bob@example.org\n");
});

test("dates read back as the same second", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_102_444_799 }), (seconds) => {
      assert.equal(Date.parse(formatDate(new Date(seconds * 1000))), seconds * 1000);
    }),
  );
});
