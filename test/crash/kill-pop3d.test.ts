/**
 * pop3d killed with SIGKILL at each step of a session that retrieves, deletes and quits (strace delivers the signal as the
 * system call begins). Messages that were not marked are there, whole, under the same unique-ids; those that were marked
 * are gone once +OK has said so, and there or gone otherwise; the lock of the dead does not keep the next session out.
 */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { PASSWORD, Site } from "../daemons/site.js";
import { Dialogue } from "../interop/dialogue.js";
import { without } from "../peers.js";
import { CALLS_MAX, killedAt } from "./trace.js";

const SUBJECTS = ["zero", "one", "two", "three", "four"];
const MARKED = ["one", "three"];

// Two marked messages and the lock; three moves to cur/; both folders.
for (const [call, least] of [
  ["unlink", 3],
  ["rename", 3],
  ["fsync", 2],
] as const) {
  test(`at each ${call} of a session with an UPDATE`, { skip: without("strace") }, async () => {
    for (let step = 1; step < CALLS_MAX; step++) {
      const site = await Site.make(["alice"]);
      try {
        for (const subject of SUBJECTS)
          await site.deliver("alice", `Subject: ${subject}\n\nend of ${subject}\n`);
        // As a daemon before has left it; the first login would make it.
        await writeFile(join(site.directory, "mail", ".stand-in-key"), Buffer.alloc(32, "key"));
        if (!(await isKilled(site, call, step))) {
          assert.ok(step > least, `killed at ${step - 1} calls`);
          return;
        }
      } finally {
        await site.remove();
      }
    }
    assert.fail("the session has no end");
  });
}

/** A session with a pop3d that is killed at a system call, if it comes to it, and a look at what is left. */
async function isKilled(site: Site, call: string, step: number): Promise<boolean> {
  const { daemon, pop3 } = await site.pop3d(killedAt(call, step));
  const before: string[] = [];
  const acknowledged = await session(pop3, before);
  const { signal } = await daemon.stop();

  const next = await site.pop3d();
  const after = await listed(next.pop3);
  await next.daemon.stop();
  for (const [index, subject] of SUBJECTS.entries()) {
    const found = after.find((message) => message.subject === subject);
    if (!MARKED.includes(subject)) assert.ok(found, `${call} ${step}: ${subject} is there`);
    else if (acknowledged) assert.equal(found, undefined, `${call} ${step}: ${subject} is gone`);
    if (found !== undefined) assert.equal(found.id, before[index], `${call} ${step}: the unique-id stays`);
  }
  assert.ok(acknowledged || signal === "SIGKILL");
  return signal === "SIGKILL";
}

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
