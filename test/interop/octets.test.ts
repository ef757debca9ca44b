/**
 * Octets: whatever is sent through smtpd is collected through pop3d octet for octet, below the trace fields on top.
 * The messages are odd ones of our own, and those with which Python tests its mail parser (Debian's
 * libpython3.11-testsuite).
 */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { DOMAIN, PASSWORD, type Pop3d, Site, type Smtpd } from "../daemons/site.js";
import { without } from "../peers.js";
import { Dialogue } from "./dialogue.js";

let site: Site;
let smtpd: Smtpd;
let pop3d: Pop3d;
before(async () => {
  site = await Site.make(["alice"]);
  smtpd = await site.smtpd();
  pop3d = await site.pop3d();
});
after(async () => {
  await smtpd?.daemon.stop();
  await pop3d?.daemon.stop();
  await site?.remove();
});

const PYTHON_MESSAGES = "/usr/lib/python3.11/test/test_email/data";
const HEADER = "From: a@x.test\r\nSubject: s\r\n\r\n";

/** Every octet that a message may hold: all but NUL, CR and LF. */
const ALL_OCTETS = Buffer.from(
  Array.from({ length: 256 }, (_, octet) => octet).filter((octet) => ![0, 10, 13].includes(octet)),
);

const own: Readonly<Record<string, string | Buffer>> = {
  empty: "",
  "a blank line": "\r\n",
  "blank lines": "\r\n\r\n\r\n",
  "a header alone": "Subject: s\r\n",
  "a body without a header": "Hello\r\n",
  "a dot": `${HEADER}.\r\n`,
  "dots at line starts": `${HEADER}.\r\n..\r\n...\r\n.x\r\nx.\r\n.\r\n\r\n.\r\n`,
  "a dot in the very first octet": ".Subject: s\r\n\r\n",
  "long lines": `${HEADER}${"x".repeat(998)}\r\n${"y".repeat(5000)}\r\n${"z".repeat(300_000)}\r\n`,
  "all octets but three": Buffer.concat([
    Buffer.from(HEADER),
    ALL_OCTETS,
    ALL_OCTETS.toReversed(),
    Buffer.from("\r\n"),
  ]),
  "UTF-8": `${HEADER}Grüße, ごきげんよう 🐦\r\n`,
  "white space": `${HEADER} \r\n\t\r\n  trailing  \r\n \r\n`,
  "what looks like the end of it": `${HEADER}QUIT\r\n+OK\r\n-ERR\r\nFrom me\r\n>From you\r\n`,
  "several hundred kilobytes": `${HEADER}${"0123456789abcdef.\r\n".repeat(40_000)}`,
};

for (const [what, message] of Object.entries(own)) {
  test(`comes back as it went: ${what}`, () => roundTrip([Buffer.from(message)]));
}

test("the messages of Python's tests come back as they went", {
  skip: without(PYTHON_MESSAGES),
}, async () => {
  const names = (await readdir(PYTHON_MESSAGES)).filter((name) => /\.(txt|eml)$/.test(name)).sort();
  assert.ok(names.length >= 40, `${names.length} messages`);
  const messages = await Promise.all(names.map((name) => readFile(`${PYTHON_MESSAGES}/${name}`)));
  await roundTrip(messages.map(asTransmitted));
});

/** Lines ended by CRLF, as any client has to send them. */
function asTransmitted(octets: Buffer): Buffer {
  const text = octets.toString("latin1").replace(/\r\n|\r|\n/g, "\r\n");
  return Buffer.from(text === "" || text.endsWith("\r\n") ? text : `${text}\r\n`, "latin1");
}

/** Sends the messages, collects and deletes them, and compares. */
async function roundTrip(messages: readonly Buffer[]): Promise<void> {
  const smtp = await Dialogue.connect(smtpd.mx);
  await smtp.expect(/^220 /);
  await smtp.command(`EHLO client.test`, /^250 /);
  for (const message of messages) {
    await smtp.command(`MAIL FROM:<bob@${DOMAIN}> BODY=8BITMIME`, /^250 /);
    await smtp.command(`RCPT TO:<alice@${DOMAIN}>`, /^250 /);
    await smtp.command("DATA", /^354 /);
    smtp.send(Buffer.concat([stuffed(message), Buffer.from(".\r\n")]));
    await smtp.expect(/^250 /);
  }
  await smtp.command("QUIT", /^221 /);

  const pop3 = await Dialogue.connect(pop3d.pop3);
  await pop3.expect(/^\+OK/);
  await pop3.command(`USER alice`, /^\+OK/);
  await pop3.command(`PASS ${PASSWORD}`, /^\+OK/);
  await pop3.command("LIST", /^\+OK/);
  const sizes = (await pop3.multiline()).toString("latin1").split("\r\n").filter(Boolean);
  assert.equal(sizes.length, messages.length);
  for (const [index, message] of messages.entries()) {
    await pop3.command(`RETR ${index + 1}`, /^\+OK/);
    const collected = await pop3.multiline();
    assert.equal(sizes[index], `${index + 1} ${collected.length}`);
    const below = collected.length - message.length;
    assert.ok(collected.subarray(below).equals(message), `message ${index + 1}`);
    assert.match(
      collected.toString("latin1", 0, below),
      /^Return-Path: .*\r\nReceived: .*\+0000\r\n(\r\n)?$/s,
    );
    await pop3.command(`DELE ${index + 1}`, /^\+OK/);
  }
  await pop3.command("QUIT", /^\+OK/);
  assert.deepEqual(await site.messages("alice"), []);
}

/** RFC 5321 §4.5.2 transparency. */
function stuffed(message: Buffer): Buffer {
  return Buffer.from(message.toString("latin1").replace(/^\./gm, ".."), "latin1");
}
