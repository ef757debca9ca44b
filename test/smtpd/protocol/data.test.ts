/** A message between the socket and the receiver: in order, at the receiver's pace, ended or abandoned once. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "fast-check";
import { codes, SmtpClient } from "../../fakes/smtp-client.js";
import { makeCertificates, startListener, type TestListener } from "../../fakes/smtp-listener.js";

/** pino's number for it. */
const ERROR_LEVEL = 50;

/** Makes the receiver's writes wait until the function that it gives is called. */
function closeGate({ receiver }: TestListener): () => void {
  let open = () => {};
  receiver.gate = new Promise((resolve) => {
    open = resolve;
  });
  return open;
}

async function inData(listener: TestListener): Promise<SmtpClient> {
  const client = await SmtpClient.greeted(listener.port);
  await client.envelope();
  assert.equal((await client.command("DATA")).code, 354);
  return client;
}

/** Stops, and checks that nothing is left and the receiver was called as it wants to be: it throws otherwise. */
async function stop(listener: TestListener): Promise<void> {
  await listener.stop();
  assert.equal(listener.receiver.open, 0);
  assert.deepEqual(
    listener.logged.filter(({ level }) => Number(level) >= ERROR_LEVEL),
    [],
  );
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await nextTurn();
}

describe("a message", () => {
  test("is taken octet for octet, however it is cut", async () => {
    const listener = await startListener();
    const client = await SmtpClient.greeted(listener.port);
    const line = fc.string({ unit: fc.constantFrom(".", "a", "\xe9", "\t"), maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 20 }), fc.nat(50), async (lines, piece) => {
        await client.envelope();
        await client.command("DATA");
        const wire = Buffer.from(
          `${lines.map((text) => `${text.startsWith(".") ? "." : ""}${text}\r\n`).join("")}.\r\n`,
          "latin1",
        );
        for (let at = 0; at < wire.length; at += piece + 1) client.send(wire.subarray(at, at + piece + 1));
        assert.equal((await client.reply()).code, 250);
        const stored = listener.receiver.messages.at(-1)?.octets.toString("latin1");
        assert.equal(stored, lines.map((text) => `${text}\n`).join(""));
      }),
      { numRuns: 50 },
    );
    client.end();
    await listener.stop();
  });

  test("comes no faster than the receiver takes it", async () => {
    const listener = await startListener();
    const open = closeGate(listener);
    const client = await inData(listener);
    const size = 20 * 1024 * 1024;
    client.send(Buffer.alloc(size, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n"));
    client.send(".\r\nNOOP\r\n");
    await listener.receiver.until(({ writes }) => writes > 0);
    await turns(200);
    assert.ok(client.socket.writableLength > size / 2, "most of it waits at the client");
    open();
    assert.equal(codes(await client.reply()), "250 2.0.0");
    assert.equal(codes(await client.reply()), "250 2.0.0");
    assert.equal(listener.receiver.messages[0]?.octets.length, size - size / 64);
    client.end();
    await listener.stop();
  });

  test("of a client that vanishes is abandoned once", async () => {
    const listener = await startListener();
    for (const [count, leave] of [
      [1, (client: SmtpClient) => client.vanish()],
      [2, (client: SmtpClient) => client.end()],
      [3, (client: SmtpClient) => client.socket.end()],
    ] as const) {
      const client = await inData(listener);
      client.send("half a message\r\n.");
      leave(client);
      await listener.receiver.untilAbandoned(count);
      await client.untilClosed();
    }
    await stop(listener);
    assert.equal(listener.receiver.abandoned, 3);
  });

  test("of a client that vanishes while it is written is abandoned after the write", async () => {
    const listener = await startListener();
    const open = closeGate(listener);
    const client = await inData(listener);
    client.send("half a message\r\n");
    await listener.receiver.until(({ writes }) => writes > 0);
    client.vanish();
    await turns(20);
    assert.equal(listener.receiver.abandoned, 0);
    // The socket is not read while a write is under way, so it is the stop that finds it gone.
    const stopped = stop(listener);
    open();
    await listener.receiver.untilAbandoned(1);
    await stopped;
  });

  test("of a client that vanishes before it was asked for is abandoned", async () => {
    const listener = await startListener();
    let open = () => {};
    listener.receiver.dataGate = new Promise((resolve) => {
      open = resolve;
    });
    const client = await SmtpClient.greeted(listener.port);
    await client.envelope();
    client.send("DATA\r\n");
    await listener.receiver.until(({ asked }) => asked > 0);
    client.vanish();
    await listener.logLine("connection closed");
    open();
    await listener.receiver.untilAbandoned(1);
    await stop(listener);
  });

  for (const tls of ["none", "starttls", "implicit"] as const) {
    test(`that has come whole is kept when the client leaves, and it is told so: tls = ${tls}`, async () => {
      const { certificates } = await makeCertificates();
      const listener = await startListener({ listener: { tls }, certificates: () => certificates });
      const open = closeGate(listener);
      const client = await SmtpClient.greeted(listener.port, { tls: tls === "implicit" });
      if (tls === "starttls") {
        await client.command("STARTTLS");
        await client.startTls();
        await client.command("EHLO client.example");
      }
      await client.envelope();
      await client.command("DATA");
      client.send("a whole message\r\n.\r\n");
      client.socket.end();
      await listener.receiver.until(({ writes }) => writes > 0);
      open();
      assert.equal(codes(await client.reply()), "250 2.0.0");
      await client.untilClosed();
      await stop(listener);
      assert.equal(listener.receiver.messages.length, 1);
      assert.equal(listener.receiver.abandoned, 0);
    });
  }

  test("that is refused is abandoned once, whenever the client leaves", async () => {
    const listener = await startListener({ limits: { message_size: 10 } });
    const client = await inData(listener);
    client.send("0123456789a");
    await listener.receiver.untilAbandoned(1);
    client.send("more");
    client.vanish();
    await listener.logLine("connection closed");
    await stop(listener);
    assert.equal(listener.receiver.abandoned, 1);
  });

  test("that the receiver cannot take is temporary trouble", async () => {
    const listener = await startListener();
    listener.receiver.gate = Promise.reject(new Error("/var/secret"));
    listener.receiver.gate.catch(() => {});
    const client = await inData(listener);
    client.send("a message\r\n.\r\n");
    const { code, status, lines } = await client.reply();
    assert.deepEqual([code, status], [451, "4.3.0"]);
    assert.ok(!lines.join().includes("secret"));
    client.end();
    await listener.stop();
    assert.equal(listener.receiver.abandoned, 1);
    assert.equal(listener.receiver.open, 0);
  });
});
