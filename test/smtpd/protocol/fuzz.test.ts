/** Whatever a client sends, it gets replies or is closed, and the next one is served. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { ROLES } from "../../../smtpd/config.js";
import { SmtpClient } from "../../fakes/smtp-client.js";
import { startListener, type TestListener } from "../../fakes/smtp-listener.js";

const likely = fc.constantFrom(
  "EHLO x\r\n",
  "HELO x\r\n",
  "MAIL FROM:<a@b.example>",
  "RCPT TO:<c@pillarbox.test>",
  "RCPT TO:<trouble@pillarbox.test>",
  " SIZE=",
  " SMTPUTF8",
  "DATA\r\n",
  "LHLO x\r\n",
  "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@pillarbox.test>\r\n",
  "BDAT 3\r\n",
  "BDAT 8 LAST\r\n",
  "BDAT 0 LAST\r\n",
  "BDAT ",
  " LAST",
  " NOTIFY=NEVER",
  " NOTIFY=SUCCESS,",
  " ORCPT=rfc822;",
  " ORCPT=utf-8;",
  "\\x{FC}",
  "+2B",
  " RET=HDRS",
  " ENVID=",
  ".\r\n",
  "\r\n.\r\n",
  "\r\n",
  "\n",
  "\r",
  "\0",
  "AUTH PLAIN ",
  "AUTH LOGIN\r\n",
  "AHRyb3VibGUAeA==",
  "*\r\n",
  "STARTTLS\r\n",
  "RSET\r\n",
  "VRFY x\r\n",
  "<",
  ">",
  "@",
  '"',
  "ü",
);
const octets = fc.oneof(
  likely.map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array)),
);

describe("any octets", () => {
  for (const role of ROLES) {
    let listener: TestListener;
    before(async () => {
      listener = await startListener({ listener: { role }, limits: { command_length: 512 } });
    });
    after(() => listener.stop());

    test(`are answered by SMTP or nothing: ${role}`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(octets, { maxLength: 30 }), async (pieces) => {
          const client = await SmtpClient.connect(listener.port);
          for (const piece of pieces) client.send(piece);
          client.send("\r\n.\r\nQUIT\r\n");
          client.socket.end();
          const said = await client.untilClosed();
          for (const line of said.split("\r\n").slice(0, -1)) {
            assert.match(line, /^[2345]\d\d[ -](?:[245]\.\d{1,3}\.\d{1,3} )?[\x20-\x7e]*$/);
          }
          assert.ok(said.endsWith("\r\n"));
          client.end();
        }),
        { numRuns: 300 },
      );
      assert.equal(listener.receiver.open, 0);
      const client = await SmtpClient.greeted(listener.port);
      assert.equal(await client.says("QUIT"), "221 2.0.0");
      client.end();
    });
  }
});
