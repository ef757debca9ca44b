/** What a client says in MAIL and RCPT reaches whoever takes the mail as it was meant, and no other transaction. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SmtpClient } from "../../fakes/smtp-client.js";
import { startListener } from "../../fakes/smtp-listener.js";

const UNSAID = { size: undefined, body: "7BIT", smtputf8: false, ret: undefined, envid: undefined };

test("the envelope is what MAIL and RCPT said", async () => {
  const listener = await startListener();
  const client = await SmtpClient.greeted(listener.port);
  const said = async (...commands: readonly string[]) => {
    for (const command of commands) assert.ok((await client.command(command)).code < 300, command);
    await client.data(".\r\n");
    const { reversePath, recipients } = listener.receiver.messages.at(-1)?.envelope ?? {};
    return { reversePath, forwardPaths: recipients?.map(({ forwardPath }) => forwardPath) };
  };

  assert.deepEqual(
    await said(
      "MAIL FROM:<u\u0308@B\u00dcCHER.example> SMTPUTF8 BODY=8BITMIME SIZE=7 RET=FULL ENVID=a+2Bb",
      "RCPT TO:<u\u0308@xn--bcher-kva.example> ORCPT=utf-8;u\u0308@b.example NOTIFY=NEVER",
      "RCPT TO:<b@pillarbox.test> NOTIFY=DELAY,FAILURE",
    ),
    {
      // The local-part in NFC, the domain as DNS has it.
      reversePath: {
        mailbox: { localPart: "\u00fc", domain: "xn--bcher-kva.example" },
        size: 7,
        body: "8BITMIME",
        smtputf8: true,
        ret: "FULL",
        envid: "a+b",
      },
      forwardPaths: [
        {
          mailbox: { localPart: "\u00fc", domain: "xn--bcher-kva.example" },
          notify: [],
          orcpt: "utf-8;u\u0308@b.example",
        },
        {
          mailbox: { localPart: "b", domain: "pillarbox.test" },
          notify: ["DELAY", "FAILURE"],
          orcpt: undefined,
        },
      ],
    },
  );
  assert.deepEqual(await said("MAIL FROM:<>", "RCPT TO:<Postmaster>"), {
    reversePath: { mailbox: undefined, ...UNSAID },
    forwardPaths: [
      {
        mailbox: { localPart: "postmaster", domain: "pillarbox.test" },
        notify: undefined,
        orcpt: undefined,
      },
    ],
  });
  client.end();
  await listener.stop();
});
