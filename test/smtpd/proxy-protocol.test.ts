/** smtpd behind a proxy: trace headers, limits, TLS and the log are those of the proxy's client. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { Site, type Smtpd } from "../daemons/site.js";
import { ENDS, local, tlsField, v1, v2 } from "../fakes/proxy-header.js";
import { SmtpClient } from "../fakes/smtp-client.js";

const TIMEOUT = { timeout: 60_000 };

for (const [version, header] of [
  ["1", v1()],
  ["2", v2()],
] as const) {
  test(`a message bears the address that version ${version} tells`, TIMEOUT, async (t) => {
    const { site, mx, daemon } = await started(t);
    const client = await SmtpClient.connect(mx);
    client.send(header);
    assert.equal((await client.reply()).code, 220);
    await client.command("EHLO client.example");
    await client.envelope("<a@client.example>", "<alice@pillarbox.test>");
    assert.match(await client.data("Subject: x\r\n\r\nx\r\n.\r\n"), /^250/);
    await client.command("QUIT");
    const [message] = await site.messages("alice");
    assert.match(String(message?.content), /^Received: from client\.example \(\[203\.0\.113\.5\]\)/m);
    const closed = await daemon.logged(({ msg }) => msg === "connection closed");
    assert.equal(closed.client, `${ENDS.from}:${ENDS.fromPort}`);
    assert.match(String(closed.proxy), /^127\.0\.0\.1:\d+$/);
  });
}

test("the address that the client connected to is ours", TIMEOUT, async (t) => {
  const { mx } = await started(t);
  const client = await SmtpClient.connect(mx);
  client.send(v2());
  await client.reply();
  await client.command("EHLO client.example");
  await client.says("MAIL FROM:<a@client.example>");
  assert.equal(await client.says(`RCPT TO:<alice@[${ENDS.to}]>`), "250 2.1.5");
  assert.equal(await client.says("RCPT TO:<alice@[127.0.0.1]>"), "550 5.7.1");
});

test("a header and the beginning of TLS in one packet", TIMEOUT, async (t) => {
  const { mxs } = await started(t);
  const plain = connect({ host: "127.0.0.1", port: mxs });
  plain.cork();
  plain.write(v2());
  const secure = connectTls({ socket: plain, rejectUnauthorized: false });
  setImmediate(() => plain.uncork());
  const greeting = await new Promise<Buffer>((resolve, reject) => {
    secure.once("data", resolve).once("error", reject);
  });
  assert.match(greeting.toString(), /^220/);
  secure.destroy();
});

test("TLS at the proxy is as good as ours", TIMEOUT, async (t) => {
  const { submission } = await started(t);
  const client = await SmtpClient.connect(submission);
  client.send(v2(ENDS, tlsField("TLSv1.3", "TLS_AES_256_GCM_SHA384")));
  await client.reply();
  const { lines } = await client.command("EHLO client.example");
  assert.ok(
    lines.some((line) => /^250.AUTH .*PLAIN/.test(line)),
    lines.join(),
  );
  assert.ok(!lines.some((line) => line.includes("STARTTLS")), lines.join());
});

test("without TLS, a client that is not on this host may not log in", TIMEOUT, async (t) => {
  const { submission } = await started(t);
  const client = await SmtpClient.connect(submission);
  client.send(v1());
  await client.reply();
  const { lines } = await client.command("EHLO client.example");
  assert.ok(
    lines.some((line) => line.includes("STARTTLS")),
    lines.join(),
  );
  assert.equal(await client.says("AUTH PLAIN AGFsaWNlAGNvcnJlY3QgaG9yc2U="), "538 5.7.11");
});

test("a health check is the proxy's own call", TIMEOUT, async (t) => {
  const { mx } = await started(t);
  const client = await SmtpClient.connect(mx);
  client.send(local());
  assert.equal((await client.reply()).code, 220);
});

test("from a proxy, nothing is served without its header; nobody else is believed", TIMEOUT, async (t) => {
  const { mx, daemon } = await started(t);
  const client = await SmtpClient.connect(mx);
  client.send("EHLO client.example\r\n");
  assert.equal(await client.untilClosed(), "");
  await daemon.logged(({ msg, reason }) => msg === "connection refused" && /PROXY/.test(String(reason)));

  const other = connect({ host: "127.0.0.1", port: mx, localAddress: "127.0.0.2" });
  other.write(v1());
  let said = "";
  for await (const octets of other) {
    said += octets;
    if (said.split("\r\n").length > 2) break;
  }
  assert.match(said, /^220 .*\r\n500 /);
});

test("clients of a proxy are counted each by its own address", TIMEOUT, async (t) => {
  const { mx } = await started(t, "[limits]\nconnections_per_ip = 1");
  const codes = [];
  for (const from of ["203.0.113.1", "203.0.113.2", "203.0.113.1"]) {
    const client = await SmtpClient.connect(mx);
    client.send(v1({ ...ENDS, from }));
    codes.push((await client.reply()).code);
    t.after(() => client.end());
  }
  assert.deepEqual(codes, [220, 220, 421]);
});

test("a stop does not wait for headers", TIMEOUT, async (t) => {
  const { mx, mxs, daemon } = await started(t);
  const clients = [await SmtpClient.connect(mx), await SmtpClient.connect(mxs)];
  await daemon.stop();
  for (const client of clients) assert.equal(await client.untilClosed(), "");
});

/** smtpd that believes proxies at 127.0.0.1, and nobody else. */
async function started(t: TestContext, tables = ""): Promise<Smtpd & { site: Site }> {
  const site = await Site.make(["alice"]);
  t.after(() => site.remove());
  const smtpd = await site.smtpd({ listen: 'proxy_protocol = ["127.0.0.1"]\n', tables });
  t.after(() => smtpd.daemon.stop());
  return { ...smtpd, site };
}
