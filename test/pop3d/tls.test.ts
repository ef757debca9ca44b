/** TLS: by STLS (RFC 2595 §4) and from the first octet (RFC 8314 §3.3), certificates by name, and their reload. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { type DaemonOptions, type Pop3d, Site } from "../daemons/site.js";
import { writeCertificate } from "../fakes/certificate.js";
import { Client } from "./client.js";

const TIMEOUT = { timeout: 60_000 };

test("STLS is refused where TLS is active, and after login", TIMEOUT, async (t) => {
  const { pop3, pop3s } = await started(t);
  const implicit = await Client.connectTls(pop3s);
  await implicit.expect("+OK");
  await implicit.command("STLS", "-ERR");
  await implicit.login();
  await implicit.command("STLS", "-ERR");
  const plain = await Client.loggedIn(pop3, "bob");
  await plain.command("STLS", "-ERR");
});

test("a client that speaks no TLS after STLS is cut off, which is no error of ours", TIMEOUT, async (t) => {
  const { pop3, daemon } = await started(t);
  const client = await Client.connect(pop3);
  await client.expect("+OK");
  await client.command("STLS", "+OK");
  client.send("USER alice\r\nPASS correct horse\r\n");
  const answer = await client.rest();
  assert.ok(!answer.includes("+OK"), answer);
  const closed = await daemon.logged(({ msg }) => msg === "connection closed");
  assert.equal(closed.level, "info");
  assert.match(String(closed.reason), /^TLS/);
});

test("a client that goes away instead of shaking hands does not keep its place", TIMEOUT, async (t) => {
  const { pop3, pop3s, daemon } = await started(t, { tables: '[limits]\ntls_handshake_time = "10m"' });
  const client = await Client.connect(pop3);
  await client.expect("+OK");
  await client.command("STLS", "+OK");
  client.end();
  assert.equal(await client.rest(), "");
  const implicit = connect({ port: pop3s, host: "127.0.0.1", allowHalfOpen: true }).resume();
  implicit.end();
  await once(implicit, "end");
  const closed = () => daemon.log.filter(({ msg }) => msg === "connection closed").length;
  await daemon.logged(() => closed() === 2);
});

test("plain POP3 on the TLS port is cut off", TIMEOUT, async (t) => {
  const { pop3s, daemon } = await started(t);
  const socket = connect({ port: pop3s, host: "127.0.0.1" });
  const ended = new Promise((resolve) => socket.once("close", resolve));
  socket.on("error", () => {}).resume();
  socket.write("USER alice\r\n");
  await ended;
  await daemon.logged(({ msg, reason }) => msg === "connection closed" && /^TLS/.test(String(reason)));
});

test("octets that are no TLS in the middle of a session end it", TIMEOUT, async (t) => {
  const { pop3, daemon } = await started(t);
  const client = await Client.connect(pop3);
  await client.expect("+OK");
  await client.command("STLS", "+OK");
  const secure = await client.startTls();
  await secure.login();
  client.send("garbage that is no TLS record\r\n");
  await daemon.logged(
    ({ msg, account }) => msg === "connection closed" && account === "alice@pillarbox.test",
  );
  await (await Client.loggedIn(pop3)).command("QUIT", "+OK");
});

test(
  "a client that wants another protocol is refused by ALPN, one that wants none or POP3 is not",
  TIMEOUT,
  async (t) => {
    const { pop3s } = await started(t);
    await assert.rejects(Client.connectTls(pop3s, { ALPNProtocols: ["http/1.1"] }));
    await (await Client.connectTls(pop3s, { ALPNProtocols: ["pop3"] })).expect("+OK");
    await (await Client.connectTls(pop3s)).expect("+OK");
  },
);

test("versions below min_version are refused", TIMEOUT, async (t) => {
  const { pop3s } = await started(t);
  await assert.rejects(Client.connectTls(pop3s, { maxVersion: "TLSv1.1", minVersion: "TLSv1.1" }));
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    await (await Client.connectTls(pop3s, { maxVersion: version, minVersion: version })).expect("+OK");
  }
});

test("the certificate is the one for the name that the client asks for", TIMEOUT, async (t) => {
  const site = await Site.make(["alice"]);
  t.after(() => site.remove());
  const other = await writeCertificate(site.directory, "pop.example.net");
  const sni = `[[tls.sni]]\nnames = ["pop.example.net"]\ncertificate = "${other.certificate}"\nkey = "${other.key}"`;
  const { pop3, pop3s, daemon } = await site.pop3d({ tables: sni });
  t.after(() => daemon.kill());
  const names = async (options: { servername?: string }) =>
    (await Client.connectTls(pop3s, options)).serverNames;
  assert.match(String(await names({ servername: "pop.example.net" })), /pop\.example\.net/);
  assert.match(String(await names({ servername: "elsewhere.example" })), /localhost/);
  assert.match(String(await names({})), /localhost/);
  const plain = await Client.connect(pop3);
  await plain.expect("+OK");
  await plain.command("STLS", "+OK");
  const secure = await plain.startTls({ servername: "pop.example.net" });
  assert.match(String(secure.serverNames), /pop\.example\.net/);
});

test(
  "a new certificate holds for the next handshake, a broken one for none, and sessions go on",
  TIMEOUT,
  async (t) => {
    const { pop3s, daemon, site } = await started(t);
    const session = await Client.connectTls(pop3s);
    await session.expect("+OK");
    await session.login();

    const renewed = await writeCertificate(site.directory, "renewed.example.org");
    const { certificate, key } = site.certificate;
    await copyFile(renewed.certificate, certificate);
    await copyFile(renewed.key, key);
    daemon.signal("SIGHUP");
    await daemon.logged(({ msg, what }) => msg === "reloaded" && what === "certificates");
    assert.match(String((await Client.connectTls(pop3s)).serverNames), /renewed/);

    await writeFile(certificate, "not a certificate");
    daemon.signal("SIGHUP");
    await daemon.logged(({ level, what }) => level === "error" && what === "certificates");
    assert.match(String((await Client.connectTls(pop3s)).serverNames), /renewed/);

    await session.command("NOOP", "+OK");
    assert.match(String(session.serverNames), /localhost/);
  },
);

test("the log tells the version of TLS of a login and of a connection", TIMEOUT, async (t) => {
  const { pop3s, daemon } = await started(t);
  const client = await Client.connectTls(pop3s, { maxVersion: "TLSv1.2" });
  await client.expect("+OK");
  await client.login();
  await client.command("QUIT", "+OK");
  await client.rest();
  for (const event of ["login", "connection closed"]) {
    const line = await daemon.logged(({ msg }) => msg === event);
    assert.equal(line.tls, "TLSv1.2", event);
  }
});

async function started(t: TestContext, options: DaemonOptions = {}): Promise<Pop3d & { site: Site }> {
  const site = await Site.make(["alice", "bob"]);
  t.after(() => site.remove());
  const pop3d = await site.pop3d(options);
  t.after(() => pop3d.daemon.kill());
  return { ...pop3d, site };
}
