/**
 * The real HAProxy in front of both daemons: either version of its protocol, TLS that it ends, TLS that it passes
 * through, and its health checks. The client calls from 127.0.0.9, and that is what the daemons must know.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { PASSWORD, Site } from "../daemons/site.js";
import { findPeer, without } from "../peers.js";

const CLIENT = "127.0.0.9";
const OPTIONS = { timeout: 60_000, skip: without("haproxy") };
/** The first descriptor behind standard input, output and error. */
const FIRST_FD = 3;

test("HAProxy in front of pop3d and smtpd", OPTIONS, async (t) => {
  const site = await Site.make(["alice"]);
  t.after(() => site.remove());
  await site.deliver("alice", "Subject: hello\n\nHello\n");
  const trusting = { listen: 'proxy_protocol = ["127.0.0.1"]\n' };
  const pop3d = await site.pop3d(trusting);
  t.after(() => pop3d.daemon.stop());
  const smtpd = await site.smtpd(trusting);
  t.after(() => smtpd.daemon.stop());
  const pem = join(site.directory, "haproxy.pem");
  const { certificate, key } = site.certificate;
  await writeFile(pem, `${await readFile(certificate)}\n${await readFile(key)}`);
  const [pop3v1, pop3v2, pop3OverTls, pop3s, smtp] = await haproxy(t, site, [
    { target: pop3d.pop3, send: "send-proxy" },
    { target: pop3d.pop3, send: "send-proxy-v2" },
    { target: pop3d.pop3, send: "send-proxy-v2-ssl", bind: `ssl crt ${pem}` },
    { target: pop3d.pop3s, send: "send-proxy-v2" },
    { target: smtpd.mx, send: "send-proxy-v2 check inter 200ms" },
  ]);
  assert.ok(pop3v1 && pop3v2 && pop3OverTls && pop3s && smtp);

  for (const port of [pop3v1, pop3v2]) {
    const said = await dialogue(await call(port), ["USER alice", `PASS ${PASSWORD}`, "RETR 1", "QUIT"]);
    assert.match(said, /^Subject: hello\r$/m);
  }
  for (const port of [pop3OverTls, pop3s]) {
    const plain = await call(port);
    const secure = connectTls({ socket: plain, rejectUnauthorized: false });
    const said = await dialogue(secure, ["CAPA", "USER alice", `PASS ${PASSWORD}`, "STAT", "QUIT"]);
    assert.match(said, /^\+OK 1 \d+\r$/m);
    assert.doesNotMatch(said, /^STLS/m);
  }
  const said = await dialogue(await call(smtp), [
    ...["EHLO client.example", "MAIL FROM:<a@client.example>", "RCPT TO:<alice@pillarbox.test>", "DATA"],
    ...["Subject: proxied", "", "x", ".", "QUIT"],
  ]);
  assert.match(said, /^250 2\.0\.0/m);
  const contents = (await site.messages("alice")).map(({ content }) => content.toString());
  assert.ok(
    contents.some((content) => content.includes(`([${CLIENT}])`)),
    contents.join("\n"),
  );

  const logins = pop3d.daemon.log.filter(({ msg }) => msg === "login");
  assert.equal(logins.length, 4);
  for (const { client } of logins) assert.match(String(client), /^127\.0\.0\.9:\d+$/);
  assert.equal(logins.filter(({ tls }) => /^TLSv1\.[23]$/.test(String(tls))).length, 2);
  // The health checks speak for HAProxy itself.
  await smtpd.daemon.logged(
    ({ msg, client, proxy }) => msg === "connection closed" && proxy !== undefined && proxy === client,
  );
});

interface Frontend {
  readonly target: number;
  /** How its server line tells of the client. */
  readonly send: string;
  /** What its bind line says besides the descriptor. */
  readonly bind?: string;
}

/** Starts HAProxy, with a listening socket of ours for each frontend; resolves to their ports. */
async function haproxy(t: TestContext, site: Site, frontends: readonly Frontend[]): Promise<number[]> {
  const file = join(site.directory, "haproxy.cfg");
  const sections = frontends.map(
    ({ target, send, bind = "" }, i) =>
      `listen f${i}\n  bind fd@${FIRST_FD + i} ${bind}\n  server s 127.0.0.1:${target} ${send}\n`,
  );
  const defaults = "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1m\n  timeout server 1m\n";
  await writeFile(
    file,
    `global\n  ssl-default-bind-options ssl-min-ver TLSv1.2\n${defaults}${sections.join("")}`,
  );
  const servers = await Promise.all(frontends.map(listening));
  const descriptors = servers.map((server) => {
    const fd: unknown = Reflect.get(Reflect.get(server, "_handle"), "fd");
    assert.ok(typeof fd === "number");
    return fd;
  });
  const child = spawn(findPeer("haproxy") ?? "haproxy", ["-db", "-q", "-f", file], {
    stdio: ["ignore", "ignore", "pipe", ...descriptors],
  });
  t.after(() => ended(child));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  for (const server of servers) server.close();
  return ports;
}

async function listening(): Promise<Server> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

async function call(port: number): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port, localAddress: CLIENT });
  await once(socket, "connect");
  return socket;
}

/** Sends the lines, each when something has been answered to what came before it; resolves to all that was said. */
async function dialogue(socket: Socket, lines: readonly string[]): Promise<string> {
  let said = "";
  const rest = [...lines];
  socket.on("data", (octets: Buffer) => {
    said += octets.toString("latin1");
    if (!said.endsWith("\r\n")) return;
    if (/^354 /m.test(said) || rest[0] === undefined) {
      const message = rest.splice(0).map((line) => `${line}\r\n`);
      if (message.length > 0) socket.write(message.join(""));
    } else socket.write(`${rest.shift()}\r\n`);
  });
  await once(socket, "close");
  return said;
}
