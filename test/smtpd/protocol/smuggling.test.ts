/**
 * SMTP smuggling: what some hosts take for the end of a message, while others send it as content. Whatever follows it
 * here is content too, never a command.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { SmtpClient } from "../../fakes/smtp-client.js";
import { startListener, type TestListener } from "../../fakes/smtp-listener.js";

const FALSE_ENDS = [
  "\n.\n",
  "\n.\r",
  "\r.\n",
  "\r.\r",
  "\n.\r\n",
  "\r.\r\n",
  "\r\n.\n",
  "\r\n.\r",
  "\r\n\0.\r\n",
  "\r\n.\0\r\n",
  "\r\n.\r\0\n",
  "\r\n.\r\r\n",
  "\r\r\n.\r\r\n",
  "\r\n\r.\r\n",
  "\r\n.\n\r\n",
  "\r\n. \r\n",
  "\r\n..\r\n",
];

const SMUGGLED = "MAIL FROM:<smuggled@client.example>\r\nRCPT TO:<b@pillarbox.test>\r\nDATA\r\nsmuggled\r\n";

for (const bareLf of ["normalize", "refuse"] as const) {
  describe(`SMTP smuggling, bare_lf = ${bareLf}`, () => {
    let listener: TestListener;
    before(async () => {
      listener = await startListener({ bareLf, limits: { errors: 1000 } });
    });
    after(() => listener.stop());

    for (const end of FALSE_ENDS) {
      for (const slowly of [false, true]) {
        test(`${JSON.stringify(end)} is no end${slowly ? ", octet by octet" : ""}`, async () => {
          const before = listener.receiver.messages.length;
          const client = await SmtpClient.greeted(listener.port);
          await client.envelope();
          await client.command("DATA");
          const octets = `first${end}${SMUGGLED}\r\n.\r\nNOOP\r\n`;
          if (slowly) await client.sendSlowly(octets);
          else client.send(octets);
          const { code } = await client.reply();
          assert.equal((await client.reply()).code, 250, "the NOOP after the true end");
          assert.equal(client.unread, "");
          client.end();

          const taken = listener.receiver.messages.slice(before);
          assert.equal(taken.length, code === 250 ? 1 : 0);
          assert.ok(!listener.receiver.reversePaths.some(({ mailbox }) => mailbox?.localPart === "smuggled"));
          for (const { octets: stored } of taken) {
            assert.ok(stored.includes("MAIL FROM:<smuggled@client.example>\n"));
            assert.ok(
              !stored.includes("\r") && !stored.includes("\0"),
              "nothing that could be read differently",
            );
          }
        });
      }
    }
  });
}
