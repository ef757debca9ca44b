/**
 * Finding the next host, by the whole daemon: one message to recipients of many domains, submitted, queued, and sent to where
 * a scripted DNS, the routes and the address literals say.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { DOMAIN, PASSWORD, Site, type Smtpd } from "../../daemons/site.js";
import { DnsServer, type Zone } from "../../fakes/dns-server.js";
import { Sink } from "../../fakes/sink.js";
import { SmtpClient } from "../../fakes/smtp-client.js";

/** Nobody listens there. */
const DEAD = "127.0.0.9";

const ZONE: Zone = {
  "mx.test": {
    MX: [
      [10, "dead.mx.test"],
      [20, "good.mx.test"],
    ],
  },
  "dead.mx.test": { A: [DEAD] },
  "good.mx.test": { A: ["127.0.0.2"] },
  "a.test": { A: ["127.0.0.2"] },
  "alias.test": { CNAME: "mx.test" },
  "null.test": { MX: [[0, "."]] },
  "us.test": { MX: [[10, `mail.${DOMAIN}`]] },
  "backup.test": {
    MX: [
      [10, "good.mx.test"],
      [20, `mail.${DOMAIN}`],
    ],
  },
  "broken.test": { trouble: "SERVFAIL" },
  "silent.test": { trouble: "silence" },
  "dead.test": { A: [DEAD] },
  // Routes go before what DNS says.
  "routed.test": { MX: [[0, "."]] },
  "smart.test": { A: ["127.0.0.4"] },
};

/** The recipient, and what the log says of it in the end. */
const EXPECTED: Readonly<Record<string, string>> = {
  "u@mx.test": "sent good.mx.test",
  "u@a.test": "sent a.test",
  "u@alias.test": "sent good.mx.test",
  "u@backup.test": "sent good.mx.test",
  "u@[127.0.0.3]": "sent [127.0.0.3]",
  "u@sub.routed.test": "sent smart.test",
  "u@lmtp.test": "sent -",
  "u@null.test": "failed 5.1.10",
  "u@nowhere.test": "failed 5.1.2",
  "u@us.test": "failed 5.4.6",
  "u@broken.test": "deferred 4.4.3",
  "u@silent.test": "deferred 4.4.3",
  "u@dead.test": "deferred 4.4.1",
};

async function submit(smtpd: Smtpd, recipients: readonly string[]): Promise<void> {
  const client = await SmtpClient.greeted(smtpd.submissions, { tls: true });
  const initial = Buffer.from(`\0alice@${DOMAIN}\0${PASSWORD}`).toString("base64");
  assert.equal(await client.says(`AUTH PLAIN ${initial}`), "235 2.7.0");
  await client.says(`MAIL FROM:<alice@${DOMAIN}>`);
  for (const recipient of recipients) assert.equal(await client.says(`RCPT TO:<${recipient}>`), "250 2.1.5");
  assert.equal(await client.says("DATA"), "354");
  const message = `From: alice@${DOMAIN}\r\nSubject: to many\r\n\r\nhello\r\n.`;
  assert.match(await client.says(message), /^250 /);
  client.end();
}

async function scene(t: TestContext, tables: (port: number, directory: string) => string) {
  const site = await Site.make(["alice"]);
  const dns = await DnsServer.start(ZONE);
  t.after(() => dns.stop());
  const sink = await Sink.start(t, { host: "127.0.0.2" });
  const { port } = sink;
  const [literal, smart] = [
    await Sink.start(t, { host: "127.0.0.3", port }),
    await Sink.start(t, { host: "127.0.0.4", port }),
  ];
  const lmtp = await Sink.start(t, { lmtp: true, socket: join(site.directory, "lmtp.sock") });
  const smtpd = await site.smtpd({
    tables: `[dns]\nservers = ["${dns.address}"]\ntimeout = "100ms"\n${tables(port, site.directory)}`,
  });
  // What it writes to goes last.
  t.after(async () => {
    await smtpd.daemon.stop();
    await site.remove();
  });
  /** What the log says of a recipient: that it was sent and to whom, or the status. */
  const fate = async (recipient: string) => {
    const { msg, host, status } = await smtpd.daemon.logged(
      (line) => line.to === recipient && ["sent", "failed", "deferred"].includes(line.msg),
    );
    return msg === "sent" ? `sent ${host ?? "-"}` : `${msg} ${status}`;
  };
  return { site, smtpd, fate, dns, sinks: { sink, literal, smart, lmtp } };
}

describe("a message", () => {
  test("goes to the hosts of each recipient's domain, routes before DNS", async (t) => {
    const { smtpd, fate, sinks } = await scene(
      t,
      (port, directory) =>
        `[relay]\nport = ${port}\ntls = "never"\n` +
        `[[route]]\ndomain = ".routed.test"\nhost = "smart.test:${port}"\n` +
        `[[route]]\ndomain = "lmtp.test"\nhost = "lmtp:unix:${directory}/lmtp.sock"\n`,
    );
    const recipients = Object.keys(EXPECTED);
    await submit(smtpd, recipients);
    const fates = await Promise.all(recipients.map(async (one) => [one, await fate(one)] as const));
    assert.deepEqual(Object.fromEntries(fates), EXPECTED);
    const took = Object.entries(sinks).map(([name, { messages }]) => [
      name,
      messages.flatMap(({ rcpts }) => rcpts.map((line) => /<(.*?)>/.exec(line)?.[1])).sort(),
    ]);
    assert.deepEqual(Object.fromEntries(took), {
      sink: ["u@a.test", "u@alias.test", "u@backup.test", "u@mx.test"],
      literal: ["u@[127.0.0.3]"],
      smart: ["u@sub.routed.test"],
      lmtp: ["u@lmtp.test"],
    });
  });

  test("leaves by the smarthost, whatever its domains, but where a route says otherwise", async (t) => {
    const { smtpd, fate, dns, sinks } = await scene(
      t,
      (port) =>
        `[relay]\nsmarthost = "smart.test:${port}"\nport = ${port}\ntls = "never"\n` +
        '[[route]]\ndomain = "a.test"\ntls = "never"\n',
    );
    const recipients = ["u@null.test", "u@nowhere.test", "u@[127.0.0.3]", "u@a.test"];
    await submit(smtpd, recipients);
    const fates = await Promise.all(recipients.map(fate));
    assert.deepEqual(fates, ["sent smart.test", "sent smart.test", "sent smart.test", "sent a.test"]);
    assert.equal(sinks.literal.connections.length, 0);
    // In one transaction, since they have one destination.
    assert.deepEqual(
      sinks.smart.messages.map(({ rcpts }) => rcpts.length),
      [3],
    );
    assert.equal(dns.asked("null.test"), 0);
  });
});
