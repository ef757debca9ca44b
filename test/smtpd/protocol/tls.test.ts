/** STARTTLS and implicit TLS: whose certificate, and what is forgotten. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { after, before, describe, test } from "node:test";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { Certificates } from "../../../shared/certificates.js";
import { PASSWORD } from "../../fakes/receiver.js";
import { codes, SmtpClient } from "../../fakes/smtp-client.js";
import { makeCertificates, startListener, type TestListenerOptions } from "../../fakes/smtp-listener.js";

const LOGIN = `AUTH PLAIN ${Buffer.from(`\0alice\0${PASSWORD}`).toString("base64")}`;

let certificates: Certificates;
let others: Certificates;
before(async () => {
  ({ certificates } = await makeCertificates("mail.other.example"));
  ({ certificates: others } = await makeCertificates());
});

async function listening(options: TestListenerOptions) {
  const listener = await startListener({ certificates: () => certificates, ...options });
  after(() => listener.stop());
  return listener;
}

function fingerprint(socket: TLSSocket): string {
  return socket.getPeerCertificate().fingerprint256;
}

async function implicitFingerprint(port: number, servername?: string): Promise<string> {
  const socket = connectTls({
    port,
    host: "127.0.0.1",
    rejectUnauthorized: false,
    ...(servername !== undefined && { servername }),
  });
  await once(socket, "secureConnect");
  const found = fingerprint(socket);
  socket.destroy();
  return found;
}

describe("STARTTLS", () => {
  test("forgets what was said, and is not offered again", async () => {
    const { port, receiver } = await listening({});
    const client = await SmtpClient.connect(port);
    await client.reply();
    assert.ok((await client.command("EHLO before.example")).lines.some((line) => line.endsWith("STARTTLS")));
    await client.envelope();
    assert.equal((await client.command("STARTTLS")).code, 220);
    await client.startTls();
    assert.equal(await client.says("MAIL FROM:<a@client.example>"), "503 5.5.1");
    assert.equal(await client.says("DATA"), "503 5.5.1");
    assert.ok(!(await client.command("EHLO after.example")).lines.some((line) => line.endsWith("STARTTLS")));
    assert.equal(await client.says("DATA"), "503 5.5.1");
    assert.equal(await client.says("STARTTLS"), "503 5.5.1");
    await client.envelope();
    assert.equal(await client.data("text\r\n.\r\n"), "250 2.0.0");
    client.end();
    const session = receiver.messages[0]?.session;
    assert.equal(session?.helo, "after.example");
    assert.match(session?.tls?.version ?? "", /^TLSv1\.[23]$/);
    assert.match(session?.tls?.cipher ?? "", /^[A-Z0-9_-]+$/);
  });

  test("forgets a login", async () => {
    const { port } = await listening({ listener: { role: "submission" } });
    const client = await SmtpClient.greeted(port);
    assert.equal(await client.says(LOGIN), "235 2.7.0");
    await client.command("STARTTLS");
    await client.startTls();
    await client.command("EHLO client.example");
    assert.equal(await client.says("MAIL FROM:<a@client.example>"), "530 5.7.0");
    client.end();
  });

  test("drops what came behind it in the clear", async () => {
    const { port, receiver } = await listening({});
    const client = await SmtpClient.greeted(port);
    client.send("STARTTLS\r\nEHLO injected.example\r\nMAIL FROM:<injected@client.example>\r\nRSET");
    assert.equal((await client.reply()).code, 220);
    await client.startTls();
    client.send("\r\nNOOP\r\n");
    assert.equal(codes(await client.reply()), "500 5.5.2", "nothing is left of a line from before");
    assert.equal(codes(await client.reply()), "250 2.0.0");
    assert.equal(await client.says("MAIL FROM:<a@client.example>"), "503 5.5.1");
    assert.equal(client.unread, "");
    assert.deepEqual(receiver.reversePaths, []);
    client.end();
  });

  for (const [name, options] of [
    ["with tls = none", { listener: { tls: "none" } }],
    ["without a certificate", { certificates: () => undefined }],
  ] as const) {
    test(`is neither offered nor followed ${name}`, async () => {
      const { port } = await listening(options);
      const client = await SmtpClient.connect(port);
      await client.reply();
      assert.ok(!(await client.command("EHLO x")).lines.join().includes("STARTTLS"));
      assert.equal(await client.says("STARTTLS"), "502 5.5.1");
      client.end();
    });
  }

  test("with an argument is refused", async () => {
    const { port } = await listening({});
    const client = await SmtpClient.greeted(port);
    assert.equal(await client.says("STARTTLS now"), "501 5.5.4");
    client.end();
  });

  test("followed by something else than a handshake closes", async () => {
    const listener = await listening({});
    const client = await SmtpClient.greeted(listener.port);
    await client.command("STARTTLS");
    client.send("EHLO in.the.clear\r\n");
    assert.ok(!(await client.untilClosed()).includes("250"));
    await listener.logLine("connection closed");
    assert.equal(await (await SmtpClient.greeted(listener.port)).says("QUIT"), "221 2.0.0");
  });
});

describe("clients that reset the connection at a bad moment", () => {
  for (const tls of ["starttls", "implicit"] as const) {
    test(`do not end the process: ${tls}`, async () => {
      const { port } = await listening({ listener: { tls } });
      for (let i = 0; i < 100; i++) {
        const socket = connectTcp({ port, host: "127.0.0.1", noDelay: true });
        socket.on("error", () => {});
        if (tls === "starttls") socket.write("STARTTLS\r\n");
        if (i % 2 === 0) await once(socket, "connect");
        else if (tls === "starttls") await once(socket, "data");
        else socket.write(Buffer.from("16030102000100", "hex"), () => socket.resetAndDestroy());
        socket.resetAndDestroy();
      }
      const client = await SmtpClient.connect(port, { tls: tls === "implicit" });
      assert.equal((await client.reply()).code, 220);
      client.end();
    });
  }
});

describe("the certificate", () => {
  test("follows the name that the client asks for, and is the default one otherwise", async () => {
    const { port } = await listening({ listener: { tls: "implicit" } });
    const byDefault = await implicitFingerprint(port);
    const byName = await implicitFingerprint(port, "mail.other.example");
    assert.notEqual(byDefault, byName);
    assert.equal(await implicitFingerprint(port, "unknown.example"), byDefault);

    const starttls = await listening({});
    const client = await SmtpClient.greeted(starttls.port);
    await client.command("STARTTLS");
    assert.equal(fingerprint(await client.startTls("mail.other.example")), byName);
    client.end();
  });

  test("is asked for at each handshake", async () => {
    let current: Certificates | undefined = certificates;
    const { port } = await listening({ listener: { tls: "implicit" }, certificates: () => current });
    const old = await implicitFingerprint(port);
    current = others;
    assert.notEqual(await implicitFingerprint(port), old);
    current = undefined;
    await assert.rejects(implicitFingerprint(port));
    await assert.rejects(implicitFingerprint(port, "localhost"));
    current = certificates;
    assert.equal(await implicitFingerprint(port), old);
  });
});

describe("implicit TLS", () => {
  test("serves a whole dialogue", async () => {
    const { port, receiver } = await listening({ listener: { tls: "implicit", role: "submission" } });
    const client = await SmtpClient.greeted(port, { tls: true });
    assert.equal(await client.says(LOGIN), "235 2.7.0");
    await client.envelope();
    assert.equal(await client.data("text\r\n.\r\n"), "250 2.0.0");
    assert.equal(receiver.messages[0]?.session.account?.address, "alice");
    client.end();
  });

  test("outlives clients that speak no TLS", async () => {
    const listener = await listening({ listener: { tls: "implicit" } });
    const client = await SmtpClient.connect(listener.port);
    client.send("EHLO in.the.clear\r\n");
    await client.untilClosed();
    assert.equal(await (await SmtpClient.greeted(listener.port, { tls: true })).says("QUIT"), "221 2.0.0");
  });
});

describe("AUTH before TLS", () => {
  for (const [allowed, offered] of [
    ["never", false],
    ["loopback", true],
    ["always", true],
  ] as const) {
    test(`allow_plaintext_auth = ${allowed}`, async () => {
      const { port } = await listening({ listener: { role: "submission", allow_plaintext_auth: allowed } });
      const client = await SmtpClient.connect(port);
      await client.reply();
      assert.equal((await client.command("EHLO x")).lines.join().includes("AUTH"), offered);
      assert.equal(await client.says(LOGIN), offered ? "235 2.7.0" : "538 5.7.11");
      if (!offered) {
        await client.command("STARTTLS");
        await client.startTls();
        assert.ok((await client.command("EHLO x")).lines.join().includes("AUTH SCRAM-SHA-256-PLUS"));
        assert.equal(await client.says(LOGIN), "235 2.7.0");
      }
      client.end();
    });
  }
});
