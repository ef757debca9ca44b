/** Programs that send by calling sendmail: what they write, and how, comes into the queue as it was meant. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { lacking, without } from "../peers.js";
import { SendmailSite } from "../smtpd/sendmail/sendmail-site.js";

const RUNNING_MS_MAX = 60_000;

let site: SendmailSite;
let sendmail: string;
beforeEach(async () => {
  site = await SendmailSite.make();
  sendmail = await site.program();
});
afterEach(() => site.remove());

/** Runs a program in a home of its own. */
function run(
  command: string,
  words: readonly string[],
  input = "",
  env: Readonly<Record<string, string>> = {},
): void {
  const { status, stdout, stderr } = spawnSync(command, words, {
    input,
    cwd: site.directory,
    env: { PATH: process.env.PATH ?? "", HOME: site.directory, LANG: "C.UTF-8", ...env },
    encoding: "utf8",
    timeout: RUNNING_MS_MAX,
  });
  assert.equal(status, 0, `${command}: ${stdout}${stderr}`);
}

/** The value of a field of the header. */
function field(header: readonly string[], name: string): string | undefined {
  return header.find((line) => line.toLowerCase().startsWith(`${name}: `))?.slice(name.length + 2);
}

test("as cron calls it", async () => {
  const message =
    'From: "(Cron Daemon)" <root>\nTo: alice\nSubject: Cron <root@host> echo\nContent-Type: text/plain; charset=UTF-8\n\n.\nhé\n';
  run(sendmail, ["-i", "-FCronDaemon", "-B8BITMIME", "-oem", "alice"], message);
  const { to, from, body, header, envelope } = await site.only();
  assert.deepEqual([to, envelope.body], [["alice@example.org"], "8BITMIME"]);
  assert.match(from, /@example\.org$/);
  assert.equal(Buffer.from(body, "latin1").toString(), ".\nhé\n");
  assert.equal(field(header, "from"), '"(Cron Daemon)" <root>');
});

test("mutt sends, with the envelope's sender and what is to be told of it", {
  skip: without("mutt"),
}, async () => {
  await writeFile(
    join(site.directory, "muttrc"),
    `set sendmail="${sendmail} -oem -oi"\nset from=alice@example.org\nset use_envelope_from=yes\nset dsn_notify="failure,delay"\nset dsn_return=hdrs\nset use_8bitmime=yes\nset copy=no\nset send_charset=utf-8\n`,
  );
  await writeFile(join(site.directory, "notes.txt"), ".\nattached\n");
  const words = [
    "-F",
    "muttrc",
    "-s",
    "hällo",
    "-a",
    "notes.txt",
    "-c",
    "carol@b.example",
    "-b",
    "dave@c.example",
    "--",
    "bob@a.example",
  ];
  run("mutt", words, "hi\n.\nthere ü\n");
  const { to, from, body, header, envelope } = await site.only();
  assert.deepEqual(to, ["bob@a.example", "carol@b.example", "dave@c.example"]);
  assert.equal(from, "alice@example.org");
  assert.equal(envelope.ret, "HDRS");
  assert.deepEqual(envelope.recipients[0]?.notify, ["FAILURE", "DELAY"]);
  assert.equal(field(header, "bcc"), undefined);
  assert.match(body, /^\.$/m);
  assert.match(body, /notes\.txt/);
});

test("s-nail sends", { skip: without("s-nail") }, async () => {
  const words = [
    "-:/",
    "-S",
    `mta=${sendmail}`,
    "-S",
    "ttycharset=utf-8",
    "-r",
    "alice@example.org",
    "-s",
    "hello",
    "bob@a.example",
  ];
  run("s-nail", words, "hi\n.\nthere\n");
  const { to, from, header, body } = await site.only();
  assert.deepEqual([to, from, field(header, "subject")], [["bob@a.example"], "alice@example.org", "hello"]);
  assert.equal(body, "hi\n.\nthere\n");
});

test("s-nail sends with the recipients in the header", { skip: without("s-nail") }, async () => {
  const words = ["-:/", "-S", `mta=${sendmail}`, "-S", "mta-arguments='-i'", "-t"];
  run("s-nail", words, "To: bob@a.example\nBcc: carol@b.example\nSubject: hello\n\nhi\n");
  const { to, header } = await site.only();
  assert.deepEqual([...to].sort(), ["bob@a.example", "carol@b.example"]);
  assert.equal(field(header, "bcc"), undefined);
});

test("git send-email sends a series of patches", { skip: withoutGit() }, async () => {
  const repository = join(site.directory, "repository");
  await mkdir(repository);
  const git = (...words: readonly string[]) =>
    run("git", [
      "-C",
      repository,
      "-c",
      "user.name=Alice Ångström",
      "-c",
      "user.email=alice@example.org",
      ...words,
    ]);
  git("init", "-q");
  for (const name of ["one", "two"]) {
    await writeFile(join(repository, name), `.\n${name}\n`);
    git("add", name);
    git("commit", "-q", "-m", `Add ${name}`);
  }
  git("format-patch", "-q", "--root", "-o", join(site.directory, "patches"));
  const options = [
    "--quiet",
    "--confirm=never",
    "--suppress-cc=all",
    `--smtp-server=${sendmail}`,
    "--envelope-sender=bounces@example.org",
  ];
  git(
    "send-email",
    ...options,
    "--to=bob@a.example",
    "--bcc=carol@b.example",
    join(site.directory, "patches"),
  );
  const queued = await site.queued();
  assert.deepEqual(
    queued.map(({ header }) => field(header, "subject")),
    ["[PATCH 1/2] Add one", "[PATCH 2/2] Add two"],
  );
  for (const { to, from, header, body } of queued) {
    assert.deepEqual([[...to].sort(), from], [["bob@a.example", "carol@b.example"], "bounces@example.org"]);
    assert.equal(field(header, "bcc"), undefined);
    assert.match(body, /^\+\.$/m);
  }
});

test("a Python program sends as many do", { skip: without("python3") }, async () => {
  const program = `
import subprocess, sys
from email.message import EmailMessage
message = EmailMessage()
message["From"] = "Alice <alice@example.org>"
message["To"] = "Bób <bob@a.example>, undisclosed:;"
message["Bcc"] = "carol@b.example"
message["Subject"] = "hällo"
message.set_content(".\\nü\\n")
subprocess.run([sys.argv[1], "-t", "-oi"], input=message.as_bytes(), check=True)
`;
  run("python3", ["-c", program, sendmail]);
  const { to, header } = await site.only();
  assert.deepEqual(to, ["bob@a.example", "carol@b.example"]);
  assert.equal(field(header, "from"), "Alice <alice@example.org>");
});

test("PHP's mail() sends", { skip: without("php") }, async () => {
  const code =
    'exit(mail("bob@a.example", "hello", "line\\r\\n.\\r\\nlast", "From: alice@example.org\\r\\nX-A: 1", "-falice@example.org") ? 0 : 1);';
  run("php", ["-d", `sendmail_path=${sendmail} -t -i`, "-r", code]);
  const { to, from, header, body, text } = await site.only();
  assert.deepEqual([to, from, field(header, "x-a")], [["bob@a.example"], "alice@example.org", "1"]);
  assert.equal(body, "line\n.\nlast\n");
  assert.doesNotMatch(text, /\r/);
});

test("a program that speaks SMTP to a pipe sends", { skip: without("python3") }, async () => {
  const program = `
import smtplib, socket, subprocess, sys
ours, theirs = socket.socketpair()
server = subprocess.Popen([sys.argv[1], "-bs"], stdin=theirs, stdout=theirs)
theirs.close()
class Piped(smtplib.SMTP):
    def _get_socket(self, host, port, timeout): return ours
client = Piped("localhost")
client.ehlo()
client.sendmail("alice@example.org", ["bob@a.example"], b"Subject: x\\r\\n\\r\\n.\\r\\nhi\\r\\n", mail_options=["BODY=8BITMIME"])
client.quit()
sys.exit(server.wait())
`;
  run("python3", ["-c", program, sendmail]);
  const { to, from, body } = await site.only();
  assert.deepEqual([to, from, body], [["bob@a.example"], "alice@example.org", ".\nhi\n"]);
});

test("installed under its old name it is found where programs look", {
  skip: without("s-nail"),
}, async () => {
  await mkdir(join(site.directory, "sbin"));
  await symlink(sendmail, join(site.directory, "sbin", "sendmail"));
  run("s-nail", ["-:/", "-S", `mta=${site.directory}/sbin/sendmail`, "-s", "x", "bob@a.example"], "hi\n");
  assert.deepEqual((await site.only()).to, ["bob@a.example"]);
});

/** Debian has git without send-email, and send-email without the Perl module that it needs. */
function withoutGit(): string | false {
  const missing = without("git", "perl");
  if (missing !== false) return missing;
  const core = spawnSync("git", ["--exec-path"], { encoding: "utf8" }).stdout.trim();
  const module = spawnSync("perl", ["-MMail::Address", "-e1"]).status === 0;
  return existsSync(`${core}/git-send-email`) && module ? false : lacking("git send-email is not installed");
}
