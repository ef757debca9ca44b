/**
 * Courier's pop3 server and ours on one Maildir at the same time. It knows no lock, so the two work side by side: nothing
 * goes that neither was told to remove, what we have said to be removed is gone, and ours says -ERR for nothing but what
 * Courier has removed.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, test } from "node:test";
import { PASSWORD, type Pop3d, Site } from "../daemons/site.js";
import { asNobody, giveToNobody, withoutNobody } from "../nobody.js";
import { findPeer, without } from "../peers.js";
import { Dialogue } from "./dialogue.js";
import { COURIER_POP3 } from "./former-servers.js";

const ROUNDS = 12;
const MESSAGES_PER_ROUND = 6;
const SESSION_MS_MAX = 30_000;

let site: Site;
let pop3d: Pop3d;
let courier: Server;
beforeEach(async () => {
  site = await Site.make(["alice"]);
  pop3d = await site.pop3d({ user: "nobody" });
  courier = createServer(serveByCourier).listen(0, "127.0.0.1");
  await once(courier, "listening");
});
afterEach(async () => {
  courier.close();
  await pop3d.daemon.stop();
  await site.remove();
});

test("both list, retrieve and delete at the same time, and nothing is lost", {
  skip: without(COURIER_POP3) || withoutNobody(),
}, async () => {
  const removedByUs = new Set<string>();
  const markedForCourier = new Set<string>();
  let left: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const fresh = Array.from({ length: MESSAGES_PER_ROUND }, (_, n) => `m${round}-${n}`);
    for (const subject of fresh) await site.deliver("alice", `Subject: ${subject}\n\nend of ${subject}\n`);
    await giveToNobody(site.directory);
    const expected = [...left, ...fresh];

    const [ours, theirs] = await Promise.all([openOurs(), openTheirs()]);
    const [oursListed, theirsListed] = [await listed(ours), await listed(theirs)];
    const subjects = new Map<number, string>();
    for (const number of oursListed) subjects.set(number, await subjectOf(ours, `TOP ${number} 0`));
    assert.deepEqual([...subjects.values()].sort(), expected.toSorted());

    const collectOurs = async () => {
      for (const [number, subject] of [...subjects].filter(([number]) => number % 3 !== 1)) {
        const found = await subjectOf(ours, `RETR ${number}`);
        if (found === "") assert.ok(markedForCourier.has(subject), `${subject} is there`);
        else assert.equal(found, subject);
        if (number % 4 !== 0) continue;
        removedByUs.add(subject);
        await ours.command(`DELE ${number}`, /^\+OK/);
      }
      await ours.command("QUIT", /^\+OK/);
    };
    const collectTheirs = async () => {
      for (const number of theirsListed.filter((number) => number % 3 !== 0)) {
        // It does not find again what others have renamed.
        const subject = await subjectOf(theirs, `RETR ${number}`);
        if (subject === "" || number % 5 !== 0) continue;
        markedForCourier.add(subject);
        await theirs.command(`DELE ${number}`, /^\+OK/);
      }
      await theirs.command("QUIT", /^\+OK/);
    };
    await Promise.all([collectOurs(), collectTheirs()]);
    await Promise.all([ours.closed(), theirs.closed()]);

    left = (await site.messages("alice")).map(({ content }) => subjectIn(content));
    assert.equal(new Set(left).size, left.length, "each is there once");
    for (const subject of expected) {
      if (removedByUs.has(subject)) assert.ok(!left.includes(subject), `${subject} is gone`);
      else if (!markedForCourier.has(subject)) assert.ok(left.includes(subject), `${subject} is there`);
    }
  }
  assert.ok(removedByUs.size > ROUNDS && markedForCourier.size > ROUNDS / 2, "both had their share");
});

async function openOurs(): Promise<Dialogue> {
  const pop3 = await Dialogue.connect(pop3d.pop3);
  await pop3.expect(/^\+OK/);
  await pop3.command("USER alice", /^\+OK/);
  await pop3.command(`PASS ${PASSWORD}`, /^\+OK/);
  return pop3;
}

/** Logged in beforehand. */
async function openTheirs(): Promise<Dialogue> {
  const address = courier.address();
  assert.ok(address !== null && typeof address === "object");
  const pop3 = await Dialogue.connect(address.port);
  await pop3.expect(/^\+OK/);
  return pop3;
}

async function listed(pop3: Dialogue): Promise<number[]> {
  await pop3.command("LIST", /^\+OK/);
  return (await pop3.multiline())
    .toString()
    .split("\r\n")
    .filter(Boolean)
    .map((line) => Number(line.split(" ")[0]));
}

/** The subject of the message that a command gives; "" when it gives none. */
async function subjectOf(pop3: Dialogue, command: string): Promise<string> {
  const reply = await pop3.command(command, /^\+OK|^-ERR (?!\[)/);
  return reply.startsWith("-ERR") ? "" : subjectIn(await pop3.multiline());
}

function subjectIn(message: Buffer): string {
  return /(?<=^Subject: ).*?(?=\r?$)/m.exec(message.toString())?.[0] ?? "";
}

/** courierpop3d at a socket, for a session that is logged in. */
function serveByCourier(socket: Socket): void {
  const [program, ...args] = asNobody([findPeer(COURIER_POP3) ?? COURIER_POP3, site.maildir("alice").path]);
  const child = spawn(program, args, {
    stdio: ["pipe", "pipe", "ignore"],
    timeout: SESSION_MS_MAX,
    env: { ...process.env, AUTHENTICATED: "alice", HOME: site.directory },
    cwd: "/",
  });
  socket.on("error", () => {}).pipe(child.stdin.on("error", () => {}));
  child.stdout.pipe(socket);
  socket.on("close", () => child.kill());
}
