/** pop3d as a program: its command line, its `check`, and how it ends (sysexits). */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { startDaemon } from "../daemons/daemon.js";
import { runProgram } from "../daemons/program.js";
import { writeCertificate } from "../fakes/certificate.js";
import { temporaryDirectory } from "../temporary-directory.js";
import { Client } from "./client.js";

test("--help and --version", async () => {
  const help = await runProgram("pop3d", ["--help"]);
  assert.equal(help.code, 0);
  for (const word of ["run", "check", "user", "--config"]) assert.ok(help.stdout.includes(word), word);
  const version = await runProgram("pop3d", ["--version"]);
  assert.equal(version.code, 0);
  assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
});

for (const args of [
  ["frobnicate"],
  ["--frobnicate"],
  ["check", "now", "then"],
  ["check", "--json"],
  ["--config"],
  ["run", "--config"],
]) {
  test(`usage error: pop3d ${args.join(" ")}`, async () => {
    const { code, stdout, stderr } = await runProgram("pop3d", args);
    assert.deepEqual([code, stdout], [64, ""]);
    assert.match(stderr, /^pop3d: /);
  });
}

test("check: a good configuration is summed up", async (t) => {
  const { file } = await configured(t, { domain: "example.org" });
  const { code, stdout, stderr } = await runProgram("pop3d", ["check", "--config", file]);
  assert.deepEqual([code, stderr], [0, ""]);
  for (const what of ["example.org", "127.0.0.1:0", "accounts  1", `${file}: ok`]) {
    assert.ok(stdout.includes(what), `${what}:\n${stdout}`);
  }
  assert.doesNotMatch(stdout, /warning/);
});

test("check: what is allowed but surprising is a warning", async (t) => {
  const { directory, file } = await configured(t, {
    domain: "example.net",
    tls: false,
    more: 'allow_plaintext_auth = "never"\n[limits]\nidle_timeout = "5m"\n',
  });
  await writeFile(`${directory}/users`, "alice@example.org:{PLAIN}x::::::userdb_quota_rule=Spam:ignore\n");
  const { code, stdout } = await runProgram("pop3d", ["check", "--config", file]);
  assert.equal(code, 0);
  const warnings = stdout.split("\n").filter((line) => line.startsWith("warning: "));
  for (const about of [/\[tls\]/, /log in/, /idle_timeout/, /alice@example\.org gets/, /Spam:ignore/]) {
    assert.ok(
      warnings.some((warning) => about.test(warning)),
      `${about}:\n${stdout}`,
    );
  }
});

/** Whatever is wrong: the exit code, and what the error must name. */
const WRONG: readonly [
  name: string,
  spoil: (site: Configured) => Promise<unknown>,
  code: number,
  names: RegExp,
][] = [
  ["no configuration", async ({ directory }) => writeFile(`${directory}/other`, ""), 78, /domains/],
  ["not TOML", ({ file }) => writeFile(file, "domains = [\n"), 78, /pop3d\.toml:2/],
  ["an unknown key", ({ file }) => writeFile(file, 'domains = ["a.org"]\nlimts = 1\n'), 78, /limts/],
  ["a wrong value", ({ file }) => writeFile(file, 'domains = ["a.org"]\nmail_root = "x"\n'), 78, /mail_root/],
  [
    "no accounts file",
    ({ file }) => writeFile(file, 'domains = ["a.org"]\naccounts = "/no/where"\n'),
    78,
    /\/no\/where/,
  ],
  [
    "a broken accounts file",
    ({ directory }) => writeFile(`${directory}/users`, "no accounts file\n"),
    78,
    /users.*1/,
  ],
  [
    "a field of an account that says nothing",
    ({ directory }) => writeFile(`${directory}/users`, "\nalice@a.org:{PLAIN}x::::::userdb_pop3_expire=x\n"),
    78,
    /users:2: .*userdb_pop3_expire/,
  ],
  [
    "a broken certificate",
    ({ directory }) => writeFile(`${directory}/localhost.crt`, "x"),
    78,
    /localhost\.crt/,
  ],
];

for (const [name, spoil, code, names] of WRONG) {
  test(`check and run: ${name}`, async (t) => {
    const site = await configured(t, { domain: "example.org" });
    await spoil(site);
    const file = name === "no configuration" ? `${site.directory}/other` : site.file;
    const checked = await runProgram("pop3d", ["check", "--config", file]);
    assert.equal(checked.code, code);
    assert.match(checked.stderr, names);
    assert.doesNotMatch(checked.stdout, /ok$/m);
    const run = await runProgram("pop3d", ["--config", file]);
    assert.equal(run.code, code);
    assert.match(run.stderr + run.stdout, names);
  });
}

test("a taken port is a temporary failure that names the address", async (t) => {
  const { file, text } = await configured(t, { domain: "example.org" });
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  t.after(() => server.close());
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  await writeFile(file, text.replace("127.0.0.1:0", `127.0.0.1:${address.port}`));
  const { code, stdout } = await runProgram("pop3d", ["run", "--config", file]);
  assert.equal(code, 75);
  assert.ok(stdout.includes(`127.0.0.1:${address.port}`), stdout);
});

test("without a certificate STLS is neither announced nor accepted", async (t) => {
  const { text } = await configured(t, { domain: "example.org", tls: false });
  const daemon = await startDaemon("pop3d", text);
  t.after(() => daemon.stop());
  const client = await Client.connect(daemon.ports[0] ?? 0);
  await client.expect("+OK");
  await client.command("CAPA", "+OK");
  assert.ok(!(await client.lines()).includes("STLS"));
  await client.command("STLS", "-ERR");
  await client.command("QUIT", "+OK");
  await client.rest();
});

test("over a Unix socket clients are local, and are not one address", async (t) => {
  const { directory, text } = await configured(t, {
    domain: "example.org",
    more: "[limits]\nconnections_per_ip = 1\n",
  });
  const path = `${directory}/pop3.sock`;
  const daemon = await startDaemon("pop3d", text.replace("127.0.0.1:0", `unix:${path}`));
  t.after(() => daemon.stop());
  assert.deepEqual(daemon.addresses, [`unix:${path}`]);
  const clients = await Promise.all([Client.connectUnix(path), Client.connectUnix(path)]);
  for (const client of clients) await client.expect("+OK");
  for (const client of clients) {
    await client.login("alice", "x");
    await client.command("QUIT", "+OK");
    await client.rest();
  }
});

interface Configured {
  readonly directory: string;
  readonly file: string;
  readonly text: string;
}

async function configured(
  t: TestContext,
  { domain, tls = true, more = "" }: { domain: string; tls?: boolean; more?: string },
): Promise<Configured> {
  const directory = await temporaryDirectory(t);
  const file = `${directory}/pop3d.toml`;
  const { certificate, key } = await writeCertificate(directory);
  await writeFile(`${directory}/users`, "alice@example.org:{PLAIN}x\n");
  const text = [
    `domains = ["${domain}"]\naccounts = "${directory}/users"\nmail_root = "${directory}"\nuser = "root"`,
    tls ? `[tls]\ncertificate = "${certificate}"\nkey = "${key}"` : "",
    `[[listen]]\naddress = "127.0.0.1:0"\n${more}`,
  ].join("\n");
  await writeFile(file, text);
  return { directory, file, text };
}
