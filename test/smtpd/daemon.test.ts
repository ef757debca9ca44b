/**
 * smtpd as whoever runs it sees it: what it reads, and reads again; how it ends; what it says of mistakes.
 */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { appendFile, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { runProgram } from "../daemons/program.js";
import { DOMAIN, PASSWORD, Site, type Smtpd } from "../daemons/site.js";
import { writeCertificate } from "../fakes/certificate.js";
import { SmtpClient } from "../fakes/smtp-client.js";

const ACCEPTED = "250 2.1.5";
const UNKNOWN = "550 5.1.1";

describe("a running smtpd", () => {
  let site: Site;
  let smtpd: Smtpd;
  before(async () => {
    site = await Site.make(["alice"]);
    smtpd = await site.smtpd();
  });
  after(async () => {
    await smtpd?.daemon.stop();
    await site?.remove();
  });

  /** What is said of a recipient. */
  async function verdictOn(localPart: string): Promise<string> {
    const client = await SmtpClient.greeted(smtpd.mx);
    await client.says("MAIL FROM:<x@y.test>");
    const verdict = await client.says(`RCPT TO:<${localPart}@${DOMAIN}>`);
    client.end();
    return verdict;
  }

  /** Changes a file as an editor does, by a rename, and waits until the log says that it was read. */
  async function change(what: string, content: string): Promise<void> {
    const seen = smtpd.daemon.log.length;
    const file = join(site.directory, what);
    await writeFile(`${file}.new`, content);
    await rename(`${file}.new`, file);
    await smtpd.daemon.logged(
      (line) => line.msg.startsWith("reload") && smtpd.daemon.log.indexOf(line) >= seen,
    );
  }

  test("notices a changed accounts file, and keeps the old one when the new is broken", async () => {
    const users = await readFile(join(site.directory, "users"), "utf8");
    assert.equal(await verdictOn("carol"), UNKNOWN);
    await change("users", `${users}carol@${DOMAIN}:{PLAIN}x\n`);
    assert.equal(await verdictOn("carol"), ACCEPTED);

    await change("users", `${users}carol@${DOMAIN}:{NOSUCH}x\n`);
    const line = await smtpd.daemon.logged(({ level, what }) => level === "error" && what === "accounts");
    assert.match(String(line.reason), /users:2: .*SCRAM-SHA-256/);
    assert.equal(await verdictOn("carol"), ACCEPTED);

    await change("users", users);
    assert.equal(await verdictOn("carol"), UNKNOWN);
  });

  test("notices changed aliases, and keeps the old ones when the new are broken", async () => {
    await change("aliases", "postmaster: alice\nsales: alice\n@elsewhere.test: alice\n");
    assert.equal(await verdictOn("sales+x"), ACCEPTED);
    await change("aliases", "sales: |/bin/sh\n");
    assert.equal(await verdictOn("sales"), ACCEPTED);
    await change("aliases", "postmaster: alice\n");
    assert.equal(await verdictOn("sales"), UNKNOWN);
  });

  test("reads all of it again on SIGHUP", async () => {
    const seen = smtpd.daemon.log.length;
    smtpd.daemon.signal("SIGHUP");
    for (const what of ["accounts", "aliases", "certificates"]) {
      await smtpd.daemon.logged(
        (line) => line.msg === "reloaded" && line.what === what && smtpd.daemon.log.indexOf(line) >= seen,
      );
    }
  });

  test("presents a new certificate to new connections, and open ones go on", async () => {
    const open = await SmtpClient.greeted(smtpd.mxs, { tls: true });
    const before = await presented(smtpd.mxs, "localhost");
    const seen = smtpd.daemon.log.length;
    await writeCertificate(site.directory);
    await smtpd.daemon.logged(
      (line) =>
        line.msg === "reloaded" && line.what === "certificates" && smtpd.daemon.log.indexOf(line) >= seen,
    );
    assert.notEqual(await presented(smtpd.mxs, "localhost"), before);
    assert.equal(await open.says("NOOP"), "250 2.0.0");
    open.end();
  });

  test("users of the accounts file submit, and others do not", async () => {
    const plain = (user: string, password: string) =>
      Buffer.from(`\0${user}\0${password}`).toString("base64");
    for (const [port, tls] of [
      [smtpd.submission, false],
      [smtpd.submissions, true],
    ] as const) {
      const client = await SmtpClient.greeted(port, { tls });
      assert.equal(await client.says("MAIL FROM:<alice@pillarbox.test>"), "530 5.7.0");
      assert.equal(await client.says(`AUTH PLAIN ${plain("alice", "wrong")}`), "535 5.7.8");
      assert.equal(await client.says(`AUTH PLAIN ${plain("nobody", PASSWORD)}`), "535 5.7.8");
      assert.equal(await client.says(`AUTH PLAIN ${plain("ALICE", PASSWORD)}`), "235 2.7.0");
      assert.equal(await client.says(`MAIL FROM:<alice@${DOMAIN}>`), "250 2.1.0");
      assert.equal(await client.says("RCPT TO:<someone@elsewhere.test>"), ACCEPTED);
      assert.equal(await client.says(`RCPT TO:<alice@${DOMAIN}>`), ACCEPTED);
      client.end();
    }
    const logged = JSON.stringify(smtpd.daemon.log);
    for (const secret of [PASSWORD, plain("ALICE", PASSWORD)]) assert.ok(!logged.includes(secret));
  });

  test("a relay it is not, whatever the spelling", async () => {
    const client = await SmtpClient.greeted(smtpd.mx);
    await client.says("MAIL FROM:<x@y.test>");
    for (const [path, verdict] of [
      ["u@ext.test", "550 5.7.1"],
      [`@${DOMAIN}:u@ext.test`, "550 5.7.1"],
      [`u%ext.test@${DOMAIN}`, UNKNOWN],
      [`ext.test!u@${DOMAIN}`, UNKNOWN],
      [`"u@ext.test"@${DOMAIN}`, UNKNOWN],
      ["u@[127.0.0.1]", UNKNOWN],
      ["u@[192.0.2.1]", "550 5.7.1"],
      ["u@[IPv6:2001:db8::1]", "550 5.7.1"],
    ]) {
      assert.equal(await client.says(`RCPT TO:<${path}>`), verdict, path);
    }
    assert.equal(await client.says("RCPT TO:<alice@[127.0.0.1]>"), ACCEPTED);
    assert.equal(await client.says("RCPT TO:<Postmaster>"), ACCEPTED);
    client.end();
  });

  test("logs a delivery with queue id, envelope, account, file, size and time", async () => {
    const client = await SmtpClient.greeted(smtpd.mx);
    await client.says("MAIL FROM:<logged@y.test>");
    await client.says(`RCPT TO:<alice+x@${DOMAIN}>`);
    await client.says("DATA");
    await client.says("Subject: a secret\r\n\r\nnobody's business\r\n.");
    client.end();
    const line = await smtpd.daemon.logged(
      ({ msg, from }) => msg === "delivered" && from === "logged@y.test",
    );
    const file = (await site.messages("alice")).find(({ name }) => Object.values(line).includes(name));
    assert.ok(file);
    assert.equal(line.size, file.content.length);
    assert.deepEqual(line.to, [`alice+x@${DOMAIN}`]);
    assert.equal(line.account, `alice@${DOMAIN}`);
    assert.match(file.content.toString(), new RegExp(`\\n\\tid ${line.queueId} for <`));
    assert.equal(typeof line.ms, "number");
    assert.ok(!/secret|business/.test(JSON.stringify(smtpd.daemon.log)));
  });
});

describe("mail that leaves", () => {
  let site: Site;
  let smtpd: Smtpd;
  before(async () => {
    site = await Site.make(["alice", "bob", "carol", "dora"], "postmaster: alice\npair: bob, dora\n");
    // A smarthost that nobody answers for, so that what is queued stays there.
    const tables = '[queue]\nretry = ["1s"]\n[relay]\nnetworks = ["127.0.0.1"]\nsmarthost = "127.0.0.1:1"\n';
    smtpd = await site.smtpd({ tables });
  });
  after(async () => {
    await smtpd?.daemon.stop();
    await site?.remove();
  });

  /** The text of each envelope in the queue. */
  async function envelopes(): Promise<string[]> {
    const folder = join(site.directory, "state", "queue", "envelope");
    const names = (await readdir(folder)).filter((name) => name.endsWith(".json"));
    return Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
  }

  async function submit(to: readonly string[], header = `From: alice@${DOMAIN}\r\n`): Promise<string> {
    const client = await SmtpClient.greeted(smtpd.submission);
    await client.says(`AUTH PLAIN ${Buffer.from(`\0alice\0${PASSWORD}`).toString("base64")}`);
    assert.equal(await client.says(`MAIL FROM:<alice@${DOMAIN}>`), "250 2.1.0");
    for (const address of to) assert.equal(await client.says(`RCPT TO:<${address}>`), ACCEPTED);
    await client.says("DATA");
    const verdict = await client.says(`${header}\r\nhello\r\n.`);
    client.end();
    return verdict;
  }

  test("one submission, two mailboxes, one other host: two copies, one envelope, one 250", async () => {
    assert.equal(await submit([`alice@${DOMAIN}`, `bob@${DOMAIN}`, "dave@elsewhere.test"]), "250 2.0.0");
    assert.equal((await site.messages("alice")).length, 1);
    assert.equal((await site.messages("bob")).length, 1);
    const found = await envelopes();
    assert.equal(found.length, 1);
    assert.match(found[0] ?? "", /dave@elsewhere\.test/);
  });

  test("a mailbox that cannot be written gets its copy from the queue, once it can", async () => {
    const { path } = site.maildir("carol");
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, "");
    const before = (await envelopes()).length;
    assert.equal(await submit([`bob@${DOMAIN}`, `carol@${DOMAIN}`]), "250 2.0.0");
    assert.equal((await site.messages("bob")).length, 2);
    const found = await envelopes();
    assert.equal(found.length, before + 1);
    assert.ok(found.some((text) => text.includes(`carol@${DOMAIN}`) && !text.includes(`bob@${DOMAIN}`)));

    await rm(path);
    await smtpd.daemon.logged(({ msg, to }) => msg === "sent" && to === `carol@${DOMAIN}`);
    const [message, ...more] = await site.messages("carol");
    assert.ok(message && more.length === 0);
    const top = `Return-Path: <alice@${DOMAIN}>\nDelivered-To: carol@${DOMAIN}\nReceived: from client.example `;
    assert.ok(message.content.toString().startsWith(top));
  });

  for (const [to, action] of [
    ["dora", "delivered"],
    ["pair", "expanded"],
  ] as const)
    test(`whoever asks to be told of success is told: ${action}`, async () => {
      const before = (await site.messages("alice")).length;
      const noticed = () => smtpd.daemon.log.filter((line) => line.msg === "sent" && line.from === "").length;
      const notices = noticed();
      const client = await SmtpClient.greeted(smtpd.submission);
      await client.says(`AUTH PLAIN ${Buffer.from(`\0alice\0${PASSWORD}`).toString("base64")}`);
      await client.says(`MAIL FROM:<alice@${DOMAIN}>`);
      assert.equal(await client.says(`RCPT TO:<${to}@${DOMAIN}> NOTIFY=SUCCESS`), ACCEPTED);
      await client.says("DATA");
      assert.equal(await client.says(`From: alice@${DOMAIN}\r\n\r\nhello\r\n.`), "250 2.0.0");
      client.end();
      await smtpd.daemon.logged(() => noticed() > notices);
      const messages = await site.messages("alice");
      assert.equal(messages.length, before + 1);
      assert.ok(messages.some(({ content }) => content.includes(`Action: ${action}`)));
    });

  test("nobody sends under another's name, neither in the envelope nor in the header", async () => {
    const before = (await envelopes()).length;
    assert.equal(await submit(["dave@elsewhere.test"], `From: bob@${DOMAIN}\r\n`), "550 5.7.1");
    const client = await SmtpClient.greeted(smtpd.submission);
    await client.says(`AUTH PLAIN ${Buffer.from(`\0alice\0${PASSWORD}`).toString("base64")}`);
    assert.equal(await client.says(`MAIL FROM:<bob@${DOMAIN}>`), "550 5.7.1");
    assert.equal(await client.says("MAIL FROM:<x@elsewhere.test>"), "550 5.7.1");
    client.end();
    assert.equal((await envelopes()).length, before);
  });

  test("a client of the networks sends without logging in", async () => {
    for (const port of [smtpd.mx, smtpd.submission]) {
      const client = await SmtpClient.greeted(port);
      assert.equal(await client.says("MAIL FROM:<printer@elsewhere.test>"), "250 2.1.0");
      assert.equal(await client.says("RCPT TO:<dave@elsewhere.test>"), ACCEPTED);
      assert.equal(await client.says(`RCPT TO:<u%elsewhere.test@${DOMAIN}>`), UNKNOWN);
      client.end();
    }
  });
});

test("another name gets the certificate that is for it", async (t) => {
  const site = await Site.make(["alice"]);
  t.after(() => site.remove());
  const other = await writeCertificate(site.directory, "other.test");
  const tables = `[[tls.sni]]\nnames = ["other.test", "*.wild.test"]\ncertificate = "${other.certificate}"\nkey = "${other.key}"`;
  const { daemon, mx, mxs } = await site.smtpd({ tables });
  t.after(() => daemon.stop());
  const own = new X509Certificate(await readFile(site.certificate.certificate)).fingerprint256;
  const others = new X509Certificate(await readFile(other.certificate)).fingerprint256;
  assert.equal(await presented(mxs, "localhost"), own);
  assert.equal(await presented(mxs, "other.test"), others);
  assert.equal(await presented(mxs, "any.wild.test"), others);
  const client = await SmtpClient.greeted(mx);
  assert.equal(await client.says("STARTTLS"), "220 2.0.0");
  const secure = await client.startTls("OTHER.test");
  assert.equal(secure.getPeerCertificate().fingerprint256, others);
  client.end();
});

test("SIGTERM lets a transaction under way finish, closes idle sessions, and ends with 0", async (t) => {
  const site = await Site.make(["alice"]);
  t.after(() => site.remove());
  const { daemon, mx } = await site.smtpd();
  t.after(() => daemon.kill());
  const idle = await SmtpClient.greeted(mx);
  const busy = await SmtpClient.greeted(mx);
  await busy.says("MAIL FROM:<x@y.test>");
  await busy.says(`RCPT TO:<alice@${DOMAIN}>`);
  await busy.says("DATA");
  busy.send("Subject: late\r\n\r\n");
  daemon.signal("SIGTERM");
  assert.equal((await idle.reply()).code, 421);
  assert.equal(await busy.says("still here\r\n."), "250 2.0.0");
  assert.deepEqual(await daemon.stop(), { code: 0, signal: null });
  assert.equal((await site.messages("alice")).length, 1);
});

describe("mistakes", () => {
  let site: Site;
  let config: string;
  before(async () => {
    site = await Site.make(["alice"]);
    config = join(site.directory, "smtpd.toml");
  });
  after(() => site.remove());

  const good = () =>
    `domains = ["${DOMAIN}"]\naccounts = "${site.directory}/users"\nstate_dir = "${site.directory}/state"\nuser = "root"\n[[listen]]\naddress = "127.0.0.1:0"\n`;

  const rows: readonly (readonly [what: string, text: () => string, code: number, said: RegExp])[] = [
    ["an unknown key", () => `${good()}colour = "red"`, 78, /smtpd\.toml.*listen\[1\]\.colour.*address/],
    [
      "a bad value",
      () => `${good()}[limits]\nmessage_size = "big"`,
      78,
      /limits\.message_size.*"big".*"50MiB"/,
    ],
    ["a file that is no TOML", () => `${good()}=`, 78, /smtpd\.toml:\d+:\d+/],
    ["accounts that are not there", () => good().replace("/users", "/nobody"), 78, /nobody/],
    ["an implicit TLS listener without a certificate", () => `${good()}tls = "implicit"`, 78, /tls/],
    [
      "a certificate that is none",
      () => `${good()}[tls]\ncertificate = "${site.directory}/users"\nkey = "${site.directory}/users"`,
      78,
      /users/,
    ],
  ];
  for (const [what, text, code, said] of rows) {
    for (const command of ["check", "run"]) {
      test(`${what} ends ${command} with ${code} and says where`, async () => {
        await writeFile(config, text());
        const ended = await runProgram("smtpd", [command, "--config", config]);
        assert.equal(ended.code, code);
        assert.match(ended.stderr + ended.stdout, said);
      });
    }
  }

  test("a file that is not there is 78, a wrong command line 64", async () => {
    assert.equal((await runProgram("smtpd", ["check", "--config", "/nonexistent"])).code, 78);
    for (const args of [["bogus"], ["--bogus"], ["check", "--config"], ["check", "more"]]) {
      assert.equal((await runProgram("smtpd", args)).code, 64, args.join(" "));
    }
  });

  test("a port that is taken is 75 and names the address", async () => {
    const holder = createServer().listen(0, "127.0.0.1");
    await once(holder, "listening");
    const address = holder.address();
    assert.ok(address !== null && typeof address === "object");
    await writeFile(config, good().replace(":0", `:${address.port}`));
    const ended = await runProgram("smtpd", ["--config", config]);
    holder.close();
    assert.equal(ended.code, 75);
    assert.match(ended.stdout + ended.stderr, new RegExp(`127\\.0\\.0\\.1:${address.port}`));
  });

  test("check tells what is surprising, and that all is well", async () => {
    await appendFile(join(site.directory, "aliases"), "gone: nobody\n");
    await appendFile(
      join(site.directory, "users"),
      `quota@${DOMAIN}:!::::::userdb_quota_rule=*:storage=1G userdb_quota_rule2=Spam:ignore\n`,
    );
    const route = `[[route]]\ndomain = "${DOMAIN}"\nhost = "elsewhere.test:25"\n`;
    const lmtp = ["0.0.0.0:24", "127.0.0.2:24"].map(
      (address) => `[[listen]]\naddress = "${address}"\nrole = "lmtp"\n`,
    );
    await writeFile(config, `aliases = "${site.directory}/aliases"\n${good()}\n${route}${lmtp.join("")}`);
    const ended = await runProgram("smtpd", ["check", "--config", config]);
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(ended.stdout, /warning: .*0\.0\.0\.0:24/);
    assert.ok(!/warning: .*127\.0\.0\.2/.test(ended.stdout));
    assert.match(ended.stdout, /warning: .*gone/);
    assert.match(ended.stdout, new RegExp(`warning: .*route.*${DOMAIN}`));
    assert.match(ended.stdout, /warning: .*quota@.*Spam:ignore/);
    assert.ok(!/postmaster/.test(ended.stdout));
    await rm(join(site.directory, "aliases"));
    assert.equal((await runProgram("smtpd", ["check", "--config", config])).code, 78);
  });
});

/** The fingerprint of the certificate that a TLS listener presents to a client that asks for this name. */
async function presented(port: number, servername: string): Promise<string> {
  const socket = connectTls({ port, host: "127.0.0.1", servername, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}
