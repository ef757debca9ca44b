/**
 * Postfix, Exim and OpenSMTPD beside us: each sends to us, takes what we send, and stands between two of ours as a
 * smarthost. What it refuses comes back to the sender.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { LogLine } from "../daemons/daemon.js";
import { type DaemonOptions, DOMAIN, PASSWORD, Site, type Smtpd } from "../daemons/site.js";
import { runsAsRoot } from "../nobody.js";
import { inapplicable, without } from "../peers.js";
import { exim } from "./mta/exim.js";
import { OPENSMTPD, opensmtpd } from "./mta/opensmtpd.js";
import type { Endpoint, Peer, PeerOptions } from "./mta/peer.js";
import { postfix } from "./mta/postfix.js";
import { succeed } from "./run.js";

const PEER_DOMAIN = "peer.test";
const SENDER = `alice@${DOMAIN}`;
const HEADER = `From: ${SENDER}\nSubject: s\nDate: Sun, 22 Nov 2026 08:00:00 +0000\nMessage-ID: <1@${DOMAIN}>\n`;
const BODY = "\n.dot\n..\nGrüße\nhello";
/** swaks ends what it is given with an empty line of its own. */
const WHOLE_BODY = /\n\n\.dot\n\.\.\nGrüße\nhello\n+$/;

/** Where a peer's other mail would go that has none. */
const NOWHERE = { address: "127.0.0.1", port: 9 };

const PEERS: readonly {
  readonly name: string;
  readonly needs: readonly string[];
  /** How it sends a message to a host that has CHUNKING. */
  readonly by: "DATA" | "BDAT";
  /** Whether it can take mail over TLS. */
  readonly takesTls: boolean;
  readonly start: (t: TestContext, options: PeerOptions) => Promise<Peer>;
}[] = [
  { name: "Postfix", needs: ["postfix"], by: "DATA", takesTls: true, start: postfix },
  { name: "Exim", needs: ["exim4"], by: "BDAT", takesTls: true, start: exim },
  { name: "OpenSMTPD", needs: [OPENSMTPD], by: "DATA", takesTls: false, start: opensmtpd },
];

for (const { name, needs, by, takesTls, start } of PEERS) {
  const skip = runsAsRoot ? without("swaks", "unshare", ...needs) : inapplicable(`${name} needs root`);
  const options = { skip, timeout: 120_000 };

  test(`${name} relays to us over TLS, and tells the sender whom we refuse`, options, async (t) => {
    const site = await siteOf(t, ["alice"]);
    const smtpd = await started(t, site, { tables: '[log]\nlevel = "trace"\n' });
    const peer = await start(t, before(smtpd));

    await inject(peer.listen, ["--from", SENDER], [SENDER]);
    const [message = ""] = await delivered(site, smtpd, "alice", 1, peer);
    assert.match(
      message,
      /^Received: from mail\.peer\.test \(\[127\.0\.0\.1\]\)\n\tby mail\.\S+ with \w*S /m,
    );
    assert.match(message, WHOLE_BODY);
    await smtpd.daemon.logged(({ C }) => typeof C === "string" && C.startsWith(by));

    await inject(peer.listen, ["--from", SENDER], [`nobody@${DOMAIN}`]);
    const messages = await delivered(site, smtpd, "alice", 2, peer);
    const notice = messages.find((text) => text.startsWith("Return-Path: <>\n")) ?? "";
    assert.match(notice, new RegExp(`nobody@${DOMAIN}`));
    assert.match(notice, /5\.1\.1/);
  });

  test(`${name} takes what we send`, options, async (t) => {
    const peer = await start(t, { domain: PEER_DOMAIN, relayTo: NOWHERE, tls: true });
    const site = await siteOf(t, ["alice"]);
    const tables = `[[route]]\ndomain = "${PEER_DOMAIN}"\nhost = "${hostOf(peer)}"\n`;
    const smtpd = await started(t, site, { tables });

    const recipients = ["bob", "carol", "dave"].map((user) => `${user}@${PEER_DOMAIN}`);
    await submit(smtpd, recipients);
    for (const message of await peer.delivered(recipients.length)) {
      const text = message.toString();
      assert.match(text, WHOLE_BODY);
      assert.match(
        text,
        /^Received: from \S+ \(\[127\.0\.0\.1\]\)\n\tby mail\.pillarbox\.test with ESMTPSA /m,
      );
      // Postfix and Exim say so in the field that they put on top.
      if (takesTls) assert.match(text.slice(0, text.indexOf("mail.pillarbox.test with")), /TLS ?v?1[._]3/);
    }
  });

  test(`${name} stands between two of ours`, options, async (t) => {
    const far = await Site.make(["bob"], "", "far.test");
    t.after(() => far.remove());
    const destination = await started(t, far);
    const peer = await start(t, before(destination));
    const near = await siteOf(t, ["alice"]);
    const smtpd = await started(t, near, { tables: `[relay]\nsmarthost = "${hostOf(peer)}"\n` });

    await submit(smtpd, ["bob@far.test"]);
    const [message = ""] = await delivered(far, destination, "bob", 1, peer);
    assert.match(message, WHOLE_BODY);
    assert.equal(message.match(/^Received: /gm)?.length, 3);
  });
}

/** A peer that relays to this smtpd of ours, over TLS or not at all. */
function before({ mx }: Smtpd): PeerOptions {
  return { domain: PEER_DOMAIN, relayTo: { address: "127.0.0.1", port: mx }, tls: true };
}

function hostOf({ listen }: Peer): string {
  return `${listen.address}:${listen.port}`;
}

async function siteOf(t: TestContext, users: readonly string[]): Promise<Site> {
  const site = await Site.make(users);
  t.after(() => site.remove());
  return site;
}

async function started(t: TestContext, site: Site, options: DaemonOptions = {}): Promise<Smtpd> {
  const smtpd = await site.smtpd(options);
  t.after(() => smtpd.daemon.stop());
  return smtpd;
}

/** What a user has, once it is so many messages. */
async function delivered(
  site: Site,
  { daemon }: Smtpd,
  user: string,
  count: number,
  peer: Peer,
): Promise<string[]> {
  const isDelivery = ({ msg }: LogLine) => msg === "delivered";
  const allAreThere = () => daemon.log.filter(isDelivery).length === count;
  await daemon.logged(allAreThere).catch(async (error) => assert.fail(`${error}\n${await peer.log()}`));
  return (await site.messages(user)).map(({ content }) => content.toString());
}

/** Hands the message to our submission. */
function submit({ submission }: Smtpd, to: readonly string[]): Promise<void> {
  const login = ["--tls", "--auth-user", SENDER, "--auth-password", PASSWORD];
  return inject({ address: "127.0.0.1", port: submission }, ["--from", SENDER, ...login], to);
}

async function inject(
  { address, port }: Endpoint,
  how: readonly string[],
  to: readonly string[],
): Promise<void> {
  await succeed("swaks", [
    ...["--server", `${address}:${port}`, "--helo", "client.test", "--to", to.join(",")],
    ...["--data", `${HEADER}${BODY}`, ...how],
  ]);
}
