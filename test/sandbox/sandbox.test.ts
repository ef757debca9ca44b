/** The sandbox as a stranger uses it: started, sent to, collected from, stopped, started again, killed. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ACCOUNT, layoutOf, PORT_NAMES } from "../../etc/sandbox/layout.js";
import { Dialogue } from "../interop/dialogue.js";
import { succeed } from "../interop/run.js";
import { without } from "../peers.js";
import { collect, send } from "./mail.js";
import { ANY_PORTS, Pillarbox } from "./pillarbox.js";

const directory = mkdtempSync(join(tmpdir(), "pillarbox-sandbox-"));
after(() => rmSync(directory, { recursive: true }));

let made = 0;
function newDirectory(): string {
  return join(directory, `sandbox-${++made}`);
}

/** The samples as a POP3 client gets them. */
const SAMPLES = readdirSync(new URL("../../../etc/sandbox/messages/", import.meta.url))
  .sort()
  .map((name) => readFileSync(new URL(`../../../etc/sandbox/messages/${name}`, import.meta.url), "latin1"))
  .map((text) => Buffer.from(text.replaceAll("\n", "\r\n"), "latin1"));

const MESSAGE = [`From: <stranger@example.org>`, "Subject: hello", "", "..a line with dots"];

function endsWith(message: Buffer | undefined, text: string): boolean {
  return message?.toString("latin1").endsWith(text) ?? false;
}

test("three sample messages wait, and what is sent comes to lie beside them", async (t) => {
  const sandbox = await Pillarbox.start(newDirectory());
  t.after(() => sandbox.kill());
  const { smtp, submission, pop3, pop3s } = sandbox.ports;

  assert.equal(SAMPLES.length, 3);
  assert.deepEqual(await collect(pop3), SAMPLES);

  await send(smtp, MESSAGE);
  await send(submission, [`From: ${ACCOUNT}`, ...MESSAGE.slice(1)], { login: true });
  const messages = await collect(pop3s, { tls: true });
  assert.deepEqual(messages.slice(0, 3), SAMPLES);
  assert.equal(messages.length, 5);
  for (const message of messages.slice(3)) assert.ok(endsWith(message, "\r\n\r\n.a line with dots\r\n"));
});

test("the samples are what they are meant to be", () => {
  const [plain = "", attachment = "", dots = ""] = SAMPLES.map(String);
  assert.ok(/^[\x00-\x7f]+$/.test(plain) && !plain.includes("multipart"));
  assert.match(attachment, /[^\x00-\x7f]/);
  assert.match(attachment, /^Content-Disposition: attachment/m);
  for (const line of [".", "..", "...", ".signature"]) assert.ok(dots.includes(`\r\n${line}\r\n`), line);
});

test("the curl lines of its guide work as they stand, in a directory with an odd name", {
  skip: without("curl"),
}, async (t) => {
  const sandbox = await Pillarbox.start(join(directory, `it's "odd" & $HOME`));
  t.after(() => sandbox.kill());
  const lines = sandbox.output.split("\n").filter((line) => line.includes("curl "));
  const [sending = "", collecting = ""] = lines.map((line) => line.trim());
  assert.equal(lines.length, 2);

  await succeed("sh", ["-c", sending]);
  assert.equal(await succeed("sh", ["-c", collecting]), String(SAMPLES[0]));
  assert.equal((await collect(sandbox.ports.pop3)).length, 4);
});

test("its files are for their owner alone", async (t) => {
  const root = newDirectory();
  const sandbox = await Pillarbox.start(root);
  t.after(() => sandbox.kill());
  await send(sandbox.ports.smtp, MESSAGE);
  const entries = readdirSync(root, { recursive: true, encoding: "utf8" }).map((name) => join(root, name));
  assert.ok(entries.length > 10);
  for (const entry of [root, ...entries]) {
    const status = statSync(entry);
    // The queue is open to a group, which in here it is out of reach of.
    if (entry.includes("/state/queue") || entry.endsWith("/state")) continue;
    assert.equal(status.mode & 0o777, status.isDirectory() ? 0o700 : 0o600, entry);
  }
});

test("nothing listens but on 127.0.0.1", { skip: without("/proc/net/tcp") }, async (t) => {
  const sandbox = await Pillarbox.start(newDirectory());
  t.after(() => sandbox.kill());
  const ports = Object.values(sandbox.ports);
  // proc(5): "0100007F:0050" is 127.0.0.1:80, and state 0A is listening.
  const listening = ["/proc/net/tcp", "/proc/net/tcp6"]
    .flatMap((file) => readFileSync(file, "utf8").split("\n"))
    .flatMap((line) => [...line.matchAll(/^ *\d+: ([0-9A-F]+):([0-9A-F]{4}) \S+ 0A /g)])
    .map(([, address, port]) => ({ address, port: Number.parseInt(port ?? "", 16) }))
    .filter(({ port }) => ports.includes(port));
  assert.equal(listening.length, 4);
  for (const { address } of listening) assert.equal(address, "0100007F");
});

test("Ctrl-C stops both daemons; started again it goes on with what is there", async (t) => {
  const root = newDirectory();
  const layout = layoutOf(root);
  const first = await Pillarbox.start(root);
  t.after(() => first.kill());
  await collect(first.ports.pop3, { remove: true });
  await send(first.ports.smtp, MESSAGE);
  const { code, signal } = await first.stop();
  assert.deepEqual({ code, signal }, { code: 0, signal: null });
  await assert.rejects(Dialogue.connect(first.ports.smtp));
  await assert.rejects(Dialogue.connect(first.ports.pop3));
  const kept = [layout.certificate, layout.key, layout.accounts, layout.aliases].map((file) =>
    readFileSync(file),
  );

  const second = await Pillarbox.start(root, { ports: first.ports });
  t.after(() => second.kill());
  assert.deepEqual(second.ports, first.ports);
  const messages = await collect(second.ports.pop3);
  assert.equal(messages.length, 1);
  assert.ok(endsWith(messages[0], "\r\n\r\n.a line with dots\r\n"));
  const found = [layout.certificate, layout.key, layout.accounts, layout.aliases].map((file) =>
    readFileSync(file),
  );
  assert.deepEqual(found, kept);
});

test("SIGTERM to the sandbox alone stops everything, sessions that are open among it", async (t) => {
  const sandbox = await Pillarbox.start(newDirectory());
  t.after(() => sandbox.kill());
  const session = await Dialogue.connect(sandbox.ports.pop3);
  await session.expect(/^\+OK/);
  sandbox.signal("SIGTERM");
  assert.equal((await sandbox.ended).code, 0);
  await session.closed();
});

test("a sandbox that is killed takes its daemons along, and the next one starts on the same ports", async (t) => {
  const root = newDirectory();
  const first = await Pillarbox.start(root);
  const session = await Dialogue.connect(first.ports.smtp);
  await session.expect(/^220/);
  await first.kill();
  const second = await Pillarbox.start(root, { ports: first.ports });
  t.after(() => second.kill());
  assert.equal((await collect(second.ports.pop3)).length, 3);
});

test("when a daemon dies the other is stopped, and the exit code says so", {
  skip: without("pgrep"),
}, async (t) => {
  for (const daemon of ["smtpd", "pop3d"]) {
    const sandbox = await Pillarbox.start(newDirectory());
    t.after(() => sandbox.kill());
    const found = execFileSync("pgrep", ["-P", String(sandbox.pid), "-f", `${daemon}/main.js`], {
      encoding: "utf8",
    });
    process.kill(Number(found), "SIGKILL");
    assert.equal((await sandbox.ended).code, 75);
  }
});

test("a daemon that cannot start gives the exit code", async () => {
  const root = newDirectory();
  await (await Pillarbox.start(root)).stop();
  writeFileSync(layoutOf(root).accounts, "demo@pillarbox.test:{NONSENSE}demo\n");
  assert.equal((await Pillarbox.spawn(root).ended).code, 78);
});

for (const name of PORT_NAMES) {
  test(`a taken port is named with the option that changes it: ${name}`, async (t) => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    t.after(() => other.close());
    const address = other.address();
    assert.ok(typeof address === "object" && address !== null);
    const { port } = address;
    const root = newDirectory();
    const { code, stderr } = await Pillarbox.spawn(root, { ports: { ...ANY_PORTS, [name]: port } }).ended;
    assert.equal(code, 75);
    assert.ok(stderr.includes(String(port)) && stderr.includes(`--${name}-port`), stderr);
    assert.ok(!existsSync(root));
  });
}

test("a configuration that it did not write is left alone", async () => {
  const root = newDirectory();
  mkdirSync(root);
  const file = layoutOf(root).pop3dConfig;
  writeFileSync(file, "# mine\n");
  assert.equal((await Pillarbox.spawn(root).ended).code, 78);
  assert.equal(readFileSync(file, "utf8"), "# mine\n");
  assert.deepEqual(readdirSync(root), ["pop3d.toml"]);
});

test("a directory that cannot be made", async () => {
  const file = newDirectory();
  writeFileSync(file, "");
  assert.equal((await Pillarbox.spawn(`${file}/sandbox`).ended).code, 75);
});

for (const argv of [
  ["--smtp-port"],
  ["--smtp-port", "smtp"],
  ["--pop3-port=65536"],
  ["--pop3-port=-1"],
  ["--pop3s-port=1e3"],
  ["--pop3-port", "2111", "--pop3-port", "2112"],
  ["--submission-port=2525"],
  ["--directory="],
  ["--bogus"],
  ["start"],
]) {
  test(`a usage error: pillarbox ${argv.join(" ")}`, async () => {
    assert.equal((await Pillarbox.run(argv).ended).code, 64);
  });
}

test("--help and --version", async () => {
  const help = await Pillarbox.run(["--help"]).ended;
  assert.equal(help.code, 0);
  for (const name of [...PORT_NAMES.map((port) => `--${port}-port`), "--directory", ACCOUNT]) {
    assert.ok(help.stdout.includes(name), name);
  }
  const version = await Pillarbox.run(["--version"]).ended;
  assert.equal(version.code, 0);
  assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
});
