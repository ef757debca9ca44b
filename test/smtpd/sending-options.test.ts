/** What smtpd.toml may say about sending, and which of it makes no sense together. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseConfig } from "../../shared/config/load.js";
import { smtpdSchema } from "../../smtpd/config.js";

const LOGIN = 'username = "u"\npassword_file = "/p"\n';

function parse(toml: string) {
  return parseConfig("smtpd.toml", `domains = ["example.org"]\n${toml}`, smtpdSchema);
}

describe("a login", () => {
  for (const [toml, key] of [
    [`[relay]\nsmarthost = "mail.example.net:587"\ntls = "may"\n${LOGIN}`, "relay.tls"],
    [`[relay]\nsmarthost = "mail.example.net:587"\ntls = "never"\n${LOGIN}`, "relay.tls"],
    [`[relay]\nsmarthost = "example.net"\ntls = "may"\n${LOGIN}`, "relay.tls"],
    [`[relay]\nsmarthost = "192.0.2.1:25"\ntls = "never"\n${LOGIN}`, "relay.tls"],
    [`[relay]\n${LOGIN}`, "relay.smarthost"],
    ['[relay]\nsmarthost = "mail.example.net:587"\nusername = "u"', "relay.password_file"],
    ['[relay]\nsmarthost = "mail.example.net:587"\npassword_file = "/p"', "relay.username"],
    [`[[route]]\ndomain = "a.test"\nhost = "b.test:25"\ntls = "never"\n${LOGIN}`, "route[1].tls"],
    [`[[route]]\ndomain = "a.test"\n${LOGIN}`, "route[1].host"],
  ] as const) {
    test(`is not taken, and ${key} named, in ${toml.replaceAll("\n", " ")}`, () => {
      assert.throws(() => parse(toml), { message: new RegExp(`key "${key.replace(/[[\].]/g, "\\$&")}"`) });
    });
  }

  for (const relay of [
    `smarthost = "mail.example.net:587"\n${LOGIN}`,
    `smarthost = "mail.example.net:587"\ntls = "must"\n${LOGIN}`,
    `smarthost = "mail.example.net:465"\ntls = "implicit"\n${LOGIN}`,
    `smarthost = "127.0.0.1:587"\ntls = "never"\n${LOGIN}`,
    `smarthost = "[::1]:587"\ntls = "may"\n${LOGIN}`,
    `smarthost = "localhost:587"\ntls = "never"\n${LOGIN}`,
    `smarthost = "lmtp:unix:/x"\ntls = "never"\n${LOGIN}`,
  ]) {
    test(`is taken in ${relay.replaceAll("\n", " ")}`, () => {
      parse(`[relay]\n${relay}`);
    });
  }
});

test("TLS from the first octet needs a port", () => {
  for (const toml of [
    '[relay]\ntls = "implicit"',
    '[relay]\nsmarthost = "[a.test]"\ntls = "implicit"',
    '[relay]\nsmarthost = "a.test"\ntls = "implicit"',
    '[[route]]\ndomain = "a.test"\ntls = "implicit"',
  ])
    assert.throws(() => parse(toml), /tls"/, toml);
});

test("a domain has one route", () => {
  const route = (domain: string) => `[[route]]\ndomain = "${domain}"\nhost = "b.test:25"\n`;
  assert.throws(() => parse(route("a.test") + route("A.test")), /route\[2\]\.domain/);
  parse(route("a.test") + route(".a.test") + route("*") + route("[192.0.2.1]"));
  for (const wrong of ["", ".", "*.a.test", "a..test", ".[192.0.2.1]", "u@a.test", "192.0.2.1"])
    assert.throws(() => parse(route(wrong)), /route\[1\]\.domain/, wrong);
});

test("servers are written with their port or without", () => {
  const servers = '["192.0.2.53", "192.0.2.53:5353", "[2001:db8::53]", "[2001:db8::53]:5353"]';
  assert.deepEqual(parse(`[dns]\nservers = ${servers}`).dns.servers, [
    "192.0.2.53:53",
    "192.0.2.53:5353",
    "[2001:db8::53]:53",
    "[2001:db8::53]:5353",
  ]);
  for (const wrong of ['"ns.example.net"', '"2001:db8::53"', '"192.0.2.53:0"', '"unix:/x"', ""])
    assert.throws(() => parse(`[dns]\nservers = [${wrong}]`), /dns\.servers/, wrong);
});
