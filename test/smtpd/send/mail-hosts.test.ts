/** What is made of DNS's answers about a domain, with answers in an order of the test's own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Dns, DnsAnswer, MxRecord } from "../../../smtpd/send/dns-answer.js";
import { findAddresses, findMailHosts } from "../../../smtpd/send/mail-hosts.js";

const AS_IT_IS = <T>(of: readonly T[]) => [...of];

function dnsOf(answers: Partial<Dns>): Dns {
  const nothing = async () => ({ kind: "none" }) as const;
  return { mx: nothing, addresses: nothing, cname: nothing, ...answers };
}

function mx(...exchanges: string[]): Partial<Dns> {
  const records = exchanges.map((exchange): MxRecord => ({ preference: 10, exchange }));
  return { mx: async () => ({ kind: "found", records }) };
}

test("the root is a null MX alone, and skipped among others", async () => {
  assert.equal((await findMailHosts(dnsOf(mx("")), "d.test", AS_IT_IS)).kind, "null MX");
  const found = await findMailHosts(dnsOf(mx("", "a.test")), "d.test", AS_IT_IS);
  assert.ok(found.kind === "hosts");
  assert.deepEqual(
    found.hosts.map(({ name }) => name),
    ["a.test"],
  );
  assert.deepEqual(found.skipped, [""]);
});

test("what is no name of a host is told, and is never looked up", async () => {
  const asked: string[] = [];
  const dns = dnsOf({
    ...mx("[192.0.2.1]", "192.0.2.1", "2001:db8::1", "a b", "ok.test", "-", "a..b"),
    addresses: async (name) => {
      asked.push(name);
      return { kind: "none" };
    },
  });
  const found = await findMailHosts(dns, "d.test", AS_IT_IS);
  assert.deepEqual(asked, ["ok.test", "ok.test"]);
  assert.ok(found.kind === "hosts");
  // As many as the log has use for.
  assert.deepEqual(found.skipped, ["[192.0.2.1]", "192.0.2.1", "2001:db8::1"]);
});

test("aliases are followed so far and no farther, of domains and of hosts", async () => {
  let asked = 0;
  const dns = dnsOf({
    mx: async () => ({ kind: "alias" }),
    addresses: async () => ({ kind: "alias" }),
    cname: async (name): Promise<DnsAnswer<string>> => {
      asked++;
      return { kind: "found", records: [`x${name}`.slice(-60)] };
    },
  });
  assert.equal((await findMailHosts(dns, "d.test", AS_IT_IS)).kind, "trouble");
  assert.equal(asked, 8);
  assert.ok((await findAddresses(dns, "d.test")).trouble);
  assert.equal(asked, 16);
});

test("an alias to what is no name leads nowhere", async () => {
  for (const target of ["192.0.2.1", "[192.0.2.1]", "a b", ""]) {
    const dns = dnsOf({
      mx: async () => ({ kind: "alias" }),
      cname: async () => ({ kind: "found", records: [target] }),
    });
    assert.equal((await findMailHosts(dns, "d.test", AS_IT_IS)).kind, "no host", target);
  }
});

test("what stands for an address is checked to be one of its family", async () => {
  const dns = dnsOf({
    addresses: async (_name, family) => ({
      kind: "found",
      records: family === 4 ? ["/run/x.sock", "::1", "192.0.2.1"] : ["mail.test", "192.0.2.2", "2001:db8::1"],
    }),
  });
  assert.deepEqual((await findAddresses(dns, "h.test")).addresses, ["2001:db8::1", "192.0.2.1"]);
});
