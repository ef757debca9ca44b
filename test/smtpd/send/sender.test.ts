/**
 * From one host to the next: a sender with the real resolver and the real transport, a scripted DNS, and sinks on addresses
 * of loopback that are its domain's hosts.
 */
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { ListenAddress } from "../../../shared/listen-address.js";
import type { Deliverer, Destination, Job, Outcome, Relay } from "../../../smtpd/send/delivery.js";
import { Resolver } from "../../../smtpd/send/resolver.js";
import { Sender } from "../../../smtpd/send/sender.js";
import { DnsServer, type Zone } from "../../fakes/dns-server.js";
import { Sink, type SinkOptions } from "../../fakes/sink.js";
import { type MessageOptions, NEVER, SILENT, transaction, transportFor } from "./sending.js";

/** Nobody listens there. */
const DEAD = "127.0.0.9";
const DOMAIN: Destination = { kind: "domain", domain: "d.test", tls: "never" };

/** Two hosts, the first preferred. */
const TWO: Zone = {
  "d.test": {
    MX: [
      [10, "mx1.d.test"],
      [20, "mx2.d.test"],
    ],
  },
  "mx1.d.test": { A: ["127.0.0.2"] },
  "mx2.d.test": { A: ["127.0.0.3"] },
};
const FIRST_IS_DEAD: Zone = { ...TWO, "mx1.d.test": { A: [DEAD] } };

interface Scene {
  readonly sender: Sender;
  readonly dns: DnsServer;
  readonly port: number;
  sink(options: SinkOptions): Promise<Sink>;
  deliver(destination: Destination, message?: MessageOptions, signal?: AbortSignal): Promise<Delivered>;
}

interface Delivered {
  readonly outcomes: readonly string[];
  readonly raw: readonly Outcome[];
  readonly reached: boolean;
}

const NOBODY: Deliverer = {
  deliver: async () => {
    throw new Error("nothing is delivered here");
  },
};

/** @param listening made of the port that all hosts have */
async function scene(
  t: TestContext,
  zone: Zone,
  listening: (port: number) => readonly ListenAddress[] = () => [],
  local = NOBODY,
): Promise<Scene> {
  const dns = await DnsServer.start(zone);
  t.after(() => dns.stop());
  // All hosts have the port that this one got; nobody asks it anything.
  const { port } = await Sink.start(t, { host: "127.0.0.8" });
  const sender = new Sender({
    local,
    transport: transportFor(t, { times: { connectMs: 2000, greetingMs: 500 } }),
    resolver: new Resolver({ servers: [dns.address], timeoutMs: 200, random: Math.random, log: SILENT }),
    us: { hostname: "mail.us.test", listening: listening(port), interfaces: () => [] },
    port,
    random: Math.random,
  });
  return {
    sender,
    dns,
    port,
    sink: (options) => Sink.start(t, { port, ...options }),
    deliver: async (destination, message, signal = NEVER) => {
      const job: Job = { ...transaction(message), destination };
      const { outcomes, reached } = await sender.deliver(job, signal);
      assert.equal(outcomes.length, job.recipients.length);
      return { outcomes: outcomes.map(shown), raw: outcomes, reached };
    },
  };
}

/** `passed on by mx1.d.test`, `deferred 4.4.1`. */
function shown(outcome: Outcome): string {
  return "trouble" in outcome
    ? `${outcome.kind} ${outcome.trouble.status}`
    : `${outcome.kind} by ${outcome.host ?? "nobody"}`;
}

function relayTo(host: Relay["host"], protocol: Relay["protocol"] = "smtp"): Destination {
  return { kind: "relay", relay: { protocol, host, tls: "never", login: undefined } };
}

test("the preferred host gets the message, and the other hears nothing", async (t) => {
  const { sink, deliver } = await scene(t, TWO);
  const [first, second] = [await sink({ host: "127.0.0.2" }), await sink({ host: "127.0.0.3" })];
  const { outcomes, reached } = await deliver(DOMAIN);
  assert.deepEqual([outcomes, reached], [["passed on by mx1.d.test"], true]);
  assert.equal(first.messages.length, 1);
  assert.equal(second.connections.length, 0);
});

test("where nobody listens at the preferred host, the next gets it", async (t) => {
  const { sink, deliver } = await scene(t, FIRST_IS_DEAD);
  await sink({ host: "127.0.0.3", extensions: [] });
  assert.deepEqual(await outcomesOf(deliver(DOMAIN)), [["relayed by mx2.d.test"], true]);
});

test("a host that was not there is asked last for a while", async (t) => {
  const { sink, deliver } = await scene(t, { ...TWO, "mx1.d.test": { A: ["127.0.0.2"] } });
  const second = await sink({ host: "127.0.0.3" });
  await deliver(DOMAIN);
  const first = await sink({ host: "127.0.0.2" });
  await deliver(DOMAIN);
  assert.equal(first.connections.length, 0);
  assert.equal(second.messages.length, 2);
});

for (const [name, script] of [
  ["refuses the session", { greeting: "554 5.3.2 go away" }],
  ["refuses it for now", { greeting: "421 4.3.2 later" }],
  ["says nothing", { greeting: { next: "hang" } }],
  ["closes at once", { greeting: { next: "close" } }],
  ["does not speak SMTP", { greeting: "HTTP/1.1 400 Bad Request" }],
  ["wants the reverse-path later", { MAIL: "451 4.3.0 later" }],
  ["is lost in the middle", { DATA: { next: "close" } }],
] as const) {
  test(`where the preferred host ${name}, the next gets it`, async (t) => {
    const { sink, deliver } = await scene(t, TWO);
    await sink({ host: "127.0.0.2", script });
    const second = await sink({ host: "127.0.0.3" });
    assert.deepEqual(await outcomesOf(deliver(DOMAIN)), [["passed on by mx2.d.test"], true]);
    assert.equal(second.messages.length, 1);
  });
}

test("what one host decides about a recipient stands; the next is asked about the others alone", async (t) => {
  const { sink, deliver } = await scene(t, TWO);
  await sink({
    host: "127.0.0.2",
    script: {
      RCPT: (line) =>
        line.includes("bad@") ? "550 5.1.1 no" : line.includes("grey@") ? "450 4.7.1 later" : undefined,
      DATA: "451 4.3.0 full",
    },
  });
  const second = await sink({ host: "127.0.0.3" });
  const to = ["bad@d.test", "good@d.test", "grey@d.test", "fine@d.test"];
  const { outcomes, reached } = await deliver(DOMAIN, { to });
  assert.deepEqual(outcomes, [
    "failed 5.1.1",
    "passed on by mx2.d.test",
    "deferred 4.7.1",
    "passed on by mx2.d.test",
  ]);
  assert.ok(reached);
  assert.deepEqual(
    second.messages.map(({ rcpts }) => rcpts.map((line) => /<(.*?)@/.exec(line)?.[1])),
    [["good", "fine"]],
  );
});

test("where no host is there, all wait, and the circuit may count it", async (t) => {
  const { deliver } = await scene(t, { ...FIRST_IS_DEAD, "mx2.d.test": { A: ["127.0.0.7"] } });
  const { outcomes, reached, raw } = await deliver(DOMAIN, { to: ["a@d.test", "b@d.test"] });
  assert.deepEqual([outcomes, reached], [["deferred 4.4.1", "deferred 4.4.1"], false]);
  const [first] = raw;
  assert.ok(first !== undefined && "trouble" in first);
  assert.equal(first.trouble.host, "mx2.d.test");
});

test("what a host said is told, though the last was not there", async (t) => {
  const { sink, deliver } = await scene(t, { ...TWO, "mx2.d.test": { A: [DEAD] } });
  await sink({ host: "127.0.0.2", script: { greeting: "421 4.3.2 later" } });
  const { raw, reached } = await deliver(DOMAIN);
  const [outcome] = raw;
  assert.ok(outcome !== undefined && "trouble" in outcome);
  assert.equal(outcome.kind, "deferred");
  assert.equal(outcome.trouble.reply?.code, 421);
  assert.equal(outcome.trouble.host, "mx1.d.test");
  assert.ok(reached);
});

test("a host that takes connections and says nothing was not reached", async (t) => {
  const { sink, deliver } = await scene(t, { "d.test": { A: ["127.0.0.2"] } });
  await sink({ host: "127.0.0.2", script: { greeting: { next: "hang" } } });
  assert.deepEqual(await outcomesOf(deliver(DOMAIN)), [["deferred 4.4.2"], false]);
});

for (const [name, zone, ...expected] of [
  ["does not exist", {}, ["failed 5.1.2"], true],
  ["takes no mail", { "d.test": { MX: [[0, "."]] } }, ["failed 5.1.10"], true],
  ["has no host", { "d.test": {} }, ["failed 5.4.4"], true],
  ["cannot be asked for", { "d.test": { trouble: "SERVFAIL" } }, ["deferred 4.4.3"], false],
  ["leads back to us", { "d.test": { A: ["127.0.0.5"] } }, ["failed 5.4.6"], true],
] as const) {
  test(`mail for a domain that ${name}`, async (t) => {
    const { deliver } = await scene(t, zone, (port) => [{ kind: "tcp", host: "127.0.0.5", port }]);
    assert.deepEqual(await outcomesOf(deliver(DOMAIN)), expected);
  });
}

test("a host's other address is tried where nobody listens at the first", async (t) => {
  const { sink, deliver } = await scene(t, {
    "d.test": { MX: [[10, "mx.d.test"]] },
    "mx.d.test": { AAAA: ["::1"], A: [DEAD, "127.0.0.2"] },
  });
  await sink({ host: "127.0.0.2" });
  assert.deepEqual(await outcomesOf(deliver(DOMAIN)), [["passed on by mx.d.test"], true]);
});

test("IPv6 is spoken, to a domain and to a literal", async (t) => {
  const { sink, deliver } = await scene(t, { "d.test": { AAAA: ["::1"], A: [DEAD] } });
  const host = await sink({ host: "::1" }).catch(() => undefined);
  if (host === undefined) return t.skip("there is no IPv6 here");
  assert.deepEqual(await outcomesOf(deliver(DOMAIN)), [["passed on by d.test"], true]);
  const literal: Destination = { kind: "literal", address: "::1", tls: "never" };
  assert.deepEqual(await outcomesOf(deliver(literal)), [["passed on by [IPv6:::1]"], true]);
});

test("an address literal is asked about nowhere, and never ours", async (t) => {
  const { sink, deliver, dns } = await scene(t, {}, (port) => [{ kind: "tcp", host: "127.0.0.5", port }]);
  await sink({ host: "127.0.0.2" });
  const literal = (address: string): Destination => ({ kind: "literal", address, tls: "never" });
  assert.deepEqual(await outcomesOf(deliver(literal("127.0.0.2"))), [["passed on by [127.0.0.2]"], true]);
  assert.deepEqual(await outcomesOf(deliver(literal("127.0.0.5"))), [["failed 5.4.6"], true]);
  assert.deepEqual(await outcomesOf(deliver(literal(DEAD))), [["deferred 4.4.1"], false]);
  assert.equal(dns.queries.length, 0);
});

test("a smarthost is found by its address records, or by its domain's MX", async (t) => {
  const { sink, deliver, port } = await scene(t, { ...TWO, "smart.test": { A: ["127.0.0.4"] } });
  await sink({ host: "127.0.0.4" });
  await sink({ host: "127.0.0.2" });
  for (const [host, expected] of [
    [{ kind: "host", host: "smart.test", port }, "passed on by smart.test"],
    [{ kind: "host", host: "127.0.0.4", port }, "passed on by [127.0.0.4]"],
    [{ kind: "domain", domain: "d.test", port }, "passed on by mx1.d.test"],
    [{ kind: "host", host: "nowhere.test", port }, "deferred 4.3.5"],
    [{ kind: "domain", domain: "nowhere.test", port }, "deferred 4.3.5"],
  ] as const)
    assert.deepEqual((await deliver(relayTo(host))).outcomes, [expected]);
});

test("a route to LMTP delivers, over a port and over a Unix socket", async (t) => {
  const { deliver } = await scene(t, {});
  const path = join(tmpdir(), `pillarbox-sender-${process.pid}.sock`);
  await Sink.start(t, { lmtp: true, socket: path });
  t.after(() => rm(path, { force: true }));
  const overTcp = await Sink.start(t, { lmtp: true });
  assert.deepEqual(await outcomesOf(deliver(relayTo({ kind: "socket", path }, "lmtp"))), [
    ["delivered by nobody"],
    true,
  ]);
  const host = { kind: "host", host: "localhost", port: overTcp.port } as const;
  assert.deepEqual((await deliver(relayTo(host, "lmtp"))).outcomes, ["delivered by localhost"]);
});

test("what is for here goes to who delivers here", async (t) => {
  const local: Deliverer = {
    deliver: async ({ recipients }) => ({
      outcomes: recipients.map(() => ({ kind: "delivered", host: undefined, reply: undefined })),
      reached: true,
    }),
  };
  const here = await scene(t, {}, undefined, local);
  assert.deepEqual(await outcomesOf(here.deliver({ kind: "local" })), [["delivered by nobody"], true]);
});

test("trouble that nobody foresaw defers, and is no sign of a dead host", async (t) => {
  const { deliver } = await scene(t, {});
  assert.deepEqual(await outcomesOf(deliver({ kind: "local" })), [["deferred 4.3.0"], true]);
});

test("the end of smtpd is not waited for DNS", async (t) => {
  const { deliver } = await scene(t, { "d.test": { trouble: "silence" } });
  const ending = new AbortController();
  const delivered = deliver(DOMAIN, {}, ending.signal);
  ending.abort();
  assert.deepEqual(await outcomesOf(delivered), [["deferred 4.3.2"], true]);
});

test("the end of smtpd begins with no further host", async (t) => {
  const { sink, deliver } = await scene(t, TWO);
  const ending = new AbortController();
  await sink({
    host: "127.0.0.2",
    script: {
      MAIL: () => {
        ending.abort();
        return "451 4.3.0 later";
      },
    },
  });
  const second = await sink({ host: "127.0.0.3" });
  const { outcomes } = await deliver(DOMAIN, {}, ending.signal);
  assert.match(outcomes[0] ?? "", /^deferred /);
  assert.equal(second.connections.length, 0);
});

async function outcomesOf(delivered: Promise<Delivered>): Promise<[readonly string[], boolean]> {
  const { outcomes, reached } = await delivered;
  return [outcomes, reached];
}
