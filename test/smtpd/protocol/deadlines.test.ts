/** A client that is late is told so and left. Nothing here asserts how late it was. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { describe, test } from "node:test";
import { closed, SmtpClient } from "../../fakes/smtp-client.js";
import { makeCertificates, startListener, type TestListenerOptions } from "../../fakes/smtp-listener.js";

const TOO_LATE = /^421 4\.4\.2 .*\r\n$/;

function late(
  name: string,
  options: TestListenerOptions,
  approach: (client: SmtpClient) => Promise<unknown>,
): void {
  test(name, async () => {
    const listener = await startListener(options);
    const client = await SmtpClient.connect(listener.port);
    await client.reply();
    await approach(client);
    assert.match(await client.untilClosed(), TOO_LATE);
    await listener.stop();
    assert.equal(listener.receiver.open, 0);
  });
}

describe("deadlines", () => {
  const short = { limits: { command_time: 150 } };
  late("command_time after the greeting", short, async () => {});
  late("command_time after a reply", short, (client) => client.command("EHLO client.example"));
  late("command_time within a line", short, async (client) => client.send("EHL"));
  late(
    "command_time within a login",
    { limits: { command_time: 150 }, listener: { role: "submission" } },
    async (client) => {
      await client.command("EHLO client.example");
      await client.command("AUTH LOGIN");
    },
  );

  const inMessage = async (client: SmtpClient) => {
    await client.command("EHLO client.example");
    await client.envelope();
    await client.command("DATA");
  };
  late("data_idle_time before a message", { limits: { data_idle_time: 150 } }, inMessage);
  late("data_idle_time within a message", { limits: { data_idle_time: 150 } }, async (client) => {
    await inMessage(client);
    client.send("half a mess");
  });
  late("data_time", { limits: { data_time: 150 } }, inMessage);
  late("session_time of an idle client", { limits: { session_time: 150 } }, async () => {});

  test("session_time of a busy client", async () => {
    const listener = await startListener({ limits: { session_time: 300, errors: 10_000 } });
    const client = await SmtpClient.connect(listener.port);
    let last = await client.reply();
    while (last.code !== 421) last = await client.command("NOOP").catch(() => client.reply());
    assert.equal(last.status, "4.4.2");
    await client.untilClosed();
    await listener.stop();
  });

  test("no time runs while it is our turn", async () => {
    const listener = await startListener({ limits: { command_time: 100, data_idle_time: 100 } });
    const { receiver } = listener;
    let open = () => {};
    receiver.gate = new Promise((resolve) => {
      open = resolve;
    });
    const client = await SmtpClient.greeted(listener.port);
    await client.envelope();
    await client.command("DATA");
    client.send("text\r\n.\r\n");
    await new Promise((resolve) => setTimeout(resolve, 400));
    assert.equal(client.closed, false);
    open();
    assert.equal((await client.reply()).code, 250);
    client.end();
    await listener.stop();
  });

  test("tls_handshake_time after STARTTLS", async () => {
    const { certificates } = await makeCertificates();
    const listener = await startListener({
      limits: { tls_handshake_time: 150 },
      certificates: () => certificates,
    });
    const client = await SmtpClient.greeted(listener.port);
    assert.equal((await client.command("STARTTLS")).code, 220);
    assert.equal(await client.untilClosed(), "");
    assert.equal((await listener.logLine("connection closed")).reason, "timed out");
    client.end();
    await listener.stop();
  });

  test("tls_handshake_time of implicit TLS, also for a client that dribbles", async () => {
    const { certificates } = await makeCertificates();
    const listener = await startListener({
      limits: { tls_handshake_time: 300 },
      listener: { tls: "implicit" },
      certificates: () => certificates,
    });
    const socket = connect(listener.port, "127.0.0.1");
    const over = closed(socket);
    // The beginning of a record of a handshake that is longer than what will come of it.
    socket.write(Buffer.from("16030102000100", "hex"));
    const dribble = setInterval(() => socket.write("\0"), 20);
    await over;
    clearInterval(dribble);
    await listener.logLine("TLS handshake took too long");
    await listener.stop();
  });
});

describe("a client that leaves within a TLS handshake is not waited for", () => {
  const half = Buffer.from("16030102000100", "hex");

  test("after STARTTLS", async () => {
    const { certificates } = await makeCertificates();
    const listener = await startListener({ certificates: () => certificates });
    const client = await SmtpClient.greeted(listener.port);
    assert.equal((await client.command("STARTTLS")).code, 220);
    client.send(half);
    client.socket.end();
    assert.equal(await client.untilClosed(), "");
    await listener.logLine("connection closed");
    await listener.stop();
  });

  test("of implicit TLS", async () => {
    const { certificates } = await makeCertificates();
    const listener = await startListener({ listener: { tls: "implicit" }, certificates: () => certificates });
    const socket = connect(listener.port, "127.0.0.1");
    socket.write(half);
    socket.end();
    await closed(socket);
    await listener.stop();
  });
});

describe("early talkers", () => {
  const options = { listener: { early_talker_delay: 200 } };

  test("are refused", async () => {
    const listener = await startListener(options);
    const client = await SmtpClient.connect(listener.port);
    client.send("E");
    assert.match(await client.untilClosed(), /^554 5\.5\.1 .*\r\n$/);
    await listener.stop();
  });

  test("with a whole dialogue, none of which is run", async () => {
    const listener = await startListener(options);
    const client = await SmtpClient.connect(listener.port);
    client.send("EHLO x\r\nMAIL FROM:<a@client.example>\r\n");
    assert.match(await client.untilClosed(), /^554 5\.5\.1 .*\r\n$/);
    assert.equal(listener.receiver.reversePaths.length, 0);
    await listener.stop();
  });

  test("others are greeted and served", async () => {
    const listener = await startListener(options);
    const client = await SmtpClient.connect(listener.port);
    assert.equal((await client.reply()).code, 220);
    assert.equal((await client.command("EHLO x")).code, 250);
    client.end();
    await listener.stop();
  });
});
