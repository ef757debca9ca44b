/**
 * SMTP smuggling from end to end: a client sends each sequence that some host has been seen to take for the end of a message, by
 * DATA and by BDAT, to a smtpd that relays; what the next host is sent is one message with one end, or nothing at all.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Site } from "../daemons/site.js";
import { Sink } from "../fakes/sink.js";
import { SmtpClient } from "../fakes/smtp-client.js";
import { FALSE_ENDS, TRUE_END } from "./false-ends.js";

const SMUGGLED = "MAIL FROM:<smuggled@client.example>\r\nRCPT TO:<b@next.test>\r\nDATA\r\nsmuggled\r\n";
const LAST_LINE = "the last line\r\n";

const BY = {
  DATA: async (client: SmtpClient, octets: string) => {
    await client.command("DATA");
    client.send(`${octets}.\r\n`);
  },
  BDAT: async (client: SmtpClient, octets: string) => {
    client.send(`BDAT ${octets.length} LAST\r\n${octets}`);
  },
};

for (const bareLf of ["normalize", "refuse"]) {
  test(`nothing is smuggled to the next host, bare_lf = ${bareLf}`, async (t) => {
    const sink = await Sink.start(t);
    const mx = await relayTo(t, sink, bareLf);
    let taken = 0;
    for (const by of ["DATA", "BDAT"] as const) {
      for (const end of by === "BDAT" ? [...FALSE_ENDS, TRUE_END] : FALSE_ENDS) {
        const what = `${JSON.stringify(end)} by ${by}`;
        const client = await SmtpClient.greeted(mx);
        await client.envelope("<a@client.example>", "<bob@next.test>");
        await BY[by](client, `Subject: s\r\n\r\nfirst${end}${SMUGGLED}${LAST_LINE}`);
        const { code } = await client.reply();
        assert.equal(await client.says("NOOP"), "250 2.0.0", `${what}: the one reply`);
        client.end();
        if (code === 250) taken++;
        else assert.equal(code, 554, what);
        await sink.until(() => sink.messages.length === taken);
        if (code === 250) assertOneMessage(sink, what);
      }
    }
    assert.ok(taken > 0, "some are content that can be sent on");
    for (const { commands } of sink.connections) {
      assert.ok(!commands.some((command) => command.includes("smuggled")), commands.join("\n"));
    }
  });
}

/** The mx port of a smtpd that relays for us to this sink. */
async function relayTo(t: TestContext, { port }: Sink, bareLf: string): Promise<number> {
  const site = await Site.make(["alice"]);
  t.after(() => site.remove());
  const relay = `[relay]\nsmarthost = "127.0.0.1:${port}"\ntls = "never"\nnetworks = ["127.0.0.0/8"]\n`;
  const { daemon, mx } = await site.smtpd({ tables: `${relay}[receive]\nbare_lf = "${bareLf}"\n` });
  t.after(() => daemon.stop());
  return mx;
}

/** The message that came last has all that was sent, CRLF alone, and no line of one dot but its end. */
function assertOneMessage({ messages }: Sink, what: string): void {
  const octets = messages.at(-1)?.octets.toString("latin1") ?? "";
  assert.ok(octets.endsWith(`${LAST_LINE}.\r\n`), `${what}: ${JSON.stringify(octets)}`);
  assert.ok(octets.includes("MAIL FROM:<smuggled@client.example>\r\n"), what);
  assert.doesNotMatch(octets, /\r(?!\n)|(?<!\r)\n|\0/, what);
  assert.equal(octets.split("\r\n").indexOf("."), octets.split("\r\n").length - 2, what);
}
