/**
 * smtpd killed at any moment while clients submit to several hosts and a mailbox, and while those hosts say 4xx, hang up in the
 * middle of a message or after it, or take their time. In the end everything that was acknowledged has arrived, whole; what
 * arrived twice had been taken by its host when the daemon was killed, and the envelope still named the recipient.
 *
 * PILLARBOX_KILLS sets how often it is killed, PILLARBOX_KILLS_SEED the choices; what the kernel makes of them is its own
 * affair.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatMailbox } from "../../shared/address.js";
import { DOMAIN, Site } from "../daemons/site.js";
import { SmtpClient } from "../fakes/smtp-client.js";
import { messageWith, tokenIn, withCrlf } from "../stress/message.js";
import { Random } from "../stress/random.js";
import { FaultyHosts } from "./faulty-hosts.js";
import { committed, emptied, garbage, queueOf } from "./queue-on-disk.js";

const KILLS = Number(process.env.PILLARBOX_KILLS ?? 8);
const SEED = Number(process.env.PILLARBOX_KILLS_SEED ?? Math.floor(Math.random() * 1e9));
const CLIENTS = 8;
/** Something has happened so often, at most, when the daemon is killed. */
const EVENTS_MAX = 60;
/** Of messages that are larger than what is held in memory. */
const LARGE_OCTETS = 400_000;
const DRAINING_MS_MAX = 60_000;
const BOB = `bob@${DOMAIN}`;
const RECIPIENTS = [BOB, "u@a.test", "v@a.test", "w@a.test", "u@b.test", "v@b.test"];
const QUEUE = '[queue]\nretry = ["100ms"]\ndelay_warning = "0s"\n[relay]\nnetworks = ["127.0.0.1"]\n';

interface Sent {
  readonly text: Buffer;
  readonly recipients: readonly string[];
  acknowledged: boolean;
}

test(`killed ${KILLS} times under load, and what was acknowledged arrives`, async (t) => {
  t.diagnostic(`PILLARBOX_KILLS_SEED=${SEED}`);
  const random = new Random(SEED);
  const site = await Site.make(["bob"]);
  t.after(() => site.remove());
  const queue = await queueOf(site);
  const hosts = new FaultyHosts(random.fork("hosts"));
  const tables = QUEUE + (await hosts.start(t));

  const sent = new Map<string, Sent>();
  const arrived = new Tally();
  /** What was taken by a host while its envelope still named the recipient when the daemon was killed. */
  const again = new Tally();
  /** What the hosts took from a daemon that has ended. */
  const harvested = async () => {
    const shares = new Set<string>();
    for (const { message, to } of await hosts.harvest()) {
      const token = tokenIn(message.octets.subarray(0, -".\r\n".length)) ?? "";
      assert.ok(endsWithWire(message.octets, sent.get(token)?.text), `${token} is whole at its host`);
      const share = shareOf(token, to);
      assert.ok(!shares.has(share), `${share} by one daemon once`);
      shares.add(share);
      arrived.count(share);
    }
    return shares;
  };

  for (let kill = 0; kill < KILLS; kill++) {
    const { daemon, mx } = await site.smtpd({ tables });
    let left = 1 + random.below(EVENTS_MAX);
    const happens = () => {
      if (--left === 0) daemon.signal("SIGKILL");
    };
    const byHosts = random.chance(0.7);
    hosts.onTaken = byHosts ? happens : () => {};
    const clients = Array.from({ length: CLIENTS }, async (_, client) => {
      for (let n = 0; ; n++) {
        const token = `k${kill}c${client}n${n}`;
        const one = messageTo(token, random.fork(token));
        sent.set(token, one);
        if (!(await submit(mx, one))) return;
        one.acknowledged = true;
        if (!byHosts) happens();
      }
    });
    await Promise.all(clients);
    assert.equal((await daemon.ended).signal, "SIGKILL");
    const taken = await harvested();
    for (const { envelope, octets } of await committed(queue)) {
      for (const { forwardPath } of envelope.recipients) {
        const share = shareOf(tokenIn(octets) ?? "", formatMailbox(forwardPath));
        if (taken.has(share)) again.count(share);
      }
    }
  }

  hosts.behave();
  const { daemon } = await site.smtpd({ tables });
  await emptied(queue, AbortSignal.timeout(DRAINING_MS_MAX));
  assert.equal((await daemon.stop()).code, 0);
  await harvested();
  for (const { content } of await site.messages("bob")) {
    const token = tokenIn(content) ?? "";
    assert.ok(endsWith(content, sent.get(token)?.text), `${token} is whole in the mailbox`);
    arrived.count(shareOf(token, BOB));
  }
  for (const [token, { recipients, acknowledged }] of sent) {
    for (const recipient of recipients) {
      const share = shareOf(token, recipient);
      const [times, justified] = [arrived.times(share), again.times(share)];
      const once = times - justified;
      assert.ok(
        once === 1 || (once === 0 && !acknowledged),
        `${share}: ${times} times, ${justified} of them justified, acknowledged: ${acknowledged}`,
      );
    }
  }
  // Being received, or not committed, or sent and not removed yet: nothing set aside.
  for (const file of await garbage(queue)) assert.match(file, /^(?:tmp|new|cur)\//);
  const acknowledged = [...sent.values()].filter((one) => one.acknowledged).length;
  t.diagnostic(
    `${acknowledged} of ${sent.size} messages acknowledged; ${arrived.total} copies arrived, ${again.total} of them twice`,
  );
});

/** One who is to get a message. */
function shareOf(token: string, recipient: string): string {
  return `${token} ${recipient}`;
}

function messageTo(token: string, random: Random): Sent {
  const small = messageWith(token, random);
  const lines = random.chance(0.05) ? LARGE_OCTETS / 100 : 0;
  const header = small.indexOf("\n\n") + 2;
  const more = Buffer.from(`${"y".repeat(99)}\n`.repeat(lines));
  const text = Buffer.concat([small.subarray(0, header), more, small.subarray(header)]);
  return { text, recipients: random.some(RECIPIENTS, 1 + random.below(4)), acknowledged: false };
}

/** True when it was acknowledged, false when the connection broke before. */
async function submit(port: number, { text, recipients }: Sent): Promise<boolean> {
  try {
    const client = await SmtpClient.greeted(port);
    await client.envelope("<x@elsewhere.test>", ...recipients.map((one) => `<${one}>`));
    const said = await client.data(stuffed(text));
    client.end();
    assert.match(said, /^250/);
    return true;
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    return false;
  }
}

/** As it goes over the wire, with the end of the message. */
function stuffed(text: Buffer): Buffer {
  const lines = withCrlf(text).toString("latin1").replaceAll("\r\n.", "\r\n..");
  return Buffer.from(`${lines}.\r\n`, "latin1");
}

function endsWithWire(octets: Buffer, text: Buffer | undefined): boolean {
  return text !== undefined && endsWith(octets, stuffed(text));
}

function endsWith(octets: Buffer, text: Buffer | undefined): boolean {
  return text !== undefined && octets.subarray(-text.length).equals(text);
}

class Tally {
  readonly #times = new Map<string, number>();

  get total(): number {
    return [...this.#times.values()].reduce((sum, times) => sum + times, 0);
  }

  count(one: string): void {
    this.#times.set(one, this.times(one) + 1);
  }

  times(one: string): number {
    return this.#times.get(one) ?? 0;
  }
}
