/**
 * pop3d killed with SIGKILL at each step of a session that retrieves, deletes and quits (strace delivers the signal as the
 * system call begins). Messages that were not marked are there, whole, under the same unique-ids; those that were marked
 * are gone once +OK has said so, and there or gone otherwise; the lock of the dead does not keep the next session out.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PASSWORD, Site } from "../daemons/site.js";
import { Dialogue } from "../interop/dialogue.js";
import { without } from "../peers.js";
import { killedAt } from "./trace.js";

const STEPS_MAX = 60;
const SUBJECTS = ["zero", "one", "two", "three", "four"];
const MARKED = ["one", "three"];

test("at each step of a session with an UPDATE", { skip: without("strace") }, async () => {
  let killed = 0;
  for (let step = 1; step < STEPS_MAX; step++) {
    const site = await Site.make(["alice"]);
    for (const subject of SUBJECTS) await site.deliver("alice", `Subject: ${subject}\n\nend of ${subject}\n`);
    const { daemon, pop3 } = await site.pop3d(killedAt("fsync,rename,unlink,link,linkat,renameat2", step));
    const before: string[] = [];
    const acknowledged = await session(pop3, before);
    const exit = await daemon.stop();

    const next = await site.pop3d();
    const after = await listed(next.pop3);
    await next.daemon.stop();
    for (const [index, subject] of SUBJECTS.entries()) {
      const found = after.find((message) => message.subject === subject);
      const marked = MARKED.includes(subject);
      if (!marked) assert.ok(found, `step ${step}: ${subject} is there`);
      if (marked && acknowledged) assert.equal(found, undefined, `step ${step}: ${subject} is gone`);
      if (found && before.length > 0)
        assert.equal(found.id, before[index], `step ${step}: the unique-id stays`);
    }
    assert.equal(new Set(after.map(({ id }) => id)).size, after.length);
    await site.remove();

    if (exit.signal !== "SIGKILL") {
      assert.equal(acknowledged, true);
      // Two unlinks, three moves, a sync of each folder at least.
      assert.ok(killed >= 7, `killed at ${killed} steps`);
      return;
    }
    killed++;
  }
  assert.fail("the session has no end");
});

/** Lists, retrieves one, marks two, quits. True when the deletions were acknowledged. */
async function session(port: number, ids: string[]): Promise<boolean> {
  try {
    const pop3 = await loggedIn(port);
    await pop3.command("UIDL", /^\+OK/);
    ids.push(...((await pop3.multiline()).toString().match(/(?<= ).+(?=\r\n)/g) ?? []));
    await pop3.command("RETR 1", /^\+OK/);
    await pop3.multiline();
    await pop3.command("DELE 2", /^\+OK/);
    await pop3.command("DELE 4", /^\+OK/);
    await pop3.command("QUIT", /^\+OK/);
    return true;
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    return false;
  }
}

async function listed(port: number): Promise<{ id: string; subject: string }[]> {
  const pop3 = await loggedIn(port);
  await pop3.command("UIDL", /^\+OK/);
  const lines = (await pop3.multiline()).toString().split("\r\n").filter(Boolean);
  const messages = [];
  for (const [number = "", id = ""] of lines.map((line) => line.split(" "))) {
    await pop3.command(`RETR ${number}`, /^\+OK/);
    const message = (await pop3.multiline()).toString();
    const [subject = ""] = /(?<=^Subject: ).*(?=\r$)/m.exec(message) ?? [];
    assert.ok(message.endsWith(`end of ${subject}\r\n`), "whole");
    messages.push({ id, subject });
  }
  await pop3.command("QUIT", /^\+OK/);
  return messages;
}

async function loggedIn(port: number): Promise<Dialogue> {
  const pop3 = await Dialogue.connect(port);
  await pop3.expect(/^\+OK/);
  await pop3.command("USER alice", /^\+OK/);
  await pop3.command(`PASS ${PASSWORD}`, /^\+OK/);
  return pop3;
}
