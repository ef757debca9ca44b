/**
 * How fast mail is accepted, queued and forwarded: smtp-source to smtpd to smtp-sink, and beside it, in the same run, by way of
 * Postfix. What is asserted is that each message arrives; the ratio is a note, since other work on the machine changes it.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { DOMAIN, Site } from "../daemons/site.js";
import { type Endpoint, freeEndpoint } from "../interop/mta/peer.js";
import { postfix } from "../interop/mta/postfix.js";
import { SMTP_SINK, type SmtpSink, startSmtpSink } from "../interop/mta/smtp-sink.js";
import { succeed } from "../interop/run.js";
import { runsAsRoot } from "../nobody.js";
import { inapplicable, without } from "../peers.js";

const MESSAGES = process.env.PILLARBOX_STRESS === undefined ? 300 : 3000;
const LOAD = [
  "-s",
  "20",
  "-m",
  String(MESSAGES),
  "-l",
  "4096",
  "-f",
  `alice@${DOMAIN}`,
  "-t",
  "bob@elsewhere.test",
];
const POLL_MS = 20;
const WAIT_MS_MAX = 120_000;

const skip = runsAsRoot
  ? without(SMTP_SINK, "/usr/sbin/smtp-source", "postfix", "unshare")
  : inapplicable("Postfix needs root");

test(`${MESSAGES} messages from 20 sessions are forwarded, beside Postfix`, {
  skip,
  timeout: 300_000,
}, async (t) => {
  const ours = await rateOf(t, async (relayTo) => {
    const site = await Site.make(["alice"]);
    t.after(() => site.remove());
    const host = `${relayTo.address}:${relayTo.port}`;
    const tables = `[relay]\nnetworks = ["127.0.0.1"]\nsmarthost = "${host}"\ntls = "never"\n`;
    const { daemon, mx } = await site.smtpd({ tables });
    t.after(() => daemon.stop());
    return { address: "127.0.0.1", port: mx };
  });
  const theirs = await rateOf(t, async (relayTo) => {
    const peer = await postfix(t, { domain: "peer.test", relayTo, tls: false });
    return peer.listen;
  });
  t.diagnostic(
    `${Math.round(ours)} messages a second, Postfix ${Math.round(theirs)}: ratio ${(ours / theirs).toFixed(2)}`,
  );
});

/** Messages a second, from the first connection until the sink has the last one. */
async function rateOf(t: TestContext, start: (relayTo: Endpoint) => Promise<Endpoint>): Promise<number> {
  const endpoint = await freeEndpoint();
  const sink = await startSmtpSink(t, endpoint, []);
  const { address, port } = await start(endpoint);
  const begun = performance.now();
  await succeed("/usr/sbin/smtp-source", [...LOAD, `${address}:${port}`]);
  await taken(sink);
  return MESSAGES / ((performance.now() - begun) / 1000);
}

async function taken(sink: SmtpSink): Promise<void> {
  for (const end = performance.now() + WAIT_MS_MAX; (await sink.count()) < MESSAGES; await sleep(POLL_MS))
    assert.ok(performance.now() < end, `${await sink.count()} messages have arrived`);
}
