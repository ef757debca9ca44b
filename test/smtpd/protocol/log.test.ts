/** What is logged of a session, at the most talkative level, and what never is. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PASSWORD, SECRET } from "../../fakes/receiver.js";
import { SmtpClient } from "../../fakes/smtp-client.js";
import { startListener, type TestListener } from "../../fakes/smtp-listener.js";

const SUBMISSION = { listener: { role: "submission" as const } };
const base64 = (text: string) => Buffer.from(text).toString("base64");
const TOKEN = base64(`user=alice\x01auth=Bearer ${PASSWORD.replace(" ", ".")}\x01\x01`);
const PLAIN = base64(`\0alice\0${PASSWORD}`);

async function finish(listener: TestListener, client: SmtpClient): Promise<string> {
  await client.says("QUIT");
  client.end();
  await listener.stop();
  return JSON.stringify(listener.logged);
}

describe("the log", () => {
  test("has a line for a connection, one for a login, one for a refusal", async () => {
    const listener = await startListener(SUBMISSION);
    const client = await SmtpClient.greeted(listener.port);
    await client.command(`AUTH PLAIN ${PLAIN}`);
    await client.envelope(undefined, "<unknown@pillarbox.test>", "<b@pillarbox.test>");
    await client.data("text\r\n.\r\n");
    await finish(listener, client);

    const {
      helo,
      messages,
      errors,
      account,
      client: peer,
      reason,
    } = await listener.logLine("connection closed");
    assert.match(String(peer), /^127\.0\.0\.1:\d+$/);
    assert.deepEqual(
      { helo, messages, errors, account, reason },
      { helo: "client.example", messages: 1, errors: 1, account: "alice", reason: "quit" },
    );
    const login = await listener.logLine("login");
    assert.deepEqual([login.username, login.method], ["alice", "PLAIN"]);
    const refused = await listener.logLine("refused");
    assert.equal(refused.command, "RCPT TO:<unknown@pillarbox.test>");
    assert.match(String(refused.reply), /^550 5\.1\.1 /);
    assert.equal(listener.logged.filter(({ msg }) => msg === "connection closed").length, 1);
  });

  test("shows the dialogue, but no message", async () => {
    const listener = await startListener();
    const client = await SmtpClient.greeted(listener.port);
    await client.envelope();
    await client.data("Subject: nobody's business\r\n.\r\n");
    const text = await finish(listener, client);
    assert.ok(listener.logged.some(({ C: line }) => line === "MAIL FROM:<a@client.example>"));
    assert.ok(listener.logged.some(({ S: line }) => String(line).startsWith("354 ")));
    assert.ok(!text.includes("business"));
  });

  for (const [name, ...lines] of [
    ["PLAIN with an initial response", `AUTH PLAIN ${PLAIN}`],
    ["PLAIN with a challenge", "AUTH PLAIN", PLAIN],
    ["LOGIN", "AUTH LOGIN", base64("alice"), base64(PASSWORD)],
    ["a mechanism that we have not", `AUTH CRAM-MD5 ${PLAIN}`, PLAIN],
    ["XOAUTH2", `AUTH XOAUTH2 ${PLAIN}`, `AUTH XOAUTH2 ${TOKEN}`, ""],
    ["too many words", `AUTH PLAIN ${PLAIN} ${PLAIN}`],
    ["an answer nobody waits for", PLAIN, base64(PASSWORD)],
    ["an answer that breaks off", "AUTH LOGIN", "!", base64(PASSWORD)],
    ["a receiver that fails", `AUTH PLAIN ${base64(`\0bug\0${PASSWORD}`)}`],
    ["a wrong password", `AUTH PLAIN ${base64(`\0alice\0${PASSWORD}?`)}`],
  ] as const) {
    test(`never shows a password: ${name}`, async () => {
      const listener = await startListener(SUBMISSION);
      const client = await SmtpClient.greeted(listener.port);
      for (const line of lines) await client.command(line);
      const text = await finish(listener, client);
      for (const secret of [PASSWORD, PLAIN, TOKEN, base64(PASSWORD), base64(`\0bug\0${PASSWORD}`)]) {
        assert.ok(!text.includes(secret.replace(/=+$/, "")), secret);
      }
    });
  }

  test("shows nothing of SCRAM that a password could be guessed by", async () => {
    const listener = await startListener(SUBMISSION);
    const client = await SmtpClient.greeted(listener.port);
    const challenge = await client.command(`AUTH SCRAM-SHA-256 ${base64("n,,n=alice,r=abc")}`);
    assert.equal(challenge.code, 334);
    await client.command(base64(`c=biws,r=abcserver,p=${"A".repeat(43)}=`));
    const text = await finish(listener, client);
    const [shown = ""] = challenge.lines;
    for (const secret of [shown.slice(4), base64("n,,n=alice"), base64("c=biws,r=abc")]) {
      assert.ok(secret.length > 10 && !text.includes(secret.slice(0, 16)), secret);
    }
    const { username, method } = await listener.logLine("login failed");
    assert.deepEqual([username, method], ["alice", "SCRAM-SHA-256"]);
  });

  test("has the cause of trouble, of which the client learns nothing", async () => {
    const listener = await startListener();
    const client = await SmtpClient.greeted(listener.port);
    await client.says("MAIL FROM:<a@client.example>");
    const { lines } = await client.command("RCPT TO:<trouble@pillarbox.test>");
    assert.ok(!lines.join().includes(SECRET));
    const { err } = await listener.logLine("command failed");
    assert.ok(JSON.stringify(err).includes(SECRET));
    await finish(listener, client);
  });

  test("holds no control characters of a client", async () => {
    const listener = await startListener();
    const client = await SmtpClient.greeted(listener.port);
    await client.command("VRFY \u0085\u202e\u200b");
    await client.command("EHLO \x1b[31mred");
    const text = await finish(listener, client);
    assert.ok(!/[\p{Cf}\u0080-\u009f]|\\u001b/u.test(text));
  });
});
