/**
 * A process of its own that takes session locks when it is told to, for the tests of the lock: reads a Maildir's path
 * from each line of its standard input, tries once, and answers with the outcome. An empty line lets go of all.
 */
import { hostname } from "node:os";
import { createInterface } from "node:readline";
import { type SessionLock, SessionLocks } from "../../pop3d/lock.js";
import { maildirAt } from "../../shared/maildir/maildir.js";
import { uniqueNames } from "../../shared/maildir/name.js";

const uniqueName = uniqueNames("contender", process.pid, Date.now);
const locks = new SessionLocks({ host: hostname(), uniqueName });
const held: SessionLock[] = [];

for await (const path of createInterface({ input: process.stdin })) {
  if (path === "") {
    for (const lock of held.splice(0)) await lock.release();
    console.log("released");
    continue;
  }
  const outcome = await locks.acquire(maildirAt(path), 0);
  if (typeof outcome !== "string") held.push(outcome);
  console.log(typeof outcome === "string" ? outcome : "held");
}
