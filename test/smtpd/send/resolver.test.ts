/** Asking once for many, remembering briefly, and giving up when nobody waits any more. */
import assert from "node:assert/strict";
import { setMaxListeners } from "node:events";
import { after, before, describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { pino } from "pino";
import { Resolver } from "../../../smtpd/send/resolver.js";
import { SharedLookups } from "../../../smtpd/send/shared-lookups.js";
import { DnsServer } from "../../fakes/dns-server.js";

const FOREVER = new AbortController().signal;
setMaxListeners(0, FOREVER);

describe("a resolver", () => {
  let dns: DnsServer;
  before(async () => {
    dns = await DnsServer.start({
      "a.test": { MX: [[10, "mx.a.test"]] },
      "mx.a.test": { A: ["127.0.0.2"] },
      "silent.test": { trouble: "silence" },
    });
  });
  after(() => dns.stop());

  const resolver = (timeoutMs = 1000) =>
    new Resolver({ servers: [dns.address], timeoutMs, random: Math.random, log: pino({ level: "silent" }) });

  test("asks once for a thousand who want to know at once, and for those who come after", async () => {
    const one = resolver();
    const found = await Promise.all(Array.from({ length: 1000 }, () => one.mailHosts("a.test", FOREVER)));
    assert.ok(found.every(({ kind }) => kind === "hosts"));
    await one.mailHosts("a.test", FOREVER);
    assert.equal(dns.asked("a.test"), 1);
    assert.equal(dns.asked("mx.a.test"), 2);
  });

  test("asks nobody about localhost", async () => {
    assert.deepEqual((await resolver().addresses("localhost", FOREVER)).addresses, ["127.0.0.1", "::1"]);
    assert.equal(dns.asked("localhost"), 0);
  });

  test("finds no host, and says so, where the addresses of one cannot be asked for", async () => {
    const { addresses, trouble } = await resolver(100).addresses("silent.test", FOREVER);
    assert.deepEqual(addresses, []);
    assert.ok(trouble);
  });

  test("lets go of who no longer waits, though the server is silent", async () => {
    const abort = new AbortController();
    const asked = resolver(60_000).mailHosts("silent.test", abort.signal);
    abort.abort(new Error("enough"));
    await assert.rejects(asked, { message: "enough" });
  });

  test("defers where nobody answers at the server's port", async () => {
    const gone = await DnsServer.start();
    const { address } = gone;
    await gone.stop();
    const options = { timeoutMs: 100, random: Math.random, log: pino({ level: "silent" }) };
    const found = await new Resolver({ ...options, servers: [address] }).mailHosts("a.test", FOREVER);
    assert.equal(found.kind, "trouble");
    const second = new Resolver({ ...options, servers: [address, dns.address] });
    assert.equal((await second.mailHosts("a.test", FOREVER)).kind, "hosts", "another server is asked");
  });
});

describe("shared lookups", () => {
  /** Lookups that are answered by hand, and a clock that is moved by hand. */
  function scene() {
    const asked: {
      key: string;
      signal: AbortSignal;
      answer: (value: string) => void;
      fail: (why: Error) => void;
    }[] = [];
    const clock = { now: 0 };
    const lookups = new SharedLookups<string>({
      ask: (key, signal) =>
        new Promise((answer, fail) => {
          asked.push({ key, signal, answer, fail });
        }),
      lifetimeMs: (value) => (value === "good" ? 100 : 10),
      now: () => clock.now,
    });
    return { asked, clock, lookups };
  }

  test("forget an answer when its time is over, a bad one sooner", async () => {
    const { asked, clock, lookups } = scene();
    for (const [value, lifetime] of [
      ["good", 100],
      ["bad", 10],
    ] as const) {
      const first = lookups.get(value, FOREVER);
      asked.shift()?.answer(value);
      assert.equal(await first, value);
      clock.now += lifetime - 1;
      assert.equal(await lookups.get(value, FOREVER), value);
      clock.now += 1;
      const again = lookups.get(value, FOREVER);
      assert.equal(asked.length, 1);
      asked.shift()?.answer(value);
      await again;
    }
  });

  test("give up a question when the last of those who wait has gone, and not before", async () => {
    const { asked, lookups } = scene();
    const [one, two] = [new AbortController(), new AbortController()];
    const waiting = [lookups.get("a", one.signal), lookups.get("a", two.signal)].map((promise) =>
      promise.catch(() => "gone"),
    );
    one.abort();
    assert.equal(await waiting[0], "gone");
    assert.equal(asked[0]?.signal.aborted, false);
    two.abort();
    assert.equal(await waiting[1], "gone");
    assert.equal(asked[0]?.signal.aborted, true);
    asked[0]?.answer("late");
    await setImmediate();
    const next = lookups.get("a", FOREVER);
    assert.equal(asked.length, 2, "what came for nobody is not believed");
    asked[1]?.answer("good");
    assert.equal(await next, "good");
  });

  test("do not keep an error, and tell it to all who wait", async () => {
    const { asked, lookups } = scene();
    const waiting = [lookups.get("a", FOREVER), lookups.get("a", FOREVER)];
    asked[0]?.fail(new Error("bug"));
    for (const one of waiting) await assert.rejects(one, { message: "bug" });
    void lookups.get("a", FOREVER).catch(() => {});
    assert.equal(asked.length, 2);
  });

  test("hold a bounded number of answers", async () => {
    const { asked, lookups } = scene();
    for (let i = 0; i < 2001; i++) {
      const answer = lookups.get(`${i}`, FOREVER);
      asked.shift()?.answer("good");
      await answer;
    }
    assert.equal(await lookups.get("2000", FOREVER), "good");
    void lookups.get("0", FOREVER).catch(() => {});
    assert.deepEqual(
      asked.map(({ key }) => key),
      ["0"],
    );
  });
});
