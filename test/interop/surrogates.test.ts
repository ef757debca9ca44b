/**
 * Messages whose headers are not ASCII, from their delivery to the programs that read them: smtpd says so in their names,
 * pop3d sends their surrogates, Python and mutt understand those, and Dovecot's imapd is not troubled by any of it.
 */
import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { DOMAIN, PASSWORD, Site } from "../daemons/site.js";
import { runsAsRoot } from "../nobody.js";
import { without } from "../peers.js";
import { Client } from "../pop3d/client.js";
import { Dialogue } from "./dialogue.js";
import { dovecotImap } from "./dovecot.js";
import { succeed } from "./run.js";

const INVALID = "invalid@internationalized-address.invalid";
const SUBJECT = "Grüße aus Köln, ごきげんよう、みなさま、お元気ですか 🐦 and a few words";
const ATTACHMENT = 'Größe und Länge; eine lange Datei (mit "Klammern"), 日本語.pdf';
const MESSAGE = [
  'From: "Müller, Jörg" <joerg@bücher.example>',
  "To: Björk <björk@x.test>, plain@x.test, Zoë (Büro) <zoe@x.test>",
  `Subject: ${SUBJECT}`,
  "Message-ID: <1@x.test>",
  "References: <2@x.test> <ü@x.test> <3@x.test>",
  "Date: Sun, 22 Nov 2026 08:00:00 +0000 (Kölner Zeit)",
  "MIME-Version: 1.0",
  "Content-Type: multipart/mixed; boundary=x",
  "",
  "--x",
  "Content-Type: text/plain; charset=utf-8",
  "Content-Transfer-Encoding: 8bit",
  "",
  ".Grüße",
  "--x",
  "Content-Type: application/pdf",
  "",
  "pdf",
  "--x--",
  "",
].join("\r\n");
const WITH_NAME = MESSAGE.replace(
  "multipart/mixed; boundary=x",
  `application/pdf; name="${ATTACHMENT.replaceAll('"', '\\"')}"`,
).replace(
  "MIME-Version",
  `Content-Disposition: attachment; filename="${ATTACHMENT.replaceAll('"', '\\"')}"\r\nMIME-Version`,
);

let site: Site;
beforeEach(async () => {
  site = await Site.make(["alice"]);
});
afterEach(() => site?.remove());

test("Python's mail library reads a surrogate as the message was meant; in UTF-8 mode it comes as it went", {
  skip: without("python3"),
}, async () => {
  const smtpd = await site.smtpd();
  const pop3d = await site.pop3d();
  try {
    const latin1 = Buffer.from(
      "Subject: caf\xe9 noir\r\nFrom: Ren\xe9 <rene@x.test>\r\n\r\nb\xe9\r\n",
      "latin1",
    );
    const sent = [
      Buffer.from(MESSAGE),
      Buffer.from(WITH_NAME),
      latin1,
      Buffer.from("Subject: plain\r\n\r\nGrüße\r\n"),
    ];
    for (const message of sent) await send(smtpd.mx, message);
    const names = (await site.messages("alice")).map(({ name }) => name);
    assert.deepEqual(
      names.map((name) => name.endsWith(",H=8")),
      [true, true, true, false],
    );

    const output = await succeed("python3", ["-c", READER, `${pop3d.pop3}`]);
    const [first, second, third, fourth] = JSON.parse(output);
    assert.deepEqual(first, {
      subject: SUBJECT,
      from: [["Müller, Jörg", "joerg@xn--bcher-kva.example"]],
      to: [
        ["Björk (björk@x.test)", INVALID],
        ["", "plain@x.test"],
        ["Zoë", "zoe@x.test"],
      ],
      references: "<2@x.test> <3@x.test>",
      date: "2026-11-22T08:00:00+00:00",
      defects: [],
      filename: null,
      texts: [".Grüße"],
    });
    assert.equal(second.filename, ATTACHMENT);
    assert.deepEqual(second.defects, []);
    assert.deepEqual(third.from, [["Ren\udce9", "rene@x.test"]]);
    assert.equal(third.subject, "caf\ufffd noir");
    assert.equal(fourth.subject, "plain");

    const client = await Dialogue.connect(pop3d.pop3);
    await client.expect(/^\+OK/);
    await client.command("UTF8", /^\+OK/);
    await client.command("USER alice", /^\+OK/);
    await client.command(`PASS ${PASSWORD}`, /^\+OK/);
    for (const [i, message] of sent.entries()) {
      const listed = await client.command(`LIST ${i + 1}`, /^\+OK/);
      await client.command(`RETR ${i + 1}`, /^\+OK/);
      const collected = await client.multiline();
      assert.equal(listed, `+OK ${i + 1} ${collected.length}`);
      assert.ok(collected.subarray(collected.length - message.length).equals(message));
    }
    await client.command("QUIT", /^\+OK/);
  } finally {
    await smtpd.daemon.stop();
    await pop3d.daemon.stop();
  }
});

test("mutt shows subject and names of a surrogate", { skip: without("mutt", "script") }, async () => {
  await site.deliver("alice", MESSAGE.replaceAll("\r\n", "\n"));
  const pop3d = await site.pop3d();
  const folder = join(site.directory, "collected");
  try {
    const client = await Client.loggedIn(pop3d.pop3);
    await client.command("RETR 1", "+OK");
    const lines = await client.lines();
    client.destroy();
    const mbox = `From x Sun Nov 22 08:00:00 2026\n${lines.map((line) => line.replace(/^\./, "")).join("\n")}\n\n`;
    await writeFile(folder, mbox, "latin1");
  } finally {
    await pop3d.daemon.stop();
  }
  const options = `set folder=${site.directory} charset=utf-8 quit=yes move=no wait_key=no prompt_after=no pager=cat`;
  const mutt = ["mutt", "-n", "-R", "-F", "/dev/null", "-e", options, "-f", folder];
  const command = [...mutt, "-e", "push '<display-message><quit>'"]
    .map((word) => `'${word.replaceAll("'", "'\\''")}'`)
    .join(" ");
  const shown = await succeed("script", ["--quiet", "--return", "--command", command, "/dev/null"], {
    env: { TERM: "xterm", HOME: site.directory, LANG: "C.UTF-8", COLUMNS: "200", LINES: "50" },
  });
  const text = shown.replace(/\s+/g, " ");
  for (const part of [
    "Müller, Jörg",
    "Zoë",
    "Björk (björk@x.test)",
    "Grüße aus Köln, ごきげんよう",
    ".Grüße",
  ]) {
    assert.ok(text.includes(part), `${part} is not in ${JSON.stringify(shown)}`);
  }
});

test("to Dovecot's imapd it is a message as any other, and the file of sizes is nothing", {
  skip: without("doveadm"),
}, async () => {
  await site.deliver("alice", MESSAGE.replaceAll("\r\n", "\n"));
  await writeFile(`${site.maildir("alice").new}/2000000000.1.foreign`, MESSAGE.replaceAll("\r\n", "\n"));
  const imapBefore = await imapd([
    "a SELECT INBOX",
    "b FETCH 1:* (UID RFC822.SIZE)",
    "c STORE 1 +FLAGS (\\Flagged)",
  ]);
  const listed = await session();
  assert.ok((await readdir(site.maildir("alice").path)).includes("pillarbox-sizes"));
  const imapAfter = await imapd(["a SELECT INBOX", 'b LIST "" "*"', "c FETCH 1:* (UID RFC822.SIZE FLAGS)"]);
  const facts = (imap: string) => imap.match(/UID \d+ RFC822.SIZE \d+/g);
  assert.equal(facts(imapBefore)?.length, 2);
  assert.deepEqual(facts(imapAfter), facts(imapBefore));
  assert.match(imapAfter, /\* 1 FETCH \(.*FLAGS \(.*\\Flagged.*\)\)/);
  assert.deepEqual(imapAfter.match(/^\* LIST .*/gm)?.length, 1);
  assert.match((await readdir(site.maildir("alice").cur)).join(" "), /,H=8:2,F/);
  // The names have got flags, and all is as before.
  assert.deepEqual(await session(), listed);
});

test("the size of a message that is not what its name says is told, logged, and right after a restart", async () => {
  const { new: folder } = site.maildir("alice");
  await site.deliver("alice", "Subject: a\n\nb\n");
  const [name = ""] = await readdir(folder);
  await writeFile(join(folder, name), "Subject: \u00e9\n\nlonger than it was\n");
  const first = await site.pop3d();
  try {
    const client = await Client.loggedIn(first.pop3);
    await client.command("LIST 1", "+OK 1 17");
    await client.command("RETR 1", "+OK");
    assert.deepEqual(await client.lines(), ["Subject: =?utf-8?Q?=C3=A9?=", "", "longer than it was"]);
    const line = await first.daemon.logged(({ msg }) => msg.includes("not of the size"));
    assert.deepEqual([line.announced, line.sent], [17, 51]);
    await client.command("QUIT", "+OK");
    await client.rest();
  } finally {
    await first.daemon.stop();
  }
  const second = await site.pop3d();
  try {
    const client = await Client.loggedIn(second.pop3);
    await client.command("LIST 1", "+OK 1 51");
    await client.command("UTF8", "+OK");
    await client.command("LIST 1", "+OK 1 35");
    await client.command("QUIT", "+OK");
    await client.rest();
    assert.match(await readFile(join(site.maildir("alice").path, "pillarbox-sizes"), "latin1"), /^35 51 /m);
  } finally {
    await second.daemon.stop();
  }
});

/** Prints what it makes of each message, as JSON. */
const READER = `
import email, email.policy, json, poplib, sys
box = poplib.POP3("127.0.0.1", int(sys.argv[1]))
box.user("alice"); box.pass_(${JSON.stringify(PASSWORD)})
found = []
for number in range(1, box.stat()[0] + 1):
    octets = b"\\r\\n".join(box.retr(number)[1]) + b"\\r\\n"
    assert len(octets) == int(box.list(number).split()[2])
    head = octets.split(b"\\r\\n\\r\\n")[0]
    head.decode("ascii")
    assert all(len(line) <= 76 for line in head.split(b"\\r\\n") if b"=?" in line), head
    message = email.message_from_bytes(octets, policy=email.policy.default)
    people = lambda name: [[a.display_name, a.addr_spec] for a in message[name].addresses] if message[name] else []
    found.append({
        "subject": message["subject"], "from": people("from"), "to": people("to"),
        "references": message["references"], "date": message["date"] and message["date"].datetime.isoformat(),
        "defects": [repr(d) for name in message.keys() for d in message[name].defects],
        "filename": message.get_filename(),
        "texts": [part.get_content().strip() for part in message.walk() if part.get_content_type() == "text/plain"] if number < 3 else [],
    })
box.quit()
print(json.dumps(found))
`;

async function send(port: number, message: Buffer): Promise<void> {
  const smtp = await Dialogue.connect(port);
  await smtp.expect(/^220 /);
  await smtp.command("EHLO client.test", /^250 /);
  await smtp.command(`MAIL FROM:<bob@${DOMAIN}> BODY=8BITMIME SMTPUTF8`, /^250 /);
  await smtp.command(`RCPT TO:<alice@${DOMAIN}>`, /^250 /);
  await smtp.command("DATA", /^354 /);
  smtp.send(
    Buffer.concat([
      Buffer.from(message.toString("latin1").replace(/^\./gm, ".."), "latin1"),
      Buffer.from(".\r\n"),
    ]),
  );
  await smtp.expect(/^250 /);
  await smtp.command("QUIT", /^221 /);
}

/** LIST and UIDL, by a daemon of its own. */
async function session(): Promise<string[]> {
  const user = runsAsRoot ? { user: "nobody" } : {};
  const { daemon, pop3 } = await site.pop3d({ ...user, top: runsAsRoot ? 'group = "nogroup"\n' : "" });
  try {
    const client = await Client.loggedIn(pop3);
    await client.command("LIST", "+OK");
    const lines = await client.lines();
    await client.command("UIDL", "+OK");
    lines.push(...(await client.lines()));
    await client.command("QUIT", "+OK");
    await client.rest();
    return lines;
  } finally {
    await daemon.stop();
  }
}

/** Runs IMAP commands in Dovecot's imap process; what it answers. */
function imapd(commands: readonly string[]): Promise<string> {
  return dovecotImap(site.directory, site.maildir("alice"))(commands);
}
