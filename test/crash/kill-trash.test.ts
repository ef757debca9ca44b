/**
 * pop3d killed with SIGKILL at each step of a session whose deleted messages go to .Trash, from the making of that folder on.
 * Every message is in one place, and whole; those that were marked are in .Trash once +OK has said so, and the next session
 * can bring it to an end otherwise.
 */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { PASSWORD, Site } from "../daemons/site.js";
import { Dialogue } from "../interop/dialogue.js";
import { without } from "../peers.js";
import { CALLS_MAX, killedAt } from "./trace.js";

const SUBJECTS = ["zero", "one", "two", "three"];
const MARKED = ["one", "three"];
const TABLES = '[maildrop]\ndeletion = "trash"\n';

// .Trash and its three folders; two moves there and two to cur/; the lock. What is synced: .Trash and the folder above it,
// maildirfolder, .Trash/cur, new/ and cur/.
for (const [call, least] of [
  ["mkdir", 4],
  ["rename", 4],
  ["unlink", 1],
  ["fsync", 6],
] as const) {
  test(`at each ${call} of a session that trashes`, { skip: without("strace") }, async () => {
    for (let step = 1; step < CALLS_MAX; step++) {
      const site = await Site.make(["alice"]);
      try {
        for (const subject of SUBJECTS)
          await site.deliver("alice", `Subject: ${subject}\n\nend of ${subject}\n`);
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
  const { daemon, pop3 } = await site.pop3d({ tables: TABLES, ...killedAt(call, step) });
  const acknowledged = await acknowledges(pop3);
  const { signal } = await daemon.stop();
  assert.ok(acknowledged || signal === "SIGKILL");
  const places = await placesIn(site);
  for (const subject of SUBJECTS) {
    const found = places.filter((place) => place.subject === subject);
    assert.equal(found.length, 1, `${call} ${step}: ${subject} is in one place`);
    const isTrashed = found.some(({ path }) => /^\.Trash\/cur\/[^:]*:2,T$/.test(path));
    if (!MARKED.includes(subject))
      assert.equal(isTrashed, false, `${call} ${step}: ${subject} was not marked`);
    else if (acknowledged) assert.equal(isTrashed, true, `${call} ${step}: ${subject} was acknowledged`);
  }

  const next = await site.pop3d({ tables: TABLES });
  assert.equal(await acknowledges(next.pop3), true);
  await next.daemon.stop();
  const trashed = (await placesIn(site)).filter(({ path }) => path.startsWith(".Trash/cur/"));
  assert.deepEqual(trashed.map(({ subject }) => subject).sort(), [...MARKED].sort());
  return signal === "SIGKILL";
}

/** Marks what is there of the marked messages, and quits. True when that was acknowledged. */
async function acknowledges(port: number): Promise<boolean> {
  try {
    const pop3 = await Dialogue.connect(port);
    await pop3.expect(/^\+OK/);
    await pop3.command("USER alice", /^\+OK/);
    await pop3.command(`PASS ${PASSWORD}`, /^\+OK/);
    const [, count = "0"] = /^\+OK (\d+) /.exec(await pop3.command("STAT", /^\+OK/)) ?? [];
    for (let number = 1; number <= Number(count); number++) {
      await pop3.command(`TOP ${number} 0`, /^\+OK/);
      const header = (await pop3.multiline()).toString();
      if (MARKED.some((subject) => header.includes(`Subject: ${subject}\r\n`)))
        await pop3.command(`DELE ${number}`, /^\+OK/);
    }
    await pop3.command("QUIT", /^\+OK/);
    return true;
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    return false;
  }
}

/** Where each message lies; every one of them whole. */
async function placesIn(site: Site): Promise<{ subject: string; path: string }[]> {
  const { path } = site.maildir("alice");
  const places = [];
  for (const folder of ["new", "cur", ".Trash/new", ".Trash/cur"]) {
    for (const name of await readdir(join(path, folder)).catch((): string[] => [])) {
      const content = await readFile(join(path, folder, name), "utf8");
      const [subject = ""] = /(?<=^Subject: ).*$/m.exec(content) ?? [];
      assert.ok(content.endsWith(`\nend of ${subject}\n`), "whole");
      places.push({ subject, path: `${folder}/${name}` });
    }
  }
  return places;
}
