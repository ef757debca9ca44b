/** What is sent to a host that behaves: the commands, the parameters, the octets. */
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { Sink } from "../../fakes/sink.js";
import { temporaryDirectory } from "../../temporary-directory.js";
import { dispositions, hopTo, mailbox, NEVER, transaction, transportFor } from "./sending.js";

const DELIVERED = "delivered 2.0.0";

test("a message in one transaction", async (t) => {
  const sink = await Sink.start(t);
  const result = await transportFor(t).send(hopTo(sink), transaction(), NEVER);
  assert.deepEqual(dispositions(result), [DELIVERED]);
  assert.equal(result.dsn, true);
  assert.deepEqual(sink.commands, [
    "EHLO mail.pillarbox.test",
    "MAIL FROM:<alice@example.org> SIZE=24",
    "RCPT TO:<bob@example.net>",
    "DATA",
  ]);
  assert.equal(sink.messages[0]?.octets.toString(), "Subject: test\r\n\r\nhello\r\n.\r\n");
});

test("without PIPELINING, a command at a time", async (t) => {
  const sink = await Sink.start(t, { extensions: [] });
  const to = ["bob@example.net", "carol@example.net"];
  const result = await transportFor(t).send(hopTo(sink), transaction({ to, from: "" }), NEVER);
  assert.deepEqual(dispositions(result), [DELIVERED, DELIVERED]);
  assert.equal(result.dsn, false);
  assert.deepEqual(sink.commands.slice(1), [
    "MAIL FROM:<>",
    "RCPT TO:<bob@example.net>",
    "RCPT TO:<carol@example.net>",
    "DATA",
  ]);
});

test("a host that knows HELO only", async (t) => {
  const sink = await Sink.start(t, { script: { EHLO: "502 5.5.1 what?" } });
  const result = await transportFor(t).send(hopTo(sink), transaction({ more: { body: "8BITMIME" } }), NEVER);
  assert.deepEqual(dispositions(result), [DELIVERED]);
  assert.deepEqual(sink.commands.slice(1, 3), ["HELO mail.pillarbox.test", "MAIL FROM:<alice@example.org>"]);
});

test("recipients are sorted by their replies", async (t) => {
  const sink = await Sink.start(t, {
    script: {
      RCPT: (line) =>
        line.includes("<no@")
          ? "550 5.1.1 no such mailbox"
          : line.includes("<later@")
            ? "450 4.2.0 later"
            : line.includes("<many@")
              ? "452 4.5.3 too many"
              : undefined,
    },
  });
  for (const extensions of [undefined, []]) {
    const host =
      extensions === undefined
        ? sink
        : await Sink.start(t, {
            extensions,
            script: { RCPT: [undefined, "550 5.1.1 no", "450 4.2.0 later", undefined, "452 4.5.3 many"] },
          });
    const to = ["bob", "no", "later", "carol", "many"].map((name) => `${name}@example.net`);
    const result = await transportFor(t).send(hopTo(host), transaction({ to }), NEVER);
    assert.deepEqual(dispositions(result), [
      DELIVERED,
      "bounce 5.1.1",
      "defer 4.2.0",
      DELIVERED,
      "defer 4.5.3",
    ]);
    assert.deepEqual(host.messages[0]?.rcpts, ["RCPT TO:<bob@example.net>", "RCPT TO:<carol@example.net>"]);
  }
});

test("LMTP has a reply for each recipient that was accepted", async (t) => {
  const socket = `${await temporaryDirectory(t)}/lmtp.sock`;
  const sink = await Sink.start(t, {
    lmtp: true,
    socket,
    script: { RCPT: [undefined, "550 5.1.1 no"], end: [undefined, "452 4.2.2 full"] },
  });
  const to = ["bob@example.net", "no@example.net", "carol@example.net"];
  const hop = hopTo({ port: 0 }, { address: socket, port: undefined, protocol: "lmtp", name: undefined });
  const result = await transportFor(t).send(hop, transaction({ to }), NEVER);
  assert.deepEqual(dispositions(result), [DELIVERED, "bounce 5.1.1", "defer 4.2.2"]);
  assert.equal(sink.commands[0], "LHLO mail.pillarbox.test");
});

test("DSN parameters go to each recipient as they came, where the host offers DSN", async (t) => {
  const to = [
    { path: "bob@example.net", notify: ["SUCCESS", "FAILURE"] as const, orcpt: "rfc822;bob+x=y@example.net" },
    { path: "carol@example.net", notify: [] },
    { path: "dave@example.net" },
  ];
  const more = { ret: "HDRS", envid: "a b+c" } as const;
  const sink = await Sink.start(t);
  await transportFor(t).send(hopTo(sink), transaction({ to, more }), NEVER);
  assert.deepEqual(sink.commands.slice(1, 5), [
    "MAIL FROM:<alice@example.org> SIZE=24 RET=HDRS ENVID=a+20b+2Bc",
    "RCPT TO:<bob@example.net> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;bob+2Bx+3Dy@example.net",
    "RCPT TO:<carol@example.net> NOTIFY=NEVER",
    "RCPT TO:<dave@example.net>",
  ]);
  const plain = await Sink.start(t, { extensions: ["PIPELINING"] });
  await transportFor(t).send(hopTo(plain), transaction({ to, more }), NEVER);
  assert.deepEqual(plain.commands.slice(1, 3), [
    "MAIL FROM:<alice@example.org>",
    "RCPT TO:<bob@example.net>",
  ]);
});

test("a message that is bigger than the host takes is not begun", async (t) => {
  const sink = await Sink.start(t, { extensions: ["SIZE 23"] });
  const transport = transportFor(t);
  assert.deepEqual(dispositions(await transport.send(hopTo(sink), transaction(), NEVER)), ["bounce 5.3.4"]);
  assert.deepEqual(sink.commands, ["EHLO mail.pillarbox.test"]);
  const shorter = transaction({ stored: "a: b\n\nc\n" });
  assert.deepEqual(dispositions(await transport.send(hopTo(sink), shorter, NEVER)), [DELIVERED]);
  assert.equal(sink.commands[1], "MAIL FROM:<alice@example.org> SIZE=11");
});

test("SIZE without a maximum, and a maximum of 0, bound nothing", async (t) => {
  for (const size of ["SIZE", "SIZE 0"]) {
    const sink = await Sink.start(t, { extensions: [size] });
    const result = await transportFor(t).send(hopTo(sink), transaction(), NEVER);
    assert.deepEqual(dispositions(result), [DELIVERED]);
  }
});

const UTF8_HEADER = "Subject: gr\u00fc\u00dfe\n\nhello\n";

/** What needs SMTPUTF8 (RFC 6531 §3.4), and what does not. */
const UTF8_ROWS: readonly [name: string, message: Parameters<typeof transaction>[0], needed: boolean][] = [
  ["a local-part of the forward-path", { to: ["j\u00f6rg@example.net"] }, true],
  ["a local-part of the reverse-path", { from: "j\u00f6rg@example.org" }, true],
  ["a header, where the sender says so", { stored: UTF8_HEADER, more: { smtputf8: true } }, true],
  ["not a header of which nobody says so", { stored: UTF8_HEADER }, false],
  ["not a domain, which has A-labels", { to: ["bob@b\u00fccher.example"], more: { smtputf8: true } }, false],
  ["not a message that is ASCII, whatever the sender says", { more: { smtputf8: true } }, false],
  ["not a body", { stored: "a: b\n\ngr\u00fc\u00dfe\n", more: { smtputf8: true } }, false],
];

for (const [name, message, needed] of UTF8_ROWS) {
  test(`SMTPUTF8 is needed for ${name}`, async (t) => {
    const sink = await Sink.start(t);
    assert.deepEqual(dispositions(await transportFor(t).send(hopTo(sink), transaction(message), NEVER)), [
      DELIVERED,
    ]);
    assert.equal(/ SMTPUTF8\b/.test(sink.messages[0]?.mail ?? ""), needed);
    const old = await Sink.start(t, { extensions: ["PIPELINING", "8BITMIME"] });
    const result = await transportFor(t).send(hopTo(old), transaction(message), NEVER);
    assert.deepEqual(dispositions(result), [needed ? "bounce 5.6.7" : DELIVERED]);
    if (needed) assert.deepEqual(old.commands, ["EHLO mail.pillarbox.test"]);
  });
}

test("8-bit content is declared where that can be, and sent as it is elsewhere", async (t) => {
  const message = transaction({ stored: "a: b\n\ngr\u00fc\u00dfe\n", more: { body: "8BITMIME" } });
  for (const [extensions, mail] of [
    [["8BITMIME"], "MAIL FROM:<alice@example.org> BODY=8BITMIME"],
    [[], "MAIL FROM:<alice@example.org>"],
  ] as const) {
    const sink = await Sink.start(t, { extensions });
    await transportFor(t).send(hopTo(sink), message, NEVER);
    assert.equal(sink.messages[0]?.mail, mail);
    assert.equal(sink.messages[0]?.octets.toString(), "a: b\r\n\r\ngr\u00fc\u00dfe\r\n.\r\n");
  }
});

test("local-parts are quoted where they must be, and are one parameter whatever is in them", async (t) => {
  const sink = await Sink.start(t);
  const to = [
    { path: "bob@example.net", forwardPath: { localPart: 'a b"> SIZE=1', domain: "example.net" } },
    { path: "bob@example.net", forwardPath: mailbox("bob@[192.0.2.1]") },
  ];
  await transportFor(t).send(hopTo(sink), transaction({ to }), NEVER);
  assert.deepEqual(sink.messages[0]?.rcpts, [
    'RCPT TO:<"a b\\"> SIZE=1"@example.net>',
    "RCPT TO:<bob@[192.0.2.1]>",
  ]);
});

test("an address with a line end, which no parser gives, becomes no command", async (t) => {
  const sink = await Sink.start(t);
  const to = [{ path: "bob@example.net", forwardPath: { localPart: "a\r\nRSET", domain: "example.net" } }];
  const result = await transportFor(t).send(hopTo(sink), transaction({ to }), NEVER);
  assert.deepEqual(dispositions(result), ["defer 4.3.0"]);
  assert.deepEqual(sink.commands, ["EHLO mail.pillarbox.test"]);
});

test("more recipients than a host must take go in several transactions", async (t) => {
  const sink = await Sink.start(t);
  const to = Array.from({ length: 250 }, (_, i) => `u${i}@example.net`);
  const result = await transportFor(t).send(hopTo(sink), transaction({ to }), NEVER);
  assert.deepEqual(
    dispositions(result),
    to.map(() => DELIVERED),
  );
  assert.deepEqual(
    sink.messages.map(({ rcpts }) => rcpts.length),
    [100, 100, 50],
  );
  assert.equal(sink.connections.length, 1);
});

test("a long message is sent piece by piece, whole", async (t) => {
  const sink = await Sink.start(t);
  const line = `.${"x".repeat(70)}\n`;
  const stored = `a: b\n\n${line.repeat(20_000)}`;
  const message = transaction({ stored });
  const pieces = async () =>
    Readable.from(
      Buffer.from(stored)
        .toString()
        .match(/.{1,30000}/gs)
        ?.map((piece) => Buffer.from(piece)) ?? [],
    );
  const result = await transportFor(t).send(
    hopTo(sink),
    { ...message, message: { ...message.message, open: pieces } },
    NEVER,
  );
  assert.deepEqual(dispositions(result), [DELIVERED]);
  const sent = sink.messages[0]?.octets.toString() ?? "";
  assert.equal(sent, `a: b\r\n\r\n${`.${line.replace("\n", "\r\n")}`.repeat(20_000)}.\r\n`);
});

test("a message that cannot be opened is not begun", async (t) => {
  const sink = await Sink.start(t);
  const message = transaction();
  const gone = async () => Promise.reject(new Error("gone"));
  const transport = transportFor(t);
  const result = await transport.send(
    hopTo(sink),
    { ...message, message: { ...message.message, open: gone } },
    NEVER,
  );
  assert.deepEqual(dispositions(result), ["defer 4.3.0"]);
  assert.deepEqual(dispositions(await transport.send(hopTo(sink), message, NEVER)), [DELIVERED]);
  assert.equal(sink.connections.length, 1);
});

test("a message that cannot be read to its end has none on the wire", async (t) => {
  const sink = await Sink.start(t);
  const message = transaction();
  async function* broken() {
    yield Buffer.from(`a: b\n\n${"x\n".repeat(100_000)}`);
    throw new Error("EIO");
  }
  const open = async () => Readable.from(broken());
  const result = await transportFor(t).send(
    hopTo(sink),
    { ...message, message: { ...message.message, open } },
    NEVER,
  );
  assert.deepEqual(dispositions(result), ["defer 4.3.0"]);
  const [connection] = sink.connections;
  await connection?.closed;
  assert.ok(connection?.received.includes("DATA\r\n"));
  assert.ok(!/\r\n\.\r\n/.test(connection?.received.toString() ?? ""));
  assert.deepEqual(sink.messages, []);
});
