/** A real smtpd and its queue: one at a time, whatever became of the last; what others place there; what was left there. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, unlink, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, test } from "node:test";
import { programOf } from "../../daemons/daemon.js";
import { DOMAIN, Site } from "../../daemons/site.js";
import { recipient } from "./envelopes.js";
import { enqueued, filesOf, queueSite } from "./queue-site.js";

const TO_ALICE = { recipients: [recipient(`alice@${DOMAIN}`)], reversePath: undefined };

let site: Site;
let path: string;
beforeEach(async () => {
  site = await Site.make(["alice"]);
  path = `${site.directory}/state/queue`;
});
afterEach(() => site.remove());

test("a second smtpd ends with 75 and names the first; after one that was killed, the next begins", async () => {
  const first = await site.smtpd();
  try {
    const second = spawn(process.execPath, [programOf("smtpd"), "--config", first.daemon.configFile]);
    let said = "";
    for (const stream of [second.stdout, second.stderr]) stream.on("data", (piece) => (said += piece));
    const [code] = await once(second, "close");
    assert.equal(code, 75);
    assert.match(said, new RegExp(`\\b${first.daemon.pid}\\b`));
  } finally {
    await first.daemon.kill();
  }
  const next = await site.smtpd();
  await next.daemon.stop();
  assert.ok(!(await readdir(path)).includes("sender.lock"));
});

test("mail that another program places in the queue is sent", async (t) => {
  const { queue } = await queueSite(t, { path });
  const waiting = await enqueued(queue, TO_ALICE);
  const { daemon } = await site.smtpd();
  try {
    await daemon.logged((line) => line.msg === "sent" && line.queueId === waiting.queueId);
    const later = await enqueued(queue, TO_ALICE);
    await daemon.logged((line) => line.msg === "sent" && line.queueId === later.queueId);
  } finally {
    await daemon.stop();
  }
  assert.equal((await site.messages("alice")).length, 2);
  assert.deepEqual(await filesOf(path), []);
});

test("strange things in the queue are set aside, and hinder nothing", async (t) => {
  const { queue } = await queueSite(t, { path });
  const [damaged, alone, whole] = [
    await enqueued(queue, TO_ALICE),
    await enqueued(queue, TO_ALICE),
    await enqueued(queue, TO_ALICE),
  ];
  await writeFile(`${path}/envelope/${damaged.queueId}.json`, "{");
  await unlink(`${path}/new/${alone.message}`);
  const { daemon } = await site.smtpd();
  try {
    await daemon.logged((line) => line.msg === "sent" && line.queueId === whole.queueId);
    for (const { queueId } of [damaged, alone])
      await daemon.logged((line) => line.msg === "message set aside" && line.queueId === queueId);
  } finally {
    await daemon.stop();
  }
  assert.equal((await site.messages("alice")).length, 1);
  assert.deepEqual(
    await filesOf(path),
    [`broken/${damaged.queueId}.json`, `broken/${alone.queueId}.json`, `new/${damaged.message}`].sort(),
  );
});
