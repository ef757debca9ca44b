/** fail2ban finds the addresses of failed logins in what the daemons really log, and none that a client made up. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Entry, programOf } from "../daemons/daemon.js";
import { DOMAIN, PASSWORD, Site } from "../daemons/site.js";
import { without } from "../peers.js";
import { Client } from "../pop3d/client.js";
import { succeed } from "./run.js";

const V6 = "2001:db8::5";
const INNOCENT = "192.0.2.66";
/** Names that would put another's address, or a line of their own, into the log. */
const HOSTILE = [
  "nobody",
  `","client":"${INNOCENT}:1","msg":"login failed"}`,
  `\\","client":"${INNOCENT}:1","msg":"login failed"}`,
  `\\\\","client":"${INNOCENT}:1","msg":"login failed"}\\`,
  ...["\n", "\r\n", "\\n", "\\\n", "\u2028", "\u0085", "\u000b", "\u001e"].flatMap((end) => [
    `x"${end}{"level":"info","time":"2026-11-22T00:00:00.000Z","name":"pop3d","client":"${INNOCENT}:1","msg":"login failed"}`,
    `x${end}[00:00:00.000] INFO: smtpd: login failed {"client":"${INNOCENT}:1","username":"x"}`,
    `x${end}[00:00:00.000] INFO: pop3d: login failed {"client":"${INNOCENT}:1","username":"x"}`,
  ]),
  `{"client":"${INNOCENT}:1"}`,
  `\u001b[2K${INNOCENT}`,
];

for (const entry of ["pop3d", "smtpd"] as const) {
  for (const format of ["json", "pretty"] as const) {
    test(`${entry}, format = "${format}"`, {
      timeout: 120_000,
      skip: without("fail2ban-regex"),
    }, async (t) => {
      const site = await Site.make();
      t.after(() => site.remove());
      const { port, end } = await start(t, entry, site, format);
      const expected: string[] = [];
      for (const name of HOSTILE) {
        assert.equal(await logIn(entry, port, "127.0.0.1", name, "wrong"), false);
        expected.push("127.0.0.1");
      }
      assert.equal(await logIn(entry, port, V6, "alice", "wrong"), false);
      expected.push(V6);
      assert.equal(await logIn(entry, port, "198.51.100.7", "alice", PASSWORD, "bob"), false);
      expected.push("198.51.100.7");
      assert.equal(await logIn(entry, port, INNOCENT, "alice", PASSWORD), true);
      const log = join(site.directory, "log");
      await writeFile(log, await end());
      const filter = fileURLToPath(
        new URL(`../../../etc/fail2ban/filter.d/pillarbox-${entry}.conf`, import.meta.url),
      );
      const found = await succeed("fail2ban-regex", ["-o", "ip", log, filter]);
      assert.deepEqual(found.trim().split("\n"), expected);
    });
  }
}

/** Starts a daemon behind a proxy; `end` ends it and gives all that it logged. */
async function start(t: TestContext, entry: Entry, site: Site, format: string) {
  const config = join(site.directory, `${entry}.toml`);
  const role = entry === "smtpd" ? 'role = "submission"\n' : "";
  await writeFile(
    config,
    `domains = ["${DOMAIN}"]
     accounts = "${site.directory}/users"
     user = "root"
     [[listen]]
     address = "127.0.0.1:0"
     proxy_protocol = ["127.0.0.1"]
     allow_plaintext_auth = "always"
     ${role}
     [limits]
     login_failure_delay = "0s"
     [log]
     level = "trace"
     format = "${format}"
    `,
  );
  const child = spawn(process.execPath, [programOf(entry), "--config", config], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  let log = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (log += text));
  return {
    port: await listening(child, () => log),
    end: async () => {
      const closed = new Promise((resolve) => child.once("close", resolve));
      child.kill("SIGTERM");
      await closed;
      return log;
    },
  };
}

function listening({ stdout }: ChildProcess, log: () => string): Promise<number> {
  return new Promise((resolve, reject) => {
    const look = () => {
      const [, port] = /"addresses":\["127\.0\.0\.1:(\d+)"\]/.exec(log()) ?? [];
      if (port !== undefined) resolve(Number(port));
    };
    stdout?.on("data", look).once("close", () => reject(new Error(`it ended:\n${log()}`)));
  });
}

/** Whether a client at this address is let in. */
async function logIn(
  entry: Entry,
  port: number,
  from: string,
  name: string,
  password: string,
  onBehalfOf = "",
): Promise<boolean> {
  const client = await Client.connect(port);
  const family = from.includes(":") ? "6 ::1" : "4 192.0.2.1";
  const [kind, to] = family.split(" ");
  const response = Buffer.from(`${onBehalfOf}\0${name}\0${password}`).toString("base64");
  client.send(`PROXY TCP${kind} ${from} ${to} 4711 25\r\n`);
  await client.line();
  if (entry === "smtpd") {
    client.send("EHLO client.example\r\n");
    while (!(await client.line()).startsWith("250 "));
  }
  client.send(`AUTH PLAIN ${response}\r\n`);
  const reply = await client.line();
  client.send("QUIT\r\n");
  await client.rest();
  return /^(?:\+OK|235)/.test(reply);
}
