/** pop3d behind a proxy: whom it serves, whom it believes, and what it does with who says nothing. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { PASSWORD, type Pop3d, Site } from "../daemons/site.js";
import { ENDS, local, tlsField, v1, v2 } from "../fakes/proxy-header.js";
import { Client } from "./client.js";

const TIMEOUT = { timeout: 60_000 };
const CLIENT = `${ENDS.from}:${ENDS.fromPort}`;

for (const [version, header] of [
  ["1", v1()],
  ["2", v2()],
] as const) {
  test(`a client is known by the address that version ${version} tells`, TIMEOUT, async (t) => {
    const { pop3, daemon } = await started(t);
    const client = await Client.connect(pop3);
    client.send(header);
    await client.expect("+OK");
    // It is not on this host, so it may not send a password before TLS.
    await client.command("USER alice", "-ERR");
    await client.command("QUIT", "+OK");
    const closed = await daemon.logged(({ msg }) => msg === "connection closed");
    assert.equal(closed.client, CLIENT);
    assert.match(String(closed.proxy), /^127\.0\.0\.1:\d+$/);
  });
}

test("a header that comes an octet at a time, with the first command behind it", TIMEOUT, async (t) => {
  const { pop3 } = await started(t);
  const client = await Client.connect(pop3);
  await client.sendInPieces(Buffer.concat([v2(), Buffer.from("CAPA\r\nQUIT\r\n")]), repeat(1));
  await client.expect("+OK");
  await client.expect("+OK");
  await client.lines();
  await client.expect("+OK");
  assert.equal(await client.rest(), "");
});

test("a header and the beginning of TLS in one packet", TIMEOUT, async (t) => {
  const { pop3s, daemon } = await started(t);
  const plain = connect({ host: "127.0.0.1", port: pop3s });
  plain.cork();
  plain.write(v2());
  const secure = connectTls({ socket: plain, rejectUnauthorized: false });
  setImmediate(() => plain.uncork());
  const greeting = await new Promise<Buffer>((resolve, reject) => {
    secure.once("data", resolve).once("error", reject);
  });
  assert.match(greeting.toString(), /^\+OK/);
  secure.destroy();
  assert.equal((await daemon.logged(({ msg }) => msg === "connection closed")).client, CLIENT);
});

test("TLS at the proxy is as good as ours", TIMEOUT, async (t) => {
  const { pop3, daemon } = await started(t);
  const client = await Client.connect(pop3);
  client.send(v2(ENDS, tlsField("TLSv1.3", "TLS_AES_256_GCM_SHA384")));
  await client.expect("+OK");
  await client.command("STLS", "-ERR");
  await client.login("alice", PASSWORD);
  await client.command("QUIT", "+OK");
  assert.equal((await daemon.logged(({ msg }) => msg === "login")).tls, "TLSv1.3");
});

test("a health check is the proxy's own call", TIMEOUT, async (t) => {
  const { pop3 } = await started(t);
  const client = await Client.connect(pop3);
  client.send(local());
  await client.expect("+OK");
  await client.login("alice", PASSWORD);
});

test("from a proxy, nothing is served without its header", TIMEOUT, async (t) => {
  const { pop3, daemon } = await started(t);
  for (const octets of [
    "CAPA\r\n",
    "PROXY TCP4 1.2.3.4\r\n",
    Buffer.concat([v2().subarray(0, 12), Buffer.alloc(8)]),
  ]) {
    const client = await Client.connect(pop3);
    client.send(octets);
    assert.equal(await client.rest(), "");
    await daemon.logged(({ msg, reason }) => msg === "connection refused" && /PROXY/.test(String(reason)));
  }
  const silent = await Client.connect(pop3);
  assert.equal(await silent.rest(), "", "nor waited for for ever");
});

test("nobody else is believed", TIMEOUT, async (t) => {
  const { pop3, daemon } = await started(t);
  const other = await from("127.0.0.2", pop3);
  other.write(v1());
  let said = "";
  for await (const octets of other) {
    said += octets;
    if (/-ERR/.test(said)) break;
  }
  assert.match(said, /^\+OK .*\r\n-ERR /);
  const closed = await daemon.logged(({ msg }) => msg === "connection closed");
  assert.match(String(closed.client), /^127\.0\.0\.2:/);
});

test("clients of a proxy are counted each by its own address", TIMEOUT, async (t) => {
  const { pop3 } = await started(t, "[limits]\nconnections_per_ip = 1");
  const clients = [];
  for (const address of ["203.0.113.1", "203.0.113.2", "203.0.113.3"]) {
    const client = await Client.connect(pop3);
    client.send(v1({ ...ENDS, from: address }));
    await client.expect("+OK");
    clients.push(client);
  }
  const fourth = await Client.connect(pop3);
  fourth.send(v1({ ...ENDS, from: "203.0.113.2" }));
  await fourth.expect("-ERR [SYS/TEMP]");
  for (const client of clients) await client.command("NOOP", "-ERR");
});

test("a stop does not wait for headers", TIMEOUT, async (t) => {
  const { pop3, daemon } = await started(t);
  const client = await Client.connect(pop3);
  await daemon.stop();
  assert.equal(await client.rest(), "");
});

/** pop3d that believes proxies at 127.0.0.1, and nobody else. */
async function started(t: TestContext, tables = ""): Promise<Pop3d> {
  const site = await Site.make(["alice"]);
  t.after(() => site.remove());
  await site.deliver("alice", "Subject: hello\n\nHello\n");
  const pop3d = await site.pop3d({ listen: 'proxy_protocol = ["127.0.0.1"]\n', tables });
  t.after(() => pop3d.daemon.stop());
  return pop3d;
}

function from(localAddress: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, localAddress });
    socket.once("error", reject).once("connect", () => resolve(socket));
  });
}

function* repeat(length: number): Generator<number> {
  for (;;) yield length;
}
