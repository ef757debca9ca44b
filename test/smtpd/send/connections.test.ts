/** Connections that are kept: used again, no more than allowed, and none the worse for a host that closes them. */
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { Sink } from "../../fakes/sink.js";
import { dispositions, hopTo, NEVER, transaction, transportFor } from "./sending.js";

const DELIVERED = "delivered 2.0.0";

test("one connection carries one message after the other", async (t) => {
  const sink = await Sink.start(t);
  const transport = transportFor(t);
  for (let i = 0; i < 5; i++) {
    assert.deepEqual(dispositions(await transport.send(hopTo(sink), transaction(), NEVER)), [DELIVERED]);
  }
  assert.equal(sink.connections.length, 1);
  assert.equal(sink.messages.length, 5);
  // Nothing was left open that RSET would have to close.
  assert.deepEqual(
    sink.commands.filter((command) => /^(?:RSET|EHLO)/.test(command)),
    ["EHLO mail.pillarbox.test"],
  );
});

test("another name, policy or port is another place", async (t) => {
  const sink = await Sink.start(t);
  const transport = transportFor(t);
  for (const more of [{}, { name: "other.example" }, { tls: "may" as const }, { name: undefined }]) {
    await transport.send(hopTo(sink, more), transaction(), NEVER);
  }
  assert.equal(sink.connections.length, 4);
});

test("what a refused recipient has left open is closed by RSET, in the same write", async (t) => {
  const sink = await Sink.start(t, { script: { RCPT: ["550 5.1.1 no"] } });
  const transport = transportFor(t);
  assert.deepEqual(dispositions(await transport.send(hopTo(sink), transaction(), NEVER)), ["bounce 5.1.1"]);
  assert.deepEqual(dispositions(await transport.send(hopTo(sink), transaction(), NEVER)), [DELIVERED]);
  assert.equal(sink.connections.length, 1);
  assert.ok(sink.received.includes("RSET\r\nMAIL FROM:<alice@example.org>"));
});

test("without PIPELINING, RSET goes alone", async (t) => {
  const sink = await Sink.start(t, { extensions: [], script: { RCPT: ["450 4.2.0 no"] } });
  const transport = transportFor(t);
  assert.deepEqual(dispositions(await transport.send(hopTo(sink), transaction(), NEVER)), ["defer 4.2.0"]);
  assert.deepEqual(dispositions(await transport.send(hopTo(sink), transaction(), NEVER)), [DELIVERED]);
  assert.equal(sink.connections.length, 1);
});

for (const [name, answer] of [
  ["closes", { next: "close" }],
  ["resets", { next: "reset" }],
  ["answers 421", "421 4.4.2 idle for too long"],
] as const) {
  test(`a host that ${name} before the second MAIL is none the worse for it`, async (t) => {
    const sink = await Sink.start(t, { script: { MAIL: [undefined, answer] } });
    const transport = transportFor(t);
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(dispositions(await transport.send(hopTo(sink), transaction(), NEVER)), [DELIVERED]);
    }
    assert.equal(sink.connections.length, 3);
    assert.equal(sink.messages.length, 3);
  });
}

test("a host that closes each connection at MAIL is given up after one more", async (t) => {
  const sink = await Sink.start(t, {
    script: { MAIL: (_, times) => (times > 0 || sink.messages.length > 0 ? { next: "close" } : undefined) },
  });
  const transport = transportFor(t);
  assert.deepEqual(dispositions(await transport.send(hopTo(sink), transaction(), NEVER)), [DELIVERED]);
  assert.deepEqual(dispositions(await transport.send(hopTo(sink), transaction(), NEVER)), [
    "next host 4.4.2",
  ]);
  assert.equal(sink.connections.length, 2);
});

test("a host that hangs at the second MAIL is not asked anew", async (t) => {
  const sink = await Sink.start(t, { script: { MAIL: [undefined, { next: "hang" }] } });
  const transport = transportFor(t, { times: { commandMs: 100 } });
  await transport.send(hopTo(sink), transaction(), NEVER);
  assert.deepEqual(dispositions(await transport.send(hopTo(sink), transaction(), NEVER)), [
    "next host 4.4.2",
  ]);
  assert.equal(sink.connections.length, 1);
});

test("a message that was sent to its end is never sent anew", async (t) => {
  const sink = await Sink.start(t, { script: { end: [undefined, { next: "close" }] } });
  const transport = transportFor(t);
  await transport.send(hopTo(sink), transaction(), NEVER);
  assert.deepEqual(dispositions(await transport.send(hopTo(sink), transaction(), NEVER)), ["defer 4.4.2"]);
  assert.equal(sink.connections.length, 1);
});

test("no more connections to a host than allowed, and all messages get there", async (t) => {
  const sink = await Sink.start(t);
  const transport = transportFor(t, { counts: { perHost: 3 } });
  const results = await Promise.all(
    Array.from({ length: 30 }, () => transport.send(hopTo(sink), transaction(), NEVER)),
  );
  assert.deepEqual(
    results.flatMap(dispositions),
    results.map(() => DELIVERED),
  );
  assert.equal(sink.connections.length, 3);
});

test("no more connections in all than allowed: those that nobody uses give way", async (t) => {
  const sinks = await Promise.all(Array.from({ length: 5 }, () => Sink.start(t)));
  const transport = transportFor(t, { counts: { total: 2 } });
  const all = sinks.flatMap((sink) => [sink, sink, sink]);
  const results = await Promise.all(all.map((sink) => transport.send(hopTo(sink), transaction(), NEVER)));
  assert.deepEqual(
    results.flatMap(dispositions),
    results.map(() => DELIVERED),
  );
});

test("a fresh connection is found where all places are taken by old ones", async (t) => {
  const sink = await Sink.start(t, { script: { MAIL: [undefined, { next: "close" }] } });
  const transport = transportFor(t, { counts: { perHost: 2 } });
  for (let round = 0; round < 4; round++) {
    const results = await Promise.all([1, 2, 3].map(() => transport.send(hopTo(sink), transaction(), NEVER)));
    assert.deepEqual(results.flatMap(dispositions), [DELIVERED, DELIVERED, DELIVERED]);
  }
});

test("no time runs out while a host has nothing to answer", async (t) => {
  const sink = await Sink.start(t);
  const times = { greetingMs: 200, commandMs: 200, dataMs: 200, blockMs: 200, endMs: 200 };
  const transport = transportFor(t, { times });
  await transport.send(hopTo(sink), transaction(), NEVER);
  await setTimeout(500);
  assert.deepEqual(dispositions(await transport.send(hopTo(sink), transaction(), NEVER)), [DELIVERED]);
  assert.equal(sink.connections.length, 1);
});

test("a connection is ended by QUIT after so many messages, after so long, and when nobody uses it", async (t) => {
  let now = 0;
  for (const [counts, messages] of [
    [{ messages: 2 }, 2],
    [{ ageMs: 1000 }, 2],
    [{ idleMs: 1 }, 1],
  ] as const) {
    const sink = await Sink.start(t);
    const transport = transportFor(t, { counts, now: () => now });
    for (let i = 0; i < messages; i++) {
      await transport.send(hopTo(sink), transaction(), NEVER);
      now += 1000;
    }
    await sink.connections[0]?.closed;
    assert.equal(sink.commands.at(-1), "QUIT");
    assert.equal(sink.connections.length, 1);
  }
});

test("stop says QUIT and is done in time, also with a host that does not answer it", async (t) => {
  for (const script of [{}, { QUIT: { next: "hang" } }] as const) {
    const sink = await Sink.start(t, { script });
    const transport = transportFor(t);
    await transport.send(hopTo(sink), transaction(), NEVER);
    await transport.stop();
    await sink.until(() => sink.commands.at(-1) === "QUIT");
    const { recipients } = await transport.send(hopTo(sink), transaction(), NEVER);
    assert.equal(recipients[0]?.kind === "failure" && recipients[0].failure, "stopping");
    assert.equal(sink.connections.length, 1);
  }
});

test("a message that is under way when smtpd has to end is cut off, and deferred", async (t) => {
  for (const verb of ["greeting", "EHLO", "MAIL", "DATA"] as const) {
    const sink = await Sink.start(t, { script: { [verb]: { next: "hang" } } });
    const transport = transportFor(t);
    const controller = new AbortController();
    const sent = transport.send(hopTo(sink), transaction(), controller.signal);
    await sink.until(
      () =>
        sink.connections.length === 1 &&
        (verb === "greeting" || sink.commands.some((line) => line.startsWith(verb))),
    );
    controller.abort();
    assert.deepEqual(dispositions(await sent), ["defer 4.3.2"], verb);
    await transport.stop();
    assert.deepEqual(sink.messages, []);
  }
});

test("a long message that is cut off so has no end", async (t) => {
  const sink = await Sink.start(t);
  const controller = new AbortController();
  async function* endless() {
    for (;;) {
      yield Buffer.from("a: b\n".repeat(10_000));
      if (sink.received.length > 1_000_000) controller.abort();
    }
  }
  const message = transaction();
  const open = async () => Readable.from(endless());
  const result = await transportFor(t).send(
    hopTo(sink),
    { ...message, message: { ...message.message, open } },
    controller.signal,
  );
  assert.deepEqual(dispositions(result), ["defer 4.3.2"]);
  await sink.connections[0]?.closed;
  assert.ok(!sink.received.includes("\r\n.\r\n"));
});

test("a message that was sent to its end by then still waits for its reply, a little", async (t) => {
  const controller = new AbortController();
  const sink = await Sink.start(t, {
    script: {
      end: () => {
        controller.abort();
        return undefined;
      },
    },
  });
  const transport = transportFor(t);
  assert.deepEqual(dispositions(await transport.send(hopTo(sink), transaction(), controller.signal)), [
    DELIVERED,
  ]);
  const mute = await Sink.start(t, { script: { end: { next: "hang" } } });
  const other = new AbortController();
  const sent = transportFor(t, { times: { endMs: 1000 } }).send(hopTo(mute), transaction(), other.signal);
  await mute.until(() => mute.received.includes("\r\n.\r\n"));
  other.abort();
  assert.deepEqual(dispositions(await sent), ["defer 4.3.2"]);
});
