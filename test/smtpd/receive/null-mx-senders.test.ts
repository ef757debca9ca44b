/** Senders whose domain takes no mail (RFC 7505 §4.2), asked about by the whole daemon of a scripted DNS. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { pino } from "pino";
import { NullMxSenders } from "../../../smtpd/receive/null-mx-senders.js";
import { Resolver } from "../../../smtpd/send/resolver.js";
import { DOMAIN, PASSWORD, Site, type Smtpd } from "../../daemons/site.js";
import { DnsServer } from "../../fakes/dns-server.js";
import { SmtpClient } from "../../fakes/smtp-client.js";

describe("smtpd", () => {
  let dns: DnsServer;
  let site: Site;
  let smtpd: Smtpd;
  before(async () => {
    dns = await DnsServer.start({
      "null.test": { MX: [[0, "."]] },
      "alias.test": { CNAME: "null.test" },
      "good.test": { MX: [[10, "mx.good.test"]] },
      "mx.good.test": { A: ["192.0.2.1"] },
      "nothing.test": {},
      "broken.test": { trouble: "SERVFAIL" },
      "silent.test": { trouble: "silence" },
    });
    site = await Site.make(["alice"]);
    const on = (refuse: boolean) =>
      site.smtpd({
        tables: `[dns]\nservers = ["${dns.address}"]\ntimeout = "100ms"\n[receive]\nrefuse_null_mx_senders = ${refuse}\n`,
      });
    smtpd = await on(true);
  });
  after(async () => {
    await smtpd?.daemon.stop();
    await dns?.stop();
    await site?.remove();
  });

  for (const [reversePath, verdict] of [
    ["u@null.test", "550 5.7.27"],
    ["u@Null.Test", "550 5.7.27"],
    ["u@alias.test", "550 5.7.27"],
    ["u@good.test", "250 2.1.0"],
    ["u@nowhere.test", "250 2.1.0"],
    ["u@nothing.test", "250 2.1.0"],
    ["u@broken.test", "250 2.1.0"],
    ["u@silent.test", "250 2.1.0"],
    ["u@[192.0.2.1]", "250 2.1.0"],
    ["", "250 2.1.0"],
  ]) {
    test(`says ${verdict} to a message from <${reversePath}>`, async () => {
      const client = await SmtpClient.greeted(smtpd.mx);
      assert.equal(await client.says(`MAIL FROM:<${reversePath}>`), verdict);
      client.end();
    });
  }

  test("lets a session go on with another sender", async () => {
    const client = await SmtpClient.greeted(smtpd.mx);
    await client.says("MAIL FROM:<u@null.test>");
    assert.equal(await client.says(`RCPT TO:<alice@${DOMAIN}>`), "503 5.5.1");
    assert.equal(await client.says("MAIL FROM:<u@good.test>"), "250 2.1.0");
    client.end();
  });

  test("asks nobody about the senders of users who log in, nor where the option is off", async () => {
    const client = await SmtpClient.greeted(smtpd.submissions, { tls: true });
    const initial = Buffer.from(`\0alice@${DOMAIN}\0${PASSWORD}`).toString("base64");
    assert.equal(await client.says(`AUTH PLAIN ${initial}`), "235 2.7.0");
    await client.says("MAIL FROM:<u@unasked.test>");
    client.end();
    // One queue has one daemon.
    const quietSite = await Site.make(["alice"]);
    const quiet = await quietSite.smtpd({ tables: `[dns]\nservers = ["${dns.address}"]\n` });
    try {
      const other = await SmtpClient.greeted(quiet.mx);
      assert.equal(await other.says("MAIL FROM:<u@unasked.test>"), "250 2.1.0");
      other.end();
    } finally {
      await quiet.daemon.stop();
      await quietSite.remove();
    }
    assert.equal(dns.asked("unasked.test"), 0);
  });
});

test("a sender does not wait for a DNS that takes its time", async () => {
  const dns = await DnsServer.start({ "silent.test": { trouble: "silence" } });
  const options = { timeoutMs: 60_000, random: Math.random, log: pino({ level: "silent" }) };
  const senders = new NullMxSenders(new Resolver({ ...options, servers: [dns.address] }), 10);
  // Something that keeps the process awake: the patience of senders does not.
  const awake = setTimeout(() => {}, 20_000);
  assert.equal(await senders.refusalOf({ role: "mx" }, { localPart: "u", domain: "silent.test" }), undefined);
  clearTimeout(awake);
  await dns.stop();
});
