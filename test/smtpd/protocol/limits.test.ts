/** What a client may ask for, and how much of it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { RESPONSE_OCTETS_MAX } from "../../../shared/sasl/exchange.js";
import { IDLE_COMMANDS_MAX } from "../../../smtpd/protocol/error-budget.js";
import { codes, SmtpClient } from "../../fakes/smtp-client.js";
import {
  makeCertificates,
  startListener,
  type TestListener,
  type TestListenerOptions,
} from "../../fakes/smtp-listener.js";

function limited(
  name: string,
  options: TestListenerOptions,
  check: (listener: TestListener) => Promise<void>,
): void {
  test(name, async () => {
    const listener = await startListener(options);
    await check(listener).finally(() => listener.stop());
  });
}

describe("message_size", () => {
  const options = { limits: { message_size: 20 } };

  limited("a message of that size is taken, a larger one not", options, async ({ port, receiver }) => {
    const client = await SmtpClient.greeted(port);
    await client.envelope();
    assert.equal(await client.data("..345678\r\n123456789\r\n.\r\n"), "250 2.0.0");
    await client.envelope();
    assert.equal(await client.data("..345678\r\n1234567890\r\n.\r\n"), "552 5.3.4");
    assert.equal(receiver.messages.length, 1);
    assert.equal(receiver.abandoned, 1);
    assert.equal(await client.says("NOOP"), "250 2.0.0");
    client.end();
  });

  limited("is given up at the limit and read to its end", options, async ({ port, receiver }) => {
    const client = await SmtpClient.greeted(port);
    await client.envelope();
    await client.command("DATA");
    client.send("x".repeat(1000));
    await receiver.untilAbandoned(1);
    client.send(`${"x".repeat(100_000)}\r\n.\r\nNOOP\r\n`);
    assert.equal(codes(await client.reply()), "552 5.3.4");
    assert.equal(codes(await client.reply()), "250 2.0.0");
    client.end();
  });

  limited("is announced, and a larger size declared is refused", options, async ({ port }) => {
    const client = await SmtpClient.connect(port);
    await client.reply();
    const { lines } = await client.command("EHLO client.example");
    assert.ok(lines.some((line) => line.endsWith("SIZE 20")));
    assert.equal(await client.says("MAIL FROM:<a@client.example> SIZE=21"), "552 5.3.4");
    assert.equal(await client.says("MAIL FROM:<a@client.example> SIZE=20"), "250 2.1.0");
    client.end();
  });
});

limited("line_length", { limits: { line_length: 10 } }, async ({ port }) => {
  const client = await SmtpClient.greeted(port);
  await client.envelope();
  assert.equal(await client.data("12345678\r\n.\r\n"), "250 2.0.0");
  await client.envelope();
  assert.equal(await client.data("123456789\r\n.\r\n"), "554 5.6.0");
  client.end();
});

limited("command_length", { limits: { command_length: 100 } }, async ({ port }) => {
  const client = await SmtpClient.greeted(port);
  assert.equal(await client.says(`NOOP ${"x".repeat(95)}`), "250 2.0.0");
  client.send(`NOOP ${"x".repeat(96)}\r\nNOOP\r\n`);
  assert.equal(codes(await client.reply()), "500 5.5.2");
  assert.equal(await client.untilClosed(), "");
});

limited("command_length of a line without end", { limits: { command_length: 100 } }, async ({ port }) => {
  const client = await SmtpClient.greeted(port);
  client.send("x".repeat(200));
  assert.equal(codes(await client.reply()), "500 5.5.2");
  assert.equal(await client.untilClosed(), "");
});

limited(
  "a response to a challenge may be longer than command_length",
  {
    listener: { role: "submission" },
    limits: { command_length: 100 },
  },
  async ({ port }) => {
    const client = await SmtpClient.greeted(port);
    assert.equal((await client.command("AUTH PLAIN")).code, 334);
    assert.equal(await client.says("A".repeat(RESPONSE_OCTETS_MAX - 4)), "535 5.7.8");
    assert.equal((await client.command("AUTH PLAIN")).code, 334);
    client.send(`${"A".repeat(RESPONSE_OCTETS_MAX + 4)}\r\n`);
    assert.equal(codes(await client.reply()), "500 5.5.2");
    assert.equal(await client.untilClosed(), "");
  },
);

limited("recipients", { limits: { recipients: 3, errors: 100 } }, async ({ port, receiver }) => {
  const client = await SmtpClient.greeted(port);
  const paths = ["<a@x.example>", "<b@x.example>", "<unknown@x.example>", "<c@x.example>", "<d@x.example>"];
  const [, ...said] = await client.envelope(undefined, ...paths);
  assert.deepEqual(said, ["250 2.1.5", "250 2.1.5", "550 5.1.1", "250 2.1.5", "452 4.5.3"]);
  assert.equal(await client.data(".\r\n"), "250 2.0.0");
  assert.equal(receiver.messages[0]?.envelope.recipients.length, 3);
  client.end();
});

describe("idle commands", () => {
  for (const command of ["NOOP", "RSET", "VRFY x", "HELP", "HELO x"]) {
    limited(`${command} without end`, { limits: { errors: 5 } }, async ({ port }) => {
      const client = await SmtpClient.connect(port);
      await client.reply();
      client.send(`${command}\r\n`.repeat(10_000));
      const lines = (await client.untilClosed()).trimEnd().split("\r\n");
      assert.match(lines.at(-1) ?? "", /^421 4\.7\.0/);
      assert.equal(lines.length, IDLE_COMMANDS_MAX + 5 + 1);
    });
  }

  limited("between messages are forgiven", { limits: { errors: 1 } }, async ({ port }) => {
    const client = await SmtpClient.greeted(port);
    for (let i = 0; i < 3; i++) {
      client.send("NOOP\r\n".repeat(IDLE_COMMANDS_MAX - 1));
      for (let n = 1; n < IDLE_COMMANDS_MAX; n++) assert.equal((await client.reply()).code, 250);
      await client.envelope();
      assert.equal(await client.data(".\r\n"), "250 2.0.0");
    }
    client.end();
  });
});

describe("connections", () => {
  for (const limits of [{ connections: 2 }, { connections_per_ip: 2 }]) {
    const [name] = Object.keys(limits);
    limited(`no more than ${name}`, { limits }, async ({ port }) => {
      const [first, second] = [await SmtpClient.greeted(port), await SmtpClient.greeted(port)];
      const third = await SmtpClient.connect(port);
      assert.equal(codes(await third.reply()), "421 4.7.0");
      assert.equal(await third.untilClosed(), "");
      assert.equal(await second.says("QUIT"), "221 2.0.0");
      await second.untilClosed();
      second.end();
      await placeIsFree(port);
      first.end();
    });
  }

  test("give their place back after STARTTLS and after implicit TLS", async () => {
    const { certificates } = await makeCertificates();
    for (const tls of ["starttls", "implicit"] as const) {
      const listener = await startListener({
        limits: { connections: 1 },
        listener: { tls },
        certificates: () => certificates,
      });
      for (let i = 0; i < 3; i++) {
        const client = await whenAdmitted(listener.port, tls === "implicit");
        await client.command("EHLO client.example");
        if (tls === "starttls") {
          assert.equal((await client.command("STARTTLS")).code, 220);
          await client.startTls();
          await client.command("EHLO client.example");
        }
        assert.equal(await client.says("QUIT"), "221 2.0.0");
        client.end();
      }
      await listener.stop();
    }
  });

  test("whose TLS handshake has not begun hold a place", async () => {
    const { certificates } = await makeCertificates();
    const listener = await startListener({
      limits: { connections: 1 },
      listener: { tls: "implicit" },
      certificates: () => certificates,
    });
    const idle = connect(listener.port, "127.0.0.1");
    await once(idle, "connect");
    while (listener.logged.every(({ msg }) => msg !== "connection refused")) {
      await assert.rejects(SmtpClient.connect(listener.port, { tls: true }));
    }
    idle.destroy();
    (await whenAdmitted(listener.port, true)).end();
    await listener.stop();
  });
});

/** The server learns of a closed connection a little later than we do. */
async function placeIsFree(port: number): Promise<void> {
  (await whenAdmitted(port, false)).end();
}

async function whenAdmitted(port: number, tls: boolean): Promise<SmtpClient> {
  for (;;) {
    const client = await SmtpClient.connect(port, { tls }).catch(() => undefined);
    const greeting = await client?.reply().catch(() => undefined);
    if (client !== undefined && greeting?.code === 220) return client;
    client?.end();
    await nextTurn();
  }
}

describe("failed logins", () => {
  const wrong = `AUTH PLAIN ${Buffer.from("\0alice\0wrong").toString("base64")}`;

  test("wait, and whoever hangs up meanwhile keeps his place among the connections", async () => {
    const { certificates } = await makeCertificates();
    for (const tls of ["none", "starttls", "implicit"] as const) {
      const listener = await startListener({
        listener: { role: "submission", tls },
        limits: { login_failure_delay: 3_600_000, connections_per_ip: 1 },
        certificates: () => certificates,
      });
      const client = await SmtpClient.greeted(listener.port, { tls: tls === "implicit" });
      if (tls === "starttls") {
        await client.command("STARTTLS");
        await client.startTls();
        await client.command("EHLO client.example");
      }
      client.send(`${wrong}\r\n`);
      await listener.logLine("login failed");
      client.vanish();
      await listener.logLine("connection closed");
      if (tls === "implicit") await assert.rejects(SmtpClient.connect(listener.port, { tls: true }));
      else assert.equal(codes(await (await SmtpClient.connect(listener.port)).reply()), "421 4.7.0");
      await listener.stop();
    }
  });

  test("whoever hangs up while his password is checked keeps his place until that is done", async () => {
    const listener = await startListener({
      listener: { role: "submission" },
      limits: { connections_per_ip: 1 },
    });
    let open: () => void = () => {};
    listener.receiver.loginGate = new Promise<void>((resolve) => (open = resolve));
    const client = await SmtpClient.greeted(listener.port);
    client.send(`${wrong}\r\n`);
    await listener.receiver.until(({ loginsAsked }) => loginsAsked === 1);
    client.vanish();
    await listener.logLine("connection closed");
    assert.equal(codes(await (await SmtpClient.connect(listener.port)).reply()), "421 4.7.0");
    open();
    await placeIsFree(listener.port);
    await listener.stop();
  });

  test("are answered at once when the daemon stops", async () => {
    const listener = await startListener({
      listener: { role: "submission" },
      limits: { login_failure_delay: 3_600_000 },
    });
    const client = await SmtpClient.greeted(listener.port);
    client.send(`${wrong}\r\n`);
    await listener.logLine("login failed");
    const stopped = listener.stop();
    assert.equal(codes(await client.reply()), "535 5.7.8");
    assert.equal(codes(await client.reply()), "421 4.3.2");
    await stopped;
  });
});

describe("two hundred clients that say nothing or too little", () => {
  limited(
    "keep nobody from being served",
    { limits: { connections_per_ip: 300 } },
    async ({ port, receiver }) => {
      const lazy = await Promise.all(Array.from({ length: 200 }, () => SmtpClient.connect(port)));
      let dribbling = true;
      const dribble = async () => {
        for (let i = 0; dribbling; i++) {
          lazy[i % lazy.length]?.send("x");
          await nextTurn();
        }
      };
      const dribbled = dribble();
      for (let i = 0; i < 20; i++) {
        const client = await SmtpClient.greeted(port);
        await client.envelope();
        assert.equal(await client.data("Subject: x\r\n\r\nx\r\n.\r\n"), "250 2.0.0");
        assert.equal(await client.says("QUIT"), "221 2.0.0");
        client.end();
      }
      dribbling = false;
      await dribbled;
      assert.equal(receiver.messages.length, 20);
      for (const client of lazy) client.end();
    },
  );
});
