/**
 * Other people's programs deliver by LMTP, over TCP, TLS and a Unix socket: to those who exist, each with a reply of its own.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Daemon } from "../daemons/daemon.js";
import { DOMAIN, Site } from "../daemons/site.js";
import { without } from "../peers.js";
import { succeed } from "./run.js";

const FROM = "sender@elsewhere.example";
const ALICE = `alice@${DOMAIN}`;
const BOB = `bob@${DOMAIN}`;
const NOBODY = `nobody@${DOMAIN}`;

let site: Site;
let daemon: Daemon;
let port: number;
let socket: string;
before(async () => {
  site = await Site.make();
  socket = join(site.directory, "lmtp.sock");
  const listeners = ["127.0.0.1:0", `unix:${socket}`].map(
    (address) => `[[listen]]\naddress = "${address}"\nrole = "lmtp"\n`,
  );
  ({ daemon } = await site.smtpd({ tables: listeners.join("") }));
  port = daemon.ports[4] ?? 0;
});
after(async () => {
  await daemon?.stop();
  await site?.remove();
});

const PYTHON = `
import smtplib, ssl, sys
where, file, tls = sys.argv[1], sys.argv[2], sys.argv[3] == "tls"
server = smtplib.LMTP(where) if where.startswith("/") else smtplib.LMTP("127.0.0.1", int(where))
if tls: server.starttls(context=ssl._create_unverified_context())
server.ehlo_or_helo_if_needed()
assert server.has_extn("chunking") and server.has_extn("dsn"), server.esmtp_features
server.mail("${FROM}", ["RET=HDRS", "ENVID=x"])
codes = [server.rcpt(r, ["NOTIFY=NEVER"])[0] for r in ["${ALICE}", "${NOBODY}", "${BOB}"]]
assert codes == [250, 550, 250], codes
server.putcmd("data"); assert server.getreply()[0] == 354
server.send(smtplib._quote_periods(open(file, "rb").read()) + b".\\r\\n")
codes = [server.getreply()[0] for _ in range(2)]
assert codes == [250, 250], codes
server.mail("${FROM}"); server.rcpt("${BOB}"); server.rcpt("${ALICE}")
octets = open(file, "rb").read()
for chunk, last in (octets[:50], ""), (octets[50:], " LAST"):
    server.send(b"BDAT %d%s\\r\\n" % (len(chunk), last.encode()) + chunk)
codes = [server.getreply()[0] for _ in range(3)]
assert codes == [250, 250, 250], codes
server.quit()
`;

for (const [way, tls] of [
  ["TCP", false],
  ["TCP", true],
  ["a Unix socket", false],
] as const) {
  test(`python3 smtplib.LMTP delivers by DATA and BDAT, over ${way}${tls ? " with STARTTLS" : ""}`, {
    skip: without("python3"),
  }, async () => {
    const mark = `smtplib ${way} ${tls}`;
    const file = await message(mark);
    await succeed("python3", ["-c", PYTHON, way === "TCP" ? `${port}` : socket, file, tls ? "tls" : "plain"]);
    for (const user of ["alice", "bob"]) {
      const found = await messagesWith(user, mark);
      assert.equal(found.length, 2);
      for (const content of found) {
        assert.ok(content.endsWith(`\n\n.a dot\n..\nthe end: ${mark}\n`));
        const from = way === "TCP" ? /^Received: from .* \(\[127\.0\.0\.1\]\)\n/m : /^Received: from \S+\n/m;
        assert.match(content, from);
        assert.match(content, tls ? /\n\tby .* with LMTPS \(/ : /\n\tby .* with LMTP\n/);
      }
    }
  });
}

for (const way of ["TCP", "a Unix socket"] as const) {
  test(`swaks delivers over ${way}`, { skip: without("swaks") }, async () => {
    const mark = `swaks ${way}`;
    const file = await message(mark);
    const where = way === "TCP" ? ["--server", "127.0.0.1", "--port", `${port}`] : ["--socket", socket];
    const args = ["--protocol", "LMTP", ...where, "--from", FROM, "--to", `${ALICE},${BOB}`];
    await succeed("swaks", [...args, "--data", `@${file}`]);
    for (const user of ["alice", "bob"]) assert.equal((await messagesWith(user, mark)).length, 1);
  });
}

test("swaks is told of the one who does not exist", { skip: without("swaks") }, async () => {
  const args = ["--protocol", "LMTP", "--server", "127.0.0.1", "--port", `${port}`, "--from", FROM];
  const { status, stdout } = spawnSync("swaks", [...args, "--to", NOBODY], { encoding: "utf8" });
  assert.notEqual(status, 0);
  assert.match(stdout, /550 5\.1\.1/);
});

async function message(mark: string): Promise<string> {
  const file = join(site.directory, "message.eml");
  const header = `From: <${FROM}>\r\nTo: <${ALICE}>\r\nDate: Sun, 22 Nov 2026 08:00:00 +0000\r\nSubject: ${mark}\r\n`;
  await writeFile(file, `${header}\r\n.a dot\r\n..\r\nthe end: ${mark}\r\n`);
  return file;
}

async function messagesWith(user: string, mark: string): Promise<string[]> {
  const contents = (await site.messages(user)).map(({ content }) => content.toString("latin1"));
  return contents.filter((content) => content.includes(`the end: ${mark}\n`));
}
