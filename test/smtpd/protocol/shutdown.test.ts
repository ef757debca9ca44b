/** Stopping: who may finish, who is told to come again, and that it ends. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, test } from "node:test";
import { closed, codes, SmtpClient } from "../../fakes/smtp-client.js";
import { makeCertificates, startListener } from "../../fakes/smtp-listener.js";

describe("stopping", () => {
  test("tells idle clients at once, and lets nobody in", async () => {
    const listener = await startListener();
    const silent = await SmtpClient.connect(listener.port);
    await silent.reply();
    const greeted = await SmtpClient.greeted(listener.port);
    const stopped = listener.stop();
    assert.equal(codes(await silent.reply()), "421 4.3.2");
    assert.equal(codes(await greeted.reply()), "421 4.3.2");
    await stopped;
    await assert.rejects(SmtpClient.connect(listener.port));
  });

  test("lets a transaction finish, but no other begin", async () => {
    const listener = await startListener();
    const client = await SmtpClient.greeted(listener.port);
    await client.says("MAIL FROM:<a@client.example>");
    const stopped = listener.stop();
    assert.equal(await client.says("RCPT TO:<b@pillarbox.test>"), "250 2.1.5");
    assert.equal(await client.data("text\r\n.\r\n"), "250 2.0.0");
    assert.equal(codes(await client.reply()), "421 4.3.2");
    await stopped;
    assert.equal(listener.receiver.messages.length, 1);
  });

  test("ends a transaction that is given up", async () => {
    const listener = await startListener();
    const client = await SmtpClient.greeted(listener.port);
    await client.envelope();
    const stopped = listener.stop();
    assert.equal(await client.says("RSET"), "250 2.0.0");
    assert.equal(codes(await client.reply()), "421 4.3.2");
    await stopped;
  });

  test("cuts off who does not finish in time", async () => {
    const listener = await startListener({ shutdownMs: 100 });
    const client = await SmtpClient.greeted(listener.port);
    await client.envelope();
    await client.command("DATA");
    client.send("half a message");
    const stopped = listener.stop();
    assert.equal(codes(await client.reply()), "421 4.3.2");
    await stopped;
    assert.equal(listener.receiver.abandoned, 1);
  });

  test("does not wait for clients that keep their end open", async () => {
    const listener = await startListener({ shutdownMs: 100 });
    const socket = connect({ port: listener.port, host: "127.0.0.1", allowHalfOpen: true });
    await once(socket, "data");
    await listener.stop();
    socket.destroy();
  });

  test("drops TLS handshakes and clients that wait for their greeting", async () => {
    const { certificates } = await makeCertificates();
    for (const options of [
      { listener: { tls: "implicit" as const } },
      { listener: { early_talker_delay: 60_000 } },
    ]) {
      const listener = await startListener({ ...options, certificates: () => certificates });
      const socket = connect(listener.port, "127.0.0.1");
      await once(socket, "connect");
      const over = closed(socket);
      await listener.stop();
      await over;
    }
  });

  test("does not miss clients that are just coming in", async () => {
    for (let i = 0; i < 20; i++) {
      const listener = await startListener();
      const sockets = Array.from({ length: 10 }, () => connect(listener.port, "127.0.0.1").resume());
      for (const socket of sockets) socket.on("error", () => {});
      const [, last = sockets[0]] = sockets;
      if (last !== undefined) await once(last, "connect");
      await listener.stop();
      for (const socket of sockets) socket.destroy();
    }
  });

  test("in the middle of STARTTLS", async () => {
    const { certificates } = await makeCertificates();
    const listener = await startListener({ certificates: () => certificates });
    const client = await SmtpClient.greeted(listener.port);
    await client.command("STARTTLS");
    await listener.stop();
    assert.equal(await client.untilClosed(), "");
  });
});
