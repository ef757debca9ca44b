/** The table of what becomes of a recipient, with a host that does it: refuses, hangs, closes, or talks nonsense at each verb. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { StageTimes } from "../../../smtpd/send/stage-times.js";
import { SINK_EXTENSIONS, Sink, type SinkAnswer, type SinkOptions } from "../../fakes/sink.js";
import { temporaryDirectory } from "../../temporary-directory.js";
import { dispositions, hopTo, NEVER, transaction, transportFor } from "./sending.js";

const WAYS = { pipelined: SINK_EXTENSIONS, "a command at a time": [] } as const;
const VERBS = ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "end"] as const;
type Verb = (typeof VERBS)[number];
type Row = Readonly<Record<Verb, string>>;

function row(...done: readonly [string, string, string, string, string, string]): Row {
  const [greeting, EHLO, MAIL, RCPT, DATA, end] = done;
  return { greeting, EHLO, MAIL, RCPT, DATA, end };
}

const DELIVERED = "delivered 2.0.0";
const NEXT = "next host 4.4.2";
const LOST = row(NEXT, NEXT, NEXT, NEXT, NEXT, "defer 4.4.2");
const NO_SMTP = row(
  "next host 4.5.0",
  "next host 4.5.0",
  "next host 4.5.0",
  "next host 4.5.0",
  "next host 4.5.0",
  "defer 4.5.0",
);
const GONE = "next host 4.3.2";
const TAKEN = row(DELIVERED, DELIVERED, DELIVERED, DELIVERED, DELIVERED, DELIVERED);

const ANSWERS: Readonly<Record<string, readonly [answer: SinkAnswer, row: Row]>> = {
  "5xx": [
    "550 5.7.1 no",
    row("next host 4.7.1", DELIVERED, "bounce 5.7.1", "bounce 5.7.1", "bounce 5.7.1", "bounce 5.7.1"),
  ],
  "5xx without an enhanced code": [
    "550 no",
    row("next host 4.0.0", DELIVERED, "bounce 5.0.0", "bounce 5.0.0", "bounce 5.0.0", "bounce 5.0.0"),
  ],
  "5xx with an enhanced code of another class": [
    "550 4.7.1 no",
    row("next host 4.0.0", DELIVERED, "bounce 5.0.0", "bounce 5.0.0", "bounce 5.0.0", "bounce 5.0.0"),
  ],
  "4xx": [
    "451 4.7.1 later",
    row("next host 4.7.1", DELIVERED, "next host 4.7.1", "defer 4.7.1", "next host 4.7.1", "defer 4.7.1"),
  ],
  "4xx with an enhanced code of another class": [
    "451 5.7.1 later",
    row("next host 4.0.0", DELIVERED, "next host 4.0.0", "defer 4.0.0", "next host 4.0.0", "defer 4.0.0"),
  ],
  "552": [
    "552 5.2.2 full",
    row("next host 4.2.2", DELIVERED, "bounce 5.2.2", "defer 4.2.2", "bounce 5.2.2", "bounce 5.2.2"),
  ],
  "421": ["421 4.3.2 closing", row(GONE, GONE, GONE, GONE, GONE, GONE)],
  "421 and closes": [
    { octets: "421 4.3.2 closing\r\n", next: "close" },
    row(GONE, GONE, GONE, GONE, GONE, GONE),
  ],
  closes: [{ next: "close" }, LOST],
  "resets the connection": [{ next: "reset" }, LOST],
  "closes within a reply": [{ octets: "250 2.0.", next: "close" }, LOST],
  "closes after the first line of a reply": [{ octets: "250-2.0.0 ok\r\n", next: "close" }, LOST],
  "no code": [{ octets: "hello\r\n" }, NO_SMTP],
  "a code of two digits": [{ octets: "25 ok\r\n" }, NO_SMTP],
  "a code of four digits": [{ octets: "2500 ok\r\n" }, NO_SMTP],
  "a code that SMTP does not have": [{ octets: "150 ok\r\n" }, NO_SMTP],
  "an empty line": [{ octets: "\r\n" }, NO_SMTP],
  "lines with different codes": [{ octets: "250-ok\r\n550 no\r\n" }, NO_SMTP],
  "octets that are no text": [{ octets: Buffer.from([0xff, 0xfe, 0x00, 0x0d, 0x0a]) }, NO_SMTP],
  "a line that is too long": [{ octets: `250 ${"x".repeat(5000)}\r\n` }, NO_SMTP],
  "a line without an end": [{ octets: `250 ${"x".repeat(100_000)}` }, NO_SMTP],
  "lines without an end": [{ octets: "250-x\r\n".repeat(100_000) }, NO_SMTP],
};

for (const [way, extensions] of Object.entries(WAYS)) {
  for (const [name, [answer, expected]] of Object.entries(ANSWERS)) {
    describe(`${name}, ${way}`, () => {
      for (const verb of VERBS) {
        test(`at ${verb}: ${expected[verb]}`, async (t) => {
          const sink = await Sink.start(t, { extensions, script: { [verb]: answer } });
          const result = await transportFor(t).send(hopTo(sink), transaction(), NEVER);
          assert.deepEqual(dispositions(result), [expected[verb]]);
          // At the end the sink may believe that it has said yes.
          if (verb !== "end") assert.equal(sink.messages.length, expected[verb] === DELIVERED ? 1 : 0);
        });
      }
    });
  }
}

/** Replies that say yes in an unusual way. */
const GOOD: Readonly<Record<string, (code: number) => SinkAnswer>> = {
  "octet by octet": (code) => ({ octets: `${code} fine\r\n`, slowly: true }),
  "of many lines": (code) => ({ octets: `${`${code}-fine\r\n`.repeat(100)}${code} fine\r\n` }),
  "without a text": (code) => ({ octets: `${code}\r\n` }),
  "with LF alone": (code) => ({ octets: `${code}-fine\n${code} fine\n` }),
  "in Latin-1": (code) => ({ octets: Buffer.from(`${code} gr\u00fc\u00dfe\r\n`, "latin1") }),
  "in UTF-8": (code) => `${code} gr\u00fc\u00dfe`,
  "with controls": (code) => `${code} \u001b[2J\u0007\rfine`,
  "with another enhanced code": (code) => `${code} 5.1.1 fine`,
};
const CODES: Readonly<Record<Verb, number>> = {
  greeting: 220,
  EHLO: 250,
  MAIL: 250,
  RCPT: 250,
  DATA: 354,
  end: 250,
};

for (const [name, reply] of Object.entries(GOOD)) {
  test(`replies ${name} are replies at each verb`, async (t) => {
    const script = Object.fromEntries(VERBS.map((verb) => [verb, reply(CODES[verb])]));
    const sink = await Sink.start(t, { script });
    const result = await transportFor(t).send(hopTo(sink), transaction(), NEVER);
    assert.deepEqual(dispositions(result), [TAKEN.end]);
    const [happening] = result.recipients;
    assert.ok(happening?.kind === "reply");
    for (const line of happening.reply.lines) assert.doesNotMatch(line, /\p{Cc}/u);
    assert.ok(happening.reply.lines.length <= 20);
  });
}

/** The time that runs out at each verb; all others are long. */
const TIME_OF: Readonly<Record<Verb, keyof StageTimes>> = {
  greeting: "greetingMs",
  EHLO: "commandMs",
  MAIL: "commandMs",
  RCPT: "commandMs",
  DATA: "dataMs",
  end: "endMs",
};

for (const [way, extensions] of Object.entries(WAYS)) {
  for (const verb of VERBS) {
    for (const [how, octets] of Object.entries({ "at once": "", "within a reply": "250-go" })) {
      test(`a host that hangs at ${verb} ${how}, ${way}, is given up in time`, async (t) => {
        const sink = await Sink.start(t, { extensions, script: { [verb]: { octets, next: "hang" } } });
        const transport = transportFor(t, { times: { [TIME_OF[verb]]: 100 } });
        const result = await transport.send(hopTo(sink), transaction(), NEVER);
        assert.deepEqual(dispositions(result), [LOST[verb]]);
        await sink.connections[0]?.closed;
      });
    }
  }
}

test("an address where nobody listens", async (t) => {
  const sink = await Sink.start(t);
  const { port } = sink;
  await sink.stop();
  const transport = transportFor(t);
  assert.deepEqual(dispositions(await transport.send(hopTo({ port }), transaction(), NEVER)), [
    "next host 4.4.1",
  ]);
  const path = `${await temporaryDirectory(t)}/none.sock`;
  const socket = hopTo({ port }, { address: path, port: undefined });
  assert.deepEqual(dispositions(await transport.send(socket, transaction(), NEVER)), ["next host 4.4.1"]);
});

test("a host that takes nothing of a long message is given up in time", async (t) => {
  const sink = await Sink.start(t, { script: { DATA: { octets: "354 go on\r\n", next: "stall" } } });
  const transport = transportFor(t, { times: { blockMs: 200 } });
  const long = transaction({ stored: "x".repeat(32 * 1024 * 1024) });
  assert.deepEqual(dispositions(await transport.send(hopTo(sink), long, NEVER)), [NEXT]);
});

for (const [early, done] of [
  ["552 5.3.4 enough", "bounce 5.3.4"],
  ["452 4.3.1 full", "next host 4.3.1"],
  ["250 2.0.0 thanks", "next host 4.5.0"],
] as const) {
  test(`a host that says ${early} before the end of a long message: ${done}`, async (t) => {
    const sink = await Sink.start(t, { early });
    const long = transaction({ stored: "x\n".repeat(4 * 1024 * 1024) });
    assert.deepEqual(dispositions(await transportFor(t).send(hopTo(sink), long, NEVER)), [done]);
    await sink.connections[0]?.closed;
    assert.deepEqual(sink.messages, []);
  });
}

test("a host that says something more, which nobody has asked for, is not believed", async (t) => {
  const sink = await Sink.start(t, { script: { DATA: { octets: "354 go on\r\n250 2.0.0 thanks\r\n" } } });
  assert.deepEqual(dispositions(await transportFor(t).send(hopTo(sink), transaction(), NEVER)), [
    "next host 4.5.0",
  ]);
});

test("a host that wants a message without a recipient gets an end without a message", async (t) => {
  const sink = await Sink.start(t, { script: { RCPT: ["550 5.1.1 no"], DATA: ["354 go on"] } });
  const transport = transportFor(t);
  assert.deepEqual(dispositions(await transport.send(hopTo(sink), transaction(), NEVER)), ["bounce 5.1.1"]);
  assert.deepEqual(sink.connections[0]?.received.toString().split("DATA\r\n")[1], ".\r\n");
  assert.deepEqual(dispositions(await transport.send(hopTo(sink), transaction(), NEVER)), [DELIVERED]);
  assert.equal(sink.connections.length, 1);
});

test("a host that refuses the reverse-path and wants the message gets neither it nor another", async (t) => {
  const sink = await Sink.start(t, { script: { MAIL: ["550 5.7.1 no"], DATA: ["354 go on"] } });
  const transport = transportFor(t);
  assert.deepEqual(dispositions(await transport.send(hopTo(sink), transaction(), NEVER)), ["bounce 5.7.1"]);
  await sink.connections[0]?.closed;
  assert.ok(sink.received.toString().endsWith("DATA\r\n"));
});

for (const [way, extensions] of Object.entries(WAYS)) {
  test(`a message that is cut off after any octet is deferred, and taken by nobody, ${way}`, async (t) => {
    const transport = transportFor(t);
    const { received } = await whole(t, { extensions });
    for (let octets = 1; octets <= received.length; octets++) {
      const sink = await Sink.start(t, { extensions, cutAfterReceived: octets });
      const [done] = dispositions(await transport.send(hopTo(sink), SHORT, NEVER));
      assert.match(done ?? "", /^(?:next host|defer) 4\.4\.2$/, `${octets}`);
      assert.equal(sink.messages.length, 0);
      await sink.stop();
    }
  });

  test(`replies that are cut off after any octet take a message only when the last one is whole, ${way}`, async (t) => {
    const transport = transportFor(t);
    const { sent } = await whole(t, { extensions });
    for (let octets = 1; octets <= sent; octets++) {
      const sink = await Sink.start(t, { extensions, cutAfterSent: octets });
      const [done] = dispositions(await transport.send(hopTo(sink), SHORT, NEVER));
      if (octets === sent) assert.equal(done, DELIVERED);
      else assert.match(done ?? "", /^(?:next host|defer) 4\.4\.2$/, `${octets}`);
      await sink.stop();
    }
  });
}

const SHORT = transaction({ stored: "a: b\n\n.\n" });

/** What passes when nothing is cut off. */
async function whole(t: TestContext, options: SinkOptions): Promise<{ received: Buffer; sent: number }> {
  const sink = await Sink.start(t, options);
  assert.deepEqual(dispositions(await transportFor(t).send(hopTo(sink), SHORT, NEVER)), [DELIVERED]);
  const [connection] = sink.connections;
  assert.ok(connection !== undefined && connection.sent > 50);
  return { received: connection.received, sent: connection.sent };
}
