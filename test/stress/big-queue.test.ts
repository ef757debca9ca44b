/**
 * smtpd with a long queue: mail that waits for other hosts is there when smtpd starts, costs bounded memory, and delays no
 * new mail. Ten thousand messages; a hundred thousand where PILLARBOX_STRESS is set.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { FsyncDurable } from "../../shared/durable.js";
import { maildirAt } from "../../shared/maildir/maildir.js";
import { formatEnvelope } from "../../smtpd/queue/envelope-file.js";
import { foldersAt, makeFolders } from "../../smtpd/queue/folders.js";
import { formatQueueId } from "../../smtpd/queue/queue-id.js";
import { runProgram } from "../daemons/program.js";
import { DOMAIN, Site } from "../daemons/site.js";
import { Sink } from "../fakes/sink.js";
import { freshEnvelope, recipient } from "../smtpd/queue/envelopes.js";

const MESSAGES = process.env.PILLARBOX_STRESS === undefined ? 10_000 : 100_000;
/** Of an idle smtpd, and of a message in the queue. */
const RESIDENT_OCTETS_MAX = 200 * 2 ** 20 + MESSAGES * 4096;
const DOMAINS = 1000;
const TEXT = "Subject: waits\n\nhello\n";
const DAY = 86_400_000;

test(`${MESSAGES} messages that wait delay no new one, and are all there`, {
  timeout: 180_000,
}, async (t) => {
  const sink = await Sink.start(t);
  const site = await Site.make(["alice"]);
  t.after(() => site.remove());
  const folders = foldersAt(join(site.directory, "state/queue"));
  await makeFolders(folders, new FsyncDurable());
  const now = Date.now();
  const cur = maildirAt(folders.maildir.path).cur;
  for (let i = 0; i < MESSAGES; i++) {
    const message = `${i}.waits,S=${TEXT.length},W=${TEXT.length + 3}`;
    const to = recipient(`u${i}@d${i % DOMAINS}.test`, { attempts: 3, nextAttempt: now + DAY });
    const queueId = formatQueueId(now - DAY, i);
    writeFileSync(join(cur, `${message}:2,`), TEXT);
    const envelope = freshEnvelope({ queueId, message, arrivedAt: now - 60_000, recipients: [to] });
    writeFileSync(join(folders.envelope, `${queueId}.json`), formatEnvelope(envelope));
  }

  const begun = performance.now();
  const tables = `[queue]\nretry = ["2d"]\n[relay]\nsmarthost = "127.0.0.1:${sink.port}"\ntls = "never"\n`;
  const { daemon } = await site.smtpd({ tables });
  t.after(() => daemon.stop());
  t.diagnostic(`listens after ${Math.round(performance.now() - begun)} ms`);
  const words = ["sendmail", "--config", daemon.configFile, "-f", `alice@${DOMAIN}`, "bob@elsewhere.test"];
  assert.equal((await runProgram("smtpd", words, "Subject: new\n\nhello\n")).code, 0);
  await daemon.logged(({ msg, to }) => msg === "sent" && to === "bob@elsewhere.test");
  t.diagnostic(`has sent a new message after ${Math.round(performance.now() - begun)} ms`);
  assert.equal(sink.messages.length, 1);

  // Answered once all of it is known.
  const flush = ["queue", "flush", "--domain", "d7.test", "--config", daemon.configFile];
  assert.equal((await runProgram("smtpd", flush)).code, 0);
  const sent = new Set<unknown>();
  await daemon.logged(({ msg, to, queueId }) => {
    if (msg === "sent" && String(to).endsWith("@d7.test")) sent.add(queueId);
    return sent.size === MESSAGES / DOMAINS;
  });
  t.diagnostic(`has read the queue and flushed a domain after ${Math.round(performance.now() - begun)} ms`);
  const octets = await daemon.residentOctets();
  t.diagnostic(`${Math.round(octets / 2 ** 20)} MiB resident`);
  assert.ok(octets < RESIDENT_OCTETS_MAX, `${octets} octets resident`);
  assert.deepEqual(await daemon.stop(), { code: 0, signal: null });
  assert.equal((await readdir(folders.envelope)).length, MESSAGES - MESSAGES / DOMAINS);
  assert.equal((await readdir(folders.broken)).length, 0);
});
