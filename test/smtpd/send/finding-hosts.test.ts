/**
 * Finding the next host: a table of what DNS may say of a domain, asked through the real resolver of a scripted server, and
 * of what becomes of the mail.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { pino } from "pino";
import { formatEndpoint } from "../../../shared/listen-address.js";
import { type Choice, chooseHosts } from "../../../smtpd/send/hosts.js";
import type { Ourselves } from "../../../smtpd/send/ourselves.js";
import { Resolver } from "../../../smtpd/send/resolver.js";
import { DnsServer, type Records, type Zone } from "../../fakes/dns-server.js";

const US: Ourselves = {
  hostname: "mail.us.test",
  listening: [
    { kind: "tcp", host: "0.0.0.0", port: 25 },
    { kind: "tcp", host: "192.0.2.77", port: 2525 },
  ],
  interfaces: () => ["192.0.2.1", "2001:db8::1"],
};

const names = (count: number) => Array.from({ length: count }, (_, i) => `mx${i}.d.test`);
const each = (hosts: readonly string[], records: Records): Zone =>
  Object.fromEntries(hosts.map((host) => [host, records]));

interface Row {
  readonly name: string;
  /** What DNS has; the mail is for d.test. */
  readonly zone: Zone;
  /**
   * The endpoints in their order; a list of them in any order within the brackets; or what becomes of the mail, and its
   * status.
   */
  readonly expected: readonly (string | readonly string[])[] | string;
  readonly port?: number;
}

const rows: readonly Row[] = [
  {
    name: "MX records, best preference first",
    zone: {
      "d.test": {
        MX: [
          [20, "b.d.test"],
          [10, "a.d.test"],
          [30, "c.d.test"],
        ],
      },
      "a.d.test": { A: ["192.0.2.10"] },
      "b.d.test": { A: ["192.0.2.11"] },
      "c.d.test": { A: ["192.0.2.12"] },
    },
    expected: ["a.d.test 192.0.2.10:25", "b.d.test 192.0.2.11:25", "c.d.test 192.0.2.12:25"],
  },
  {
    name: "equal preferences in any order, and never before better ones",
    zone: {
      "d.test": {
        MX: [
          [20, "c.d.test"],
          [10, "b.d.test"],
          [10, "a.d.test"],
        ],
      },
      "a.d.test": { A: ["192.0.2.10"] },
      "b.d.test": { A: ["192.0.2.11"] },
      "c.d.test": { A: ["192.0.2.12"] },
    },
    expected: [["a.d.test 192.0.2.10:25", "b.d.test 192.0.2.11:25"], "c.d.test 192.0.2.12:25"],
  },
  {
    name: "IPv6 and IPv4 of each host by turns, before the next host",
    zone: {
      "d.test": {
        MX: [
          [10, "a.d.test"],
          [20, "b.d.test"],
        ],
      },
      "a.d.test": { A: ["192.0.2.10", "192.0.2.11"], AAAA: ["2001:db8::10"] },
      "b.d.test": { A: ["192.0.2.12"], AAAA: ["2001:db8::12"] },
    },
    expected: [
      "a.d.test [2001:db8::10]:25",
      "a.d.test 192.0.2.10:25",
      "a.d.test 192.0.2.11:25",
      "b.d.test [2001:db8::12]:25",
      "b.d.test 192.0.2.12:25",
    ],
  },
  {
    name: "a host with IPv6 alone",
    zone: { "d.test": { MX: [[10, "a.d.test"]] }, "a.d.test": { AAAA: ["2001:db8::10"] } },
    expected: ["a.d.test [2001:db8::10]:25"],
  },
  {
    name: "without MX the domain itself, by A",
    zone: { "d.test": { A: ["192.0.2.10"] } },
    expected: ["d.test 192.0.2.10:25"],
  },
  {
    name: "without MX the domain itself, by AAAA",
    zone: { "d.test": { AAAA: ["2001:db8::10"] } },
    expected: ["d.test [2001:db8::10]:25"],
  },
  {
    name: "with MX the addresses of the domain count for nothing",
    zone: { "d.test": { MX: [[10, "a.d.test"]], A: ["192.0.2.99"] }, "a.d.test": {} },
    expected: "failed 5.4.4",
  },
  {
    name: "the port of the configuration",
    zone: { "d.test": { A: ["192.0.2.10"] } },
    port: 2525,
    expected: ["d.test 192.0.2.10:2525"],
  },

  { name: "a null MX", zone: { "d.test": { MX: [[0, "."]] } }, expected: "failed 5.1.10" },
  {
    name: "a null MX whose domain has addresses",
    zone: { "d.test": { MX: [[10, "."]], A: ["192.0.2.10"] } },
    expected: "failed 5.1.10",
  },
  {
    name: "the root among other MX records is none",
    zone: {
      "d.test": {
        MX: [
          [0, "."],
          [10, "a.d.test"],
        ],
      },
      "a.d.test": { A: ["192.0.2.10"] },
    },
    expected: ["a.d.test 192.0.2.10:25"],
  },
  { name: "no such domain", zone: {}, expected: "failed 5.1.2" },
  {
    name: "a domain with neither MX nor addresses",
    zone: { "d.test": { TXT: ["x"] } },
    expected: "failed 5.4.4",
  },
  {
    name: "MX records whose hosts do not exist",
    zone: {
      "d.test": {
        MX: [
          [10, "a.d.test"],
          [20, "b.d.test"],
        ],
      },
      "b.d.test": {},
    },
    expected: "failed 5.4.4",
  },
  {
    name: "MX records of which one host exists",
    zone: {
      "d.test": {
        MX: [
          [10, "a.d.test"],
          [20, "b.d.test"],
        ],
      },
      "b.d.test": { A: ["192.0.2.11"] },
    },
    expected: ["b.d.test 192.0.2.11:25"],
  },
  {
    name: "MX records of which one host is not known and another does not exist",
    zone: {
      "d.test": {
        MX: [
          [10, "a.d.test"],
          [20, "b.d.test"],
        ],
      },
      "b.d.test": { trouble: "SERVFAIL" },
    },
    expected: "deferred 4.4.3",
  },
  {
    name: "MX records of which one host is not known and another is",
    zone: {
      "d.test": {
        MX: [
          [10, "a.d.test"],
          [20, "b.d.test"],
        ],
      },
      "a.d.test": { trouble: "SERVFAIL" },
      "b.d.test": { A: ["192.0.2.11"] },
    },
    expected: ["b.d.test 192.0.2.11:25"],
  },
  {
    name: "a host of whose families one is not known",
    zone: {
      "d.test": { MX: [[10, "a.d.test"]] },
      "a.d.test": { A: ["192.0.2.10"], trouble: { AAAA: "SERVFAIL" } },
    },
    expected: ["a.d.test 192.0.2.10:25"],
  },
  {
    name: "a host with no address of one family, and the other not known",
    zone: { "d.test": { MX: [[10, "a.d.test"]] }, "a.d.test": { trouble: { AAAA: "SERVFAIL" } } },
    expected: "deferred 4.4.3",
  },
  {
    name: "a server that says NXDOMAIN where there is an address of the other family",
    zone: {
      "d.test": { MX: [[10, "a.d.test"]] },
      "a.d.test": { A: ["192.0.2.10"], trouble: { AAAA: "NXDOMAIN" } },
    },
    expected: ["a.d.test 192.0.2.10:25"],
  },
  {
    name: "MX known not to be, addresses not known",
    zone: { "d.test": { trouble: { A: "SERVFAIL", AAAA: "SERVFAIL" } } },
    expected: "deferred 4.4.3",
  },
  {
    name: "MX not known, addresses known: not believed to be without MX",
    zone: { "d.test": { A: ["192.0.2.10"], trouble: { MX: "SERVFAIL" } } },
    expected: "deferred 4.4.3",
  },

  ...(
    [
      "SERVFAIL",
      "REFUSED",
      "NOTIMP",
      "FORMERR",
      "silence",
      "garbage",
      "cut",
      "stray",
      "truncated for ever",
    ] as const
  ).map((trouble) => ({ name: trouble, zone: { "d.test": { trouble } }, expected: "deferred 4.4.3" })),

  {
    name: "an alias to a domain with MX",
    zone: {
      "d.test": { CNAME: "e.test" },
      "e.test": { MX: [[10, "a.e.test"]] },
      "a.e.test": { A: ["192.0.2.10"] },
    },
    expected: ["a.e.test 192.0.2.10:25"],
  },
  {
    name: "an alias that the server leaves to us to follow",
    zone: {
      "d.test": { CNAME: "e.test", chase: false },
      "e.test": { CNAME: "f.test", chase: false },
      "f.test": { MX: [[10, "a.e.test"]] },
      "a.e.test": { A: ["192.0.2.10"] },
    },
    expected: ["a.e.test 192.0.2.10:25"],
  },
  {
    name: "an alias to a domain without MX",
    zone: { "d.test": { CNAME: "e.test" }, "e.test": { A: ["192.0.2.10"] } },
    expected: ["e.test 192.0.2.10:25"],
  },
  { name: "an alias to nowhere", zone: { "d.test": { CNAME: "e.test" } }, expected: "failed 5.1.2" },
  {
    name: "an alias to a null MX",
    zone: { "d.test": { CNAME: "e.test" }, "e.test": { MX: [[0, "."]] } },
    expected: "failed 5.1.10",
  },
  {
    name: "aliases in a circle",
    zone: { "d.test": { CNAME: "e.test" }, "e.test": { CNAME: "d.test" } },
    expected: "deferred 4.4.3",
  },
  {
    name: "aliases in a circle that the server leaves to us to follow",
    zone: { "d.test": { CNAME: "e.test", chase: false }, "e.test": { CNAME: "d.test", chase: false } },
    expected: "deferred 4.4.3",
  },
  {
    name: "an MX that is an alias",
    zone: {
      "d.test": { MX: [[10, "a.d.test"]] },
      "a.d.test": { CNAME: "b.d.test" },
      "b.d.test": { A: ["192.0.2.10"] },
    },
    expected: ["a.d.test 192.0.2.10:25"],
  },
  {
    name: "an MX that is an alias which the server leaves to us to follow",
    zone: {
      "d.test": { MX: [[10, "a.d.test"]] },
      "a.d.test": { CNAME: "b.d.test", chase: false },
      "b.d.test": { A: ["192.0.2.10"] },
    },
    expected: ["a.d.test 192.0.2.10:25"],
  },
  {
    name: "an MX that is an alias in a circle",
    zone: { "d.test": { MX: [[10, "a.d.test"]] }, "a.d.test": { CNAME: "a.d.test", chase: false } },
    expected: "deferred 4.4.3",
  },

  {
    name: "MX records that name addresses and worse are left out",
    zone: {
      "d.test": {
        MX: [
          [1, "192.0.2.66"],
          [2, "a b.test"],
          [3, "x/../y"],
          [4, "\x00\xff.test"],
          [5, "-.test"],
          [6, "[192.0.2.66]"],
          [7, "<script>"],
          [8, "A.d.test"],
        ],
      },
      "a.d.test": { A: ["192.0.2.10"] },
    },
    expected: ["a.d.test 192.0.2.10:25"],
  },
  {
    name: "MX records that name nothing but addresses",
    zone: {
      "d.test": {
        MX: [
          [1, "192.0.2.66"],
          [2, "192.0.2.67"],
        ],
      },
    },
    expected: "failed 5.4.4",
  },
  {
    name: "the same host twice is tried once, where it stands first",
    zone: {
      "d.test": {
        MX: [
          [30, "a.d.test"],
          [10, "A.D.test"],
          [20, "b.d.test"],
        ],
      },
      "a.d.test": { A: ["192.0.2.10"] },
      "b.d.test": { A: ["192.0.2.11"] },
    },
    expected: ["a.d.test 192.0.2.10:25", "b.d.test 192.0.2.11:25"],
  },
  {
    name: "addresses that are those of no host",
    zone: {
      "d.test": { MX: [[10, "a.d.test"]] },
      "a.d.test": { A: ["0.0.0.0", "224.0.0.1", "255.255.255.255"], AAAA: ["::", "ff02::1", "fe80::1"] },
    },
    expected: "failed 5.4.4",
  },

  {
    name: "ourselves by name, alone",
    zone: { "d.test": { MX: [[10, "mail.us.test"]] }, "mail.us.test": { A: ["192.0.2.200"] } },
    expected: "failed 5.4.6",
  },
  {
    name: "ourselves by an address of an interface, IPv4",
    zone: { "d.test": { MX: [[10, "a.d.test"]] }, "a.d.test": { A: ["192.0.2.1"] } },
    expected: "failed 5.4.6",
  },
  {
    name: "ourselves by an address of an interface, IPv6",
    zone: { "d.test": { AAAA: ["2001:db8::1"] } },
    expected: "failed 5.4.6",
  },
  {
    name: "ourselves by an address of loopback",
    zone: { "d.test": { A: ["127.8.9.10"] } },
    expected: "failed 5.4.6",
  },
  {
    name: "an address of ours, at a port where somebody else is",
    zone: { "d.test": { A: ["192.0.2.1"] } },
    port: 2525,
    expected: ["d.test 192.0.2.1:2525"],
  },
  {
    name: "an address on which we listen by that port",
    zone: { "d.test": { A: ["192.0.2.77"] } },
    port: 2525,
    expected: "failed 5.4.6",
  },
  {
    name: "ourselves as a backup: only better hosts than us",
    zone: {
      "d.test": {
        MX: [
          [10, "a.d.test"],
          [20, "b.d.test"],
          [20, "mail.us.test"],
          [30, "c.d.test"],
        ],
      },
      ...each(["a.d.test", "b.d.test", "c.d.test"], { A: ["192.0.2.10"] }),
    },
    expected: ["a.d.test 192.0.2.10:25"],
  },
  {
    name: "ourselves as a backup of a host that is not known now",
    zone: {
      "d.test": {
        MX: [
          [10, "a.d.test"],
          [20, "mail.us.test"],
        ],
      },
      "a.d.test": { trouble: "SERVFAIL" },
    },
    expected: "deferred 4.4.3",
  },

  {
    name: "1,000 MX records: ten are looked up, and no more are tried",
    zone: {
      "d.test": { MX: names(1000).map((name, i) => [i, name] as const) },
      ...each(names(1000), { A: ["192.0.2.10"] }),
    },
    expected: names(10).map((name) => `${name} 192.0.2.10:25`),
  },
  {
    name: "more MX records than are looked up, none of those with an address",
    zone: {
      "d.test": { MX: names(30).map((name, i) => [i, name] as const) },
      "mx29.d.test": { A: ["192.0.2.10"] },
    },
    expected: "deferred 4.4.3",
  },
  {
    name: "a host with a hundred addresses: two of each family",
    zone: {
      "d.test": {
        MX: [
          [10, "a.d.test"],
          [20, "b.d.test"],
        ],
      },
      "a.d.test": {
        A: Array.from({ length: 100 }, (_, i) => `198.51.100.${i}`),
        AAAA: Array.from({ length: 100 }, (_, i) => `2001:db8::${i + 2}`),
      },
      "b.d.test": { A: ["192.0.2.11"] },
    },
    expected: [
      "a.d.test [2001:db8::2]:25",
      "a.d.test 198.51.100.0:25",
      "a.d.test [2001:db8::3]:25",
      "a.d.test 198.51.100.1:25",
      "b.d.test 192.0.2.11:25",
    ],
  },
];

describe("mail for a domain goes", () => {
  let dns: DnsServer;
  before(async () => {
    dns = await DnsServer.start();
  });
  after(() => dns.stop());

  for (const { name, zone, expected, port = 25 } of rows) {
    test(name, async () => {
      for (const known of Object.keys(dns.zone)) delete dns.zone[known];
      Object.assign(dns.zone, zone);
      const resolver = new Resolver({
        servers: [dns.address],
        timeoutMs: 100,
        random: Math.random,
        log: pino({ level: "silent" }),
      });
      const found = await resolver.mailHosts("d.test", new AbortController().signal);
      const choice = chooseHosts(found, port, US, Math.random);
      assert.deepEqual(shown(choice, expected), expected);
    });
  }

  test("by TCP where an answer is too long for UDP", async () => {
    dns.queries.length = 0;
    for (const known of Object.keys(dns.zone)) delete dns.zone[known];
    dns.zone["d.test"] = { MX: names(1000).map((name) => [10, name]) };
    const resolver = new Resolver({
      servers: [dns.address],
      timeoutMs: 1000,
      random: Math.random,
      log: pino({ level: "silent" }),
    });
    await resolver.mailHosts("d.test", new AbortController().signal);
    assert.deepEqual(
      dns.queries.slice(0, 2).map(({ protocol }) => protocol),
      ["UDP", "TCP"],
    );
  });
});

/** A choice as the table writes it: what may come in any order is sorted as the table has it. */
function shown(choice: Choice, expected: Row["expected"]): Row["expected"] {
  if (choice.kind !== "endpoints") return `${choice.kind} ${choice.trouble.status}`;
  const rest = choice.endpoints.map(({ name, address, port }) => `${name} ${formatEndpoint(address, port)}`);
  if (typeof expected === "string") return rest;
  const grouped = expected.map((group) =>
    typeof group === "string" ? (rest.shift() ?? "") : rest.splice(0, group.length).sort(),
  );
  return [...grouped, ...rest];
}
