/** BDAT: what is a chunk is never a command, however it comes and whatever becomes of it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "fast-check";
import { codes, SmtpClient } from "../../fakes/smtp-client.js";
import { startListener, type TestListener, type TestListenerOptions } from "../../fakes/smtp-listener.js";

const SMALL = { limits: { message_size: 65_536, errors: 1000 } };

async function within(options: TestListenerOptions, body: (listener: TestListener) => Promise<void>) {
  const listener = await startListener(options);
  await withListener(listener, () => body(listener));
}

/** Stops it in the end, and looks whether anything was left. */
async function withListener(listener: TestListener, body: () => Promise<void>) {
  try {
    await body();
  } finally {
    await listener.stop();
  }
  assert.equal(listener.receiver.open, 0, "nothing is left of a message");
}

/** A chunk with its command. */
function bdat(content: string | Buffer, last = false): Buffer {
  const octets = Buffer.from(content);
  return Buffer.concat([Buffer.from(`BDAT ${octets.length}${last ? " LAST" : ""}\r\n`), octets]);
}

async function chunk(client: SmtpClient, content: string | Buffer, last = false): Promise<string> {
  client.send(bdat(content, last));
  return codes(await client.reply());
}

describe("BDAT", () => {
  test("gives the same message in whatever chunks, and these in whatever pieces", async () => {
    await within({ bareLf: "normalize" }, async (listener) => {
      const client = await SmtpClient.greeted(listener.port);
      const part = fc.string({
        unit: fc.constantFrom("a", ".", "\r\n", "\r\n.\r\n", "\n", "\xe9"),
        maxLength: 6,
      });
      await fc.assert(
        fc.asyncProperty(
          fc.array(part, { minLength: 1, maxLength: 6 }),
          fc.integer({ min: 1, max: 40 }),
          async (parts, piece) => {
            await client.envelope();
            // RFC 3030 has no rule for where chunks end: here between CR and LF, too.
            const whole = parts.join("");
            const cuts = parts.map((_, i) => Math.floor((whole.length * i) / parts.length));
            const chunks = cuts.map((from, i) => Buffer.from(whole.slice(from, cuts[i + 1]), "latin1"));
            const wire = Buffer.concat(chunks.map((octets, i) => bdat(octets, i === chunks.length - 1)));
            for (let at = 0; at < wire.length; at += piece) {
              client.send(wire.subarray(at, at + piece));
              await nextTurn();
            }
            for (const _ of chunks) assert.equal((await client.reply()).code, 250);
            const expected = whole.replaceAll("\r\n", "\n").replace(/([^\n])$/, "$1\n");
            assert.equal(listener.receiver.messages.at(-1)?.octets.toString("latin1"), expected);
          },
        ),
        { numRuns: 60 },
      );
      client.end();
    });
  });

  test("of every cut of a dialogue the outcome is the same", async () => {
    const wire = Buffer.concat([
      Buffer.from("MAIL FROM:<a@client.example>\r\nRCPT TO:<b@pillarbox.test>\r\n"),
      bdat("a\r\n.\r\nQUIT\r\n"),
      bdat("\r"),
      bdat("\nend", true),
      bdat("NOOP\r\n"),
      Buffer.from("NOOP\r\n"),
    ]);
    await within({ limits: { errors: 10_000 } }, async (listener) => {
      for (let at = 1; at < wire.length; at++) {
        const client = await SmtpClient.greeted(listener.port);
        client.send(wire.subarray(0, at));
        await nextTurn();
        client.send(wire.subarray(at));
        const said: string[] = [];
        for (let i = 0; i < 7; i++) said.push(codes(await client.reply()));
        const ok = "250 2.0.0";
        assert.deepEqual(said, ["250 2.1.0", "250 2.1.5", ok, ok, ok, "503 5.5.1", ok]);
        assert.equal(listener.receiver.messages.at(-1)?.octets.toString(), "a\n.\nQUIT\n\nend\n");
        client.end();
      }
      assert.equal(listener.receiver.messages.length, wire.length - 1);
    });
  });

  for (const argument of [
    "",
    "x",
    "-6",
    "+6",
    "0x6",
    "1e1",
    "6.0",
    "6LAST",
    "LAST",
    "LAST 6",
    "\u00b2",
    "\t6",
    "6\tLAST",
    "6\0",
    "6\rLAST",
  ]) {
    test(`${JSON.stringify(argument)} says not how much to read: nothing after it is run`, async () => {
      await within({}, async (listener) => {
        const client = await SmtpClient.greeted(listener.port);
        await client.envelope();
        client.send(
          `BDAT${argument === "" ? "" : " "}${argument}\r\nNOOP\r\nMAIL FROM:<smuggled@client.example>\r\n`,
        );
        assert.match(await client.untilClosed(), /^501 5\.5\.4 .*\r\n421 4\.5\.2 .*\r\n$/);
        assert.equal(listener.receiver.reversePaths.length, 1);
      });
    });
  }

  test("counts all chunks against the size of a message", async () => {
    await within(SMALL, async (listener) => {
      const client = await SmtpClient.greeted(listener.port);
      const [half, more] = [Buffer.alloc(32_768, "x"), Buffer.alloc(32_769, "x")];
      await client.envelope();
      assert.equal(await chunk(client, half), "250 2.0.0");
      assert.equal(await chunk(client, more), "552 5.3.4");
      assert.equal(await chunk(client, "x", true), "503 5.5.1");
      await client.envelope();
      assert.equal(await chunk(client, half), "250 2.0.0");
      assert.equal(await chunk(client, half, true), "250 2.0.0");
      // Bare LFs count as the line ends that they become.
      await client.envelope();
      assert.equal(await chunk(client, Buffer.alloc(32_769, "\n"), true), "552 5.3.4");
      assert.equal(listener.receiver.messages.length, 1);
      assert.equal(listener.receiver.abandoned, 2);
      client.end();
    });
  });

  test("a line that is too long for a message is too long in chunks", async () => {
    await within({ limits: { line_length: 1000 } }, async ({ port }) => {
      const client = await SmtpClient.greeted(port);
      await client.envelope();
      assert.equal(await chunk(client, Buffer.alloc(998, "x")), "250 2.0.0");
      assert.equal(await chunk(client, "\r\n"), "250 2.0.0");
      assert.equal(await chunk(client, Buffer.alloc(600, "x")), "250 2.0.0");
      assert.equal(await chunk(client, Buffer.alloc(600, "x")), "554 5.6.0");
      client.end();
    });
  });

  test("is read in vain only so long, and a message that is taken makes good for it", async () => {
    await within(SMALL, async (listener) => {
      const client = await SmtpClient.greeted(listener.port);
      const whole = Buffer.alloc(65_536, "x");
      for (let i = 0; i < 2; i++) assert.equal(await chunk(client, whole, true), "503 5.5.1");
      await client.envelope();
      assert.equal(await chunk(client, "x", true), "250 2.0.0");
      for (let i = 0; i < 2; i++) assert.equal(await chunk(client, whole, true), "503 5.5.1");
      client.send("BDAT 1\r\n");
      assert.match(await client.untilClosed(), /^503 5\.5\.1 .*\r\n421 4\.7\.0 .*\r\n$/);
    });
  });

  test("refused for trouble that nobody foresaw is read all the same", async () => {
    await within({}, async (listener) => {
      listener.receiver.dataGate = Promise.reject(new Error("/var/secret"));
      listener.receiver.dataGate.catch(() => {});
      const client = await SmtpClient.greeted(listener.port);
      await client.envelope();
      assert.equal(await chunk(client, "QUIT\r\n"), "451 4.3.0");
      assert.equal(await chunk(client, "QUIT\r\n", true), "503 5.5.1");
      assert.equal(await client.says("NOOP"), "250 2.0.0");
      client.end();
    });
  });

  test("that cannot be written is told at once", async () => {
    const listener = await startListener();
    await withListener(listener, async () => {
      listener.receiver.gate = Promise.reject(new Error("/var/secret"));
      listener.receiver.gate.catch(() => {});
      const client = await SmtpClient.greeted(listener.port);
      await client.envelope();
      assert.equal(await chunk(client, "a\r\n"), "451 4.3.0");
      assert.equal(await chunk(client, "a\r\n", true), "503 5.5.1");
      // Nor is the line end written that the last chunk lacks.
      await client.envelope();
      assert.equal(await chunk(client, "a", true), "451 4.3.0");
      assert.equal(listener.receiver.writes, 2);
      client.end();
    });
    assert.deepEqual(
      listener.logged.filter(({ err }) => /while/.test(JSON.stringify(err))),
      [],
    );
  });

  test("comes no faster than the receiver takes it", async () => {
    await within({}, async (listener) => {
      const { receiver } = listener;
      let open = () => {};
      receiver.gate = new Promise((resolve) => {
        open = resolve;
      });
      const client = await SmtpClient.greeted(listener.port);
      await client.envelope();
      const size = 20 * 1024 * 1024;
      client.send(
        bdat(Buffer.alloc(size, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n"), true),
      );
      await receiver.until(({ writes }) => writes > 0);
      for (let i = 0; i < 200; i++) await nextTurn();
      assert.ok(client.socket.writableLength > size / 2, "most of it waits at the client");
      open();
      assert.equal(codes(await client.reply()), "250 2.0.0");
      assert.equal(receiver.messages[0]?.octets.length, size - size / 64);
      client.end();
    });
  });

  test("thousands of chunks in a packet are read one after the other", async () => {
    await within({}, async (listener) => {
      const client = await SmtpClient.greeted(listener.port);
      await client.envelope();
      const count = 20_000;
      client.send(Buffer.concat(Array(count).fill(bdat("x"))));
      for (let i = 0; i < count; i++) assert.equal((await client.reply()).code, 250);
      assert.equal(await chunk(client, "", true), "250 2.0.0");
      assert.equal(listener.receiver.messages[0]?.octets.length, count + 1);
      client.end();
    });
  });

  test("chunks of nothing are as little progress as NOOP", async () => {
    await within({ limits: { errors: 5 } }, async (listener) => {
      const client = await SmtpClient.greeted(listener.port);
      await client.envelope();
      client.send("BDAT 0\r\n".repeat(200));
      assert.match(await client.untilClosed(), /\r\n421 4\.7\.0 .*\r\n$/);
    });
  });
});

describe("a message in chunks of a client that leaves is abandoned once", () => {
  for (const [where, octets] of [
    ["within a chunk", "BDAT 10\r\nabc"],
    ["between chunks", "BDAT 3\r\nabc"],
    ["within a command", "BDAT 3\r\nabcBDAT 3 LA"],
    ["within the last chunk", "BDAT 3\r\nabcBDAT 3 LAST\r\nab"],
  ] as const) {
    for (const [how, leave] of [
      ["vanishes", (client: SmtpClient) => client.vanish()],
      ["closes", (client: SmtpClient) => client.socket.end()],
    ] as const) {
      test(`${where}, ${how}`, async () => {
        await within({}, async (listener) => {
          const client = await SmtpClient.greeted(listener.port);
          await client.envelope();
          client.send(octets);
          await listener.receiver.until(({ writes }) => writes > 0);
          leave(client);
          await listener.receiver.untilAbandoned(1);
          await listener.logLine("connection closed");
          client.end();
        });
      });
    }
  }
});

describe("deadlines of a message in chunks", () => {
  const TOO_LATE = /421 4\.4\.2 .*\r\n$/;

  for (const [name, limits, octets] of [
    ["data_idle_time within a chunk", { data_idle_time: 150 }, "BDAT 10\r\nabc"],
    ["data_idle_time before its first octet", { data_idle_time: 150 }, "BDAT 10\r\n"],
    ["data_idle_time within one that is refused", { data_idle_time: 150 }, "RSET\r\nBDAT 10\r\nabc"],
    ["data_time within a chunk", { data_time: 150 }, "BDAT 10\r\nabc"],
    ["data_time between chunks", { data_time: 150 }, "BDAT 3\r\nabc"],
    ["command_time between chunks", { command_time: 150 }, "BDAT 3\r\nabc"],
  ] as const) {
    test(name, async () => {
      await within({ limits }, async ({ port }) => {
        const client = await SmtpClient.greeted(port);
        await client.envelope();
        client.send(octets);
        assert.match(await client.untilClosed(), TOO_LATE);
      });
    });
  }

  test("data_time is for the message, however busy its client is", async () => {
    await within({ limits: { data_time: 300, errors: 10_000 } }, async ({ port }) => {
      const client = await SmtpClient.greeted(port);
      await client.envelope();
      let said = "";
      while (!said.startsWith("421")) said = await chunk(client, "x").catch(() => "421");
      assert.match(client.unread || said, /^421/);
      client.end();
    });
  });

  test("data_time begins anew with the next message", async () => {
    await within({ limits: { data_time: 1000 } }, async ({ port }) => {
      const client = await SmtpClient.greeted(port);
      const end = Date.now() + 1500;
      while (Date.now() < end) {
        await client.envelope();
        assert.equal(await chunk(client, "x"), "250 2.0.0");
        assert.equal(await chunk(client, "x", true), "250 2.0.0");
      }
      client.end();
    });
  });
});

describe("stopping within a message in chunks", () => {
  test("lets it come whole", async () => {
    const listener = await startListener();
    const client = await SmtpClient.greeted(listener.port);
    await client.envelope();
    assert.equal(await chunk(client, "a\r\n"), "250 2.0.0");
    client.send("BDAT 6");
    const stopped = listener.stop();
    client.send(" LAST\r\nb\r\nc");
    await nextTurn();
    client.send("\r\n");
    assert.equal(codes(await client.reply()), "250 2.0.0");
    assert.equal(codes(await client.reply()), "421 4.3.2");
    await stopped;
    assert.equal(listener.receiver.messages[0]?.octets.toString(), "a\nb\nc\n");
  });

  for (const [where, octets] of [
    ["within a chunk", "BDAT 10\r\nabc"],
    ["between chunks", "BDAT 3\r\nabc"],
  ] as const) {
    test(`cuts it off when the time is up: ${where}`, async () => {
      const listener = await startListener({ shutdownMs: 100 });
      const client = await SmtpClient.greeted(listener.port);
      await client.envelope();
      client.send(octets);
      await listener.receiver.until(({ writes }) => writes > 0);
      await listener.stop();
      assert.match(await client.untilClosed(), /421 4\.3\.2 .*\r\n$/);
      assert.equal(listener.receiver.abandoned, 1);
      assert.equal(listener.receiver.open, 0);
    });
  }

  test("does not wait for a chunk that nobody wants", async () => {
    const listener = await startListener();
    const client = await SmtpClient.greeted(listener.port);
    client.send("BDAT 10\r\nabcNOOP");
    client.send("x\r\n");
    await nextTurn();
    await listener.stop();
    assert.match(await client.untilClosed(), /421 4\.3\.2 .*\r\n$/);
  });
});
