/** Choosing among hosts, without DNS: chance, address literals, and hosts that the configuration names. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  asConfigured,
  type Choice,
  chooseHosts,
  chooseLiteral,
  chooseNamedHost,
} from "../../../smtpd/send/hosts.js";
import type { MailHost } from "../../../smtpd/send/mail-hosts.js";
import { isOurEndpoint, type Ourselves } from "../../../smtpd/send/ourselves.js";
import { shuffled } from "../../../smtpd/send/shuffle.js";

const US: Ourselves = {
  hostname: "mail.us.test",
  listening: [
    { kind: "tcp", host: "::", port: 25 },
    { kind: "tcp", host: "192.0.2.7", port: 2525 },
    { kind: "tcp", host: "2001:db8::7", port: 2525 },
    { kind: "unix", path: "/run/x.sock" },
  ],
  interfaces: () => ["192.0.2.1", "2001:db8::1", "fe80::1%eth0"],
};

const shown = (choice: Choice) =>
  choice.kind === "endpoints"
    ? choice.endpoints.map(({ address }) => address)
    : `${choice.kind} ${choice.trouble.status}`;

test("each order of equal hosts comes up", () => {
  const host = (name: string, address: string): MailHost => ({
    name,
    preference: 10,
    addresses: [address],
    trouble: undefined,
  });
  const hosts = [host("a", "192.0.2.10"), host("b", "192.0.2.11"), host("c", "192.0.2.12")];
  const orders = new Set<string>();
  for (const x of [0, 0.4, 0.9]) {
    for (const y of [0, 0.9]) {
      const dice = [x, y, 0];
      const found = { kind: "hosts", hosts, more: false, skipped: [] } as const;
      orders.add(String(shown(chooseHosts(found, 25, US, () => dice.shift() ?? 0))));
    }
  }
  assert.equal(orders.size, 6);
});

test("a shuffle loses nothing, and leaves what it was given as it is", () => {
  const given = Array.from({ length: 50 }, (_, i) => i);
  const result = shuffled(given, Math.random);
  assert.deepEqual(
    result.toSorted((a, b) => a - b),
    given,
  );
});

describe("an address literal", () => {
  for (const [address, port, expected] of [
    ["192.0.2.10", 25, ["192.0.2.10"]],
    ["2001:db8::10", 25, ["2001:db8::10"]],
    ["192.0.2.1", 25, "failed 5.4.6"],
    ["2001:db8::1", 25, "failed 5.4.6"],
    ["2001:db8:0:0::1", 25, "failed 5.4.6"],
    ["fe80::1", 25, "failed 5.4.6"],
    ["127.0.0.1", 25, "failed 5.4.6"],
    ["::1", 25, "failed 5.4.6"],
    ["::ffff:127.0.0.1", 25, "failed 5.4.6"],
    ["192.0.2.7", 25, ["192.0.2.7"]],
    ["192.0.2.7", 2525, "failed 5.4.6"],
    ["2001:db8::7", 2525, "failed 5.4.6"],
    ["192.0.2.1", 2525, ["192.0.2.1"]],
    ["127.0.0.1", 2525, ["127.0.0.1"]],
    ["0.0.0.0", 25, "failed 5.1.2"],
    ["255.255.255.255", 25, "failed 5.1.2"],
    ["239.1.1.1", 25, "failed 5.1.2"],
    ["169.254.169.254", 25, "failed 5.1.2"],
    ["::", 25, "failed 5.1.2"],
    ["ff02::1", 25, "failed 5.1.2"],
    ["::ffff:192.0.2.10", 25, "failed 5.1.2"],
  ] as const) {
    test(`${address}, port ${port}: ${expected}`, () => {
      assert.deepEqual(shown(chooseLiteral(address, port, US)), expected);
    });
  }
});

test("who listens on addresses of his own is nobody else, and no wildcard", () => {
  const one = { ...US, listening: [{ kind: "tcp", host: "127.0.0.2", port: 25 }] as const };
  assert.equal(isOurEndpoint(one, "127.0.0.2", 25), true);
  for (const other of ["127.0.0.1", "127.0.0.3", "192.0.2.1", "::1"])
    assert.equal(isOurEndpoint(one, other, 25), false);
});

describe("about a host that the configuration names nothing is final:", () => {
  const found = { addresses: [], trouble: undefined, exists: false };
  for (const [name, choice, expected] of [
    ["no such host", chooseNamedHost("h.test", found, 25, US), "deferred 4.3.5"],
    ["trouble", chooseNamedHost("h.test", { ...found, trouble: "ESERVFAIL" }, 25, US), "deferred 4.4.3"],
    [
      "this host itself",
      chooseNamedHost("h.test", { ...found, addresses: ["192.0.2.1"] }, 25, US),
      "deferred 4.3.5",
    ],
    [
      "another port of this host",
      chooseNamedHost("h.test", { ...found, addresses: ["127.0.0.1"] }, 10025, US),
      ["127.0.0.1"],
    ],
    ["a null MX", asConfigured(chooseHosts({ kind: "null MX" }, 25, US, Math.random)), "deferred 4.3.5"],
    [
      "no domain",
      asConfigured(chooseHosts({ kind: "no such domain" }, 25, US, Math.random)),
      "deferred 4.3.5",
    ],
  ] as const) {
    test(name, () => assert.deepEqual(shown(choice), expected));
  }

  test("an address has no name for its certificate", () => {
    const choice = chooseNamedHost("192.0.2.9", { ...found, addresses: ["192.0.2.9"] }, 25, US);
    assert.deepEqual(choice, {
      kind: "endpoints",
      endpoints: [{ name: undefined, address: "192.0.2.9", port: 25 }],
    });
  });
});
