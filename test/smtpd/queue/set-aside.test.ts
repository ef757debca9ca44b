/** What is strange in the queue is set aside in broken/ and logged; nothing is lost, nothing followed, nothing waited for. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chown, mkdir, readFile, rename, rm, symlink, truncate, unlink, writeFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { formatEnvelope } from "../../../smtpd/queue/envelope-file.js";
import { FailingDurable } from "../../fakes/failing-durable.js";
import { NOBODY, runsAsRoot } from "../../nobody.js";
import { inapplicable } from "../../peers.js";
import { freshEnvelope } from "./envelopes.js";
import { enqueued, filesOf, queueSite, TEXT } from "./queue-site.js";

describe("an envelope that cannot be read is set aside with its message", () => {
  const damages: Readonly<Record<string, (json: string) => string>> = {
    "another version": (json) => json.replace('"version": 1', '"version": 2'),
    "a wrong recipient": (json) => json.replace("bob@example.net", "bob"),
    "a member too many": (json) => json.replace('"version"', '"priority": 1, "version"'),
  };
  for (const [what, damage] of Object.entries(damages)) {
    test(what, async (t) => {
      const { path, queue, logged } = await queueSite(t);
      const { queueId, message } = await enqueued(queue);
      const json = damage(await readFile(`${path}/envelope/${queueId}.json`, "utf8"));
      await writeFile(`${path}/envelope/${queueId}.json`, json);
      assert.equal(await queue.load(queueId), undefined);
      assert.deepEqual(await filesOf(path), [`broken/${queueId}.json`, `broken/${message}`].sort());
      assert.equal(await readFile(`${path}/broken/${queueId}.json`, "utf8"), json);
      assert.equal(await readFile(`${path}/broken/${message}`, "utf8"), TEXT);
      assert.deepEqual(
        logged.map(({ msg, queueId }) => [msg, queueId]),
        [["message set aside", queueId]],
      );
      assert.equal(await queue.load(queueId), undefined);
      assert.equal(logged.length, 1);
    });
  }

  test("and can be mended and moved back", async (t) => {
    const { path, queue } = await queueSite(t);
    const envelope = await enqueued(queue);
    const file = `${envelope.queueId}.json`;
    await writeFile(`${path}/envelope/${file}`, formatEnvelope(envelope).replace("1", "2"));
    await queue.load(envelope.queueId);
    await writeFile(`${path}/broken/${file}`, formatEnvelope(envelope));
    await rename(`${path}/broken/${envelope.message}`, `${path}/new/${envelope.message}`);
    await rename(`${path}/broken/${file}`, `${path}/envelope/${file}`);
    assert.deepEqual(await queue.load(envelope.queueId), envelope);
    assert.ok(await queue.open(envelope));
  });
});

test("an envelope that does not tell its message is set aside alone", async (t) => {
  const { path, queue, logged } = await queueSite(t);
  for (const octets of ["", "\0".repeat(300), '{"version": 1, "message": "cut o']) {
    const { queueId, message } = await enqueued(queue);
    await writeFile(`${path}/envelope/${queueId}.json`, octets);
    assert.equal(await queue.load(queueId), undefined);
    const files = await filesOf(path);
    assert.ok(files.includes(`broken/${queueId}.json`) && files.includes(`new/${message}`));
  }
  assert.equal(logged.length, 3);
});

test("an envelope under the queue id of another is set aside, and the message stays with its own", async (t) => {
  const { path, queue } = await queueSite(t);
  const envelope = await enqueued(queue);
  const { queueId } = freshEnvelope();
  await writeFile(`${path}/envelope/${queueId}.json`, formatEnvelope(envelope));
  assert.equal(await queue.load(queueId), undefined);
  assert.deepEqual(await queue.load(envelope.queueId), envelope);
  assert.ok(await queue.open(envelope));
});

describe("where an envelope should be, there is", () => {
  const strange: Readonly<Record<string, (path: string, elsewhere: string) => Promise<void>>> = {
    "a symbolic link to an envelope": (path, elsewhere) => symlink(elsewhere, path),
    "a symbolic link to nothing": (path) => symlink("nowhere", path),
    "a FIFO": async (path) => void execFileSync("mkfifo", [path]),
    "a directory": async (path) => void (await mkdir(path)),
    "a huge file": async (path) => {
      await writeFile(path, "");
      // All zeroes, which cost no room; and more than there is memory for.
      await truncate(path, 2 ** 40);
    },
  };
  for (const [what, make] of Object.entries(strange)) {
    test(what, async (t) => {
      const { path, queue, logged } = await queueSite(t);
      const envelope = await enqueued(queue);
      const file = `${envelope.queueId}.json`;
      await rename(`${path}/envelope/${file}`, `${path}/${file}`);
      await make(`${path}/envelope/${file}`, `${path}/${file}`);
      assert.equal(await queue.load(envelope.queueId), undefined);
      assert.deepEqual(await filesOf(path), [`broken/${file}`, `new/${envelope.message}`]);
      assert.equal(await readFile(`${path}/${file}`, "utf8"), formatEnvelope(envelope));
      assert.equal(logged.length, 1);
    });
  }
});

describe("an envelope is set aside when for its message there is", () => {
  const strange: Readonly<Record<string, (path: string, elsewhere: string) => Promise<void>>> = {
    nothing: async () => {},
    "a symbolic link": (path, elsewhere) => symlink(elsewhere, path),
    "a FIFO": async (path) => void execFileSync("mkfifo", [path]),
    "a directory": async (path) => void (await mkdir(path)),
  };
  for (const [what, make] of Object.entries(strange)) {
    test(what, async (t) => {
      const { path, queue, logged } = await queueSite(t);
      const envelope = await enqueued(queue);
      await rename(`${path}/new/${envelope.message}`, `${path}/message`);
      await make(`${path}/new/${envelope.message}`, `${path}/message`);
      assert.equal(await queue.open(envelope), undefined);
      assert.equal(await queue.load(envelope.queueId), undefined);
      const kept = await readFile(`${path}/broken/${envelope.queueId}.json`, "utf8");
      assert.equal(kept, formatEnvelope(envelope));
      assert.equal(logged.length, 1);
    });
  }

  test("nothing, because all of it is gone: then there is nothing to set aside", async (t) => {
    const { path, queue, logged } = await queueSite(t);
    const envelope = await enqueued(queue);
    await queue.remove(envelope);
    assert.equal(await queue.open(envelope), undefined);
    assert.deepEqual(await filesOf(path), []);
    assert.deepEqual(logged, []);
  });
});

test("what was put into broken/ first stays as it is when the same comes again", async (t) => {
  const { path, queue } = await queueSite(t);
  const envelope = await enqueued(queue);
  const file = `${envelope.queueId}.json`;
  for (const text of ["first", "second", "third"]) {
    await writeFile(`${path}/envelope/${file}`, text);
    await queue.load(envelope.queueId);
  }
  const broken = (await filesOf(path)).filter((name) => name.startsWith("broken/"));
  const texts = await Promise.all(broken.map((name) => readFile(`${path}/${name}`, "utf8")));
  assert.deepEqual(texts.sort(), ["first", "second", "third"]);
  assert.equal(await readFile(`${path}/broken/${file}`, "utf8"), "first");
});

describe("an envelope of somebody who may place mail", {
  skip: runsAsRoot ? false : inapplicable("only root can give files to others"),
}, () => {
  test("sends his own message", async (t) => {
    const { path, queue } = await queueSite(t);
    const envelope = await enqueued(queue);
    for (const file of await filesOf(path)) await chown(`${path}/${file}`, NOBODY, NOBODY);
    assert.deepEqual(await queue.load(envelope.queueId), envelope);
    const tried = { ...envelope, held: true };
    await queue.replace(tried);
    assert.deepEqual(await queue.load(envelope.queueId), tried);
    await queue.remove(tried);
    assert.deepEqual(await filesOf(path), []);
  });

  test("sends no other's message, and moves none away", async (t) => {
    const { path, queue, logged } = await queueSite(t);
    const victim = await enqueued(queue);
    const texts = [
      (id: string) => formatEnvelope({ ...victim, queueId: id }),
      (id: string) => formatEnvelope({ ...victim, queueId: id }).replace('"version": 1', '"version": 2'),
    ];
    for (const textFor of texts) {
      const { queueId } = freshEnvelope();
      await writeFile(`${path}/envelope/${queueId}.json`, textFor(queueId));
      await chown(`${path}/envelope/${queueId}.json`, NOBODY, NOBODY);
      assert.equal(await queue.load(queueId), undefined);
      assert.ok((await filesOf(path)).includes(`broken/${queueId}.json`));
      assert.ok(await queue.open(victim));
    }
    assert.equal(logged.length, 2);
  });
});

test("what is set aside is durable there, the message before its envelope", async (t) => {
  const durable = new FailingDurable();
  const { path, queue } = await queueSite(t, { durable });
  const { queueId } = await enqueued(queue);
  await writeFile(
    `${path}/envelope/${queueId}.json`,
    formatEnvelope(await enqueued(queue)).replace("1", "2"),
  );
  durable.history.splice(0);
  await queue.load(queueId);
  const steps = durable.history.filter((step) => !step.endsWith("done"));
  const both = ["publish broken", "syncDirectory broken"];
  assert.deepEqual(steps, [...both, ...both]);
});

test("trouble with the disk sets nothing aside", async (t) => {
  const { path, queue, logged } = await queueSite(t);
  const envelope = await enqueued(queue);
  await rm(`${path}/envelope`, { recursive: true });
  await writeFile(`${path}/envelope`, "");
  await assert.rejects(queue.load(envelope.queueId), { code: "ENOTDIR" });
  await unlink(`${path}/envelope`);
  assert.deepEqual(logged, []);
});
