/**
 * SMTP smuggling: what some hosts take for the end of a message, while others send it as content. Whatever follows it
 * here is content too, never a command; and what is stored has none of it, but lines that begin with a dot, which are
 * stuffed whenever they are sent on.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { SmtpClient } from "../../fakes/smtp-client.js";
import { startListener, type TestListener } from "../../fakes/smtp-listener.js";
import { FALSE_ENDS, TRUE_END } from "../false-ends.js";

const SMUGGLED = "MAIL FROM:<smuggled@client.example>\r\nRCPT TO:<b@pillarbox.test>\r\nDATA\r\nsmuggled\r\n";

for (const bareLfOption of ["normalize", "refuse"] as const) {
  describe(`SMTP smuggling, bare_lf = ${bareLfOption}`, () => {
    let listener: TestListener;
    before(async () => {
      listener = await startListener({ bareLf: bareLfOption, limits: { errors: 1000 } });
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

    for (const end of [...FALSE_ENDS, TRUE_END]) {
      for (const cut of [undefined, "before", "within"] as const) {
        test(`${JSON.stringify(end)} is no end of a chunk${cut ? `, with a chunk's end ${cut} it` : ""}`, async () => {
          const before = listener.receiver.messages.length;
          const client = await SmtpClient.greeted(listener.port);
          await client.envelope();
          const whole = `first${end}${SMUGGLED}`;
          const at =
            cut === undefined ? 0 : "first".length + (cut === "within" ? Math.ceil(end.length / 2) : 0);
          const [one, two] = [whole.slice(0, at), whole.slice(at)];
          client.send(
            `${cut ? `BDAT ${one.length}\r\n${one}` : ""}BDAT ${two.length} LAST\r\n${two}NOOP\r\n`,
          );
          const replies = [...(cut ? [await client.reply()] : []), await client.reply()];
          assert.equal((await client.reply()).code, 250, "the NOOP after the last chunk");
          assert.equal(client.unread, "");
          client.end();

          assert.ok(!listener.receiver.reversePaths.some(({ mailbox }) => mailbox?.localPart === "smuggled"));
          const lines = whole.replaceAll("\r\n", "\n");
          const bareLf = /(?<!\r)\n/.test(whole);
          const refused = /[\r\0]/.test(lines) || (bareLf && bareLfOption === "refuse");
          assert.equal(replies.at(-1)?.code === 250, !refused);
          assert.deepEqual(
            listener.receiver.messages.slice(before).map(({ octets }) => octets.toString("latin1")),
            refused ? [] : [lines],
          );
        });
      }
    }
  });
}
