/** The host that mail is sent to, as a configuration writes it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  formatRelayAddress,
  parseRelayAddress,
  type RelayAddress,
} from "../../../smtpd/send/relay-address.js";

const host = (name: string, port?: number, protocol: "smtp" | "lmtp" = "smtp"): RelayAddress => ({
  kind: "host",
  protocol,
  host: name,
  port,
});

const FORMS: readonly (readonly [string, RelayAddress])[] = [
  ["mail.example.net:587", host("mail.example.net", 587)],
  ["[mail.example.net]", host("mail.example.net")],
  ["[mail.example.net]:465", host("mail.example.net", 465)],
  ["Mail.Example.NET:25", host("mail.example.net", 25)],
  ["bücher.example:25", host("xn--bcher-kva.example", 25)],
  ["example.net", { kind: "domain", protocol: "smtp", domain: "example.net" }],
  ["localhost:10025", host("localhost", 10025)],
  ["192.0.2.1", host("192.0.2.1")],
  ["[192.0.2.1]", host("192.0.2.1")],
  ["192.0.2.1:587", host("192.0.2.1", 587)],
  ["[2001:db8::1]", host("2001:db8::1")],
  ["[2001:db8::1]:587", host("2001:db8::1", 587)],
  ["lmtp:unix:/run/x.sock", { kind: "socket", protocol: "lmtp", path: "/run/x.sock" }],
  ["lmtp:mail.example.net:24", host("mail.example.net", 24, "lmtp")],
  ["lmtp:[2001:db8::1]:2424", host("2001:db8::1", 2424, "lmtp")],
];

describe("the host to send to", () => {
  for (const [text, address] of FORMS) {
    test(`is ${text}`, () => {
      assert.deepEqual(parseRelayAddress(text), address);
      assert.deepEqual(parseRelayAddress(formatRelayAddress(address)), address);
    });
  }

  for (const text of [
    ...["", ":25", "a b:25", "example.net:", "example.net:0", "example.net:65536", "example.net:025"],
    ...["example.net:587:1", "2001:db8::1", "[2001:db8::1", "[fe80::1%eth0]:25", "[[192.0.2.1]]", "[]"],
    ...["smtp:example.net:25", "unix:/run/x.sock", "lmtp:unix:x.sock", "lmtp:", "lmtp:example.net"],
    ...["lmtp:example.net:25", "lmtp:lmtp:example.net:24", "user@example.net:25", "-.example.net:25"],
  ]) {
    test(`is not ${text || "nothing"}`, () => {
      assert.equal(parseRelayAddress(text), undefined);
    });
  }
});
