/** Postfix, Exim and OpenSMTPD send to us. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { DOMAIN, Site } from "../daemons/site.js";
import { runsAsRoot } from "../nobody.js";
import { inapplicable, without } from "../peers.js";
import { exim } from "./mta/exim.js";
import { OPENSMTPD, opensmtpd } from "./mta/opensmtpd.js";
import type { Endpoint, Peer, PeerOptions } from "./mta/peer.js";
import { postfix } from "./mta/postfix.js";
import { succeed } from "./run.js";

const PEERS: readonly {
  readonly name: string;
  readonly needs: readonly string[];
  /** How it sends a message to a host that has CHUNKING. */
  readonly by: "DATA" | "BDAT";
  readonly start: (t: TestContext, options: PeerOptions) => Promise<Peer>;
}[] = [
  { name: "Postfix", needs: ["postfix"], by: "DATA", start: postfix },
  { name: "Exim", needs: ["exim4"], by: "BDAT", start: exim },
  { name: "OpenSMTPD", needs: [OPENSMTPD, "unshare"], by: "DATA", start: opensmtpd },
];

for (const { name, needs, by, start } of PEERS) {
  const skip = runsAsRoot ? without("swaks", ...needs) : inapplicable(`${name} needs root`);

  test(`${name} relays to us over TLS`, { skip, timeout: 120_000 }, async (t) => {
    const site = await Site.make(["alice"]);
    t.after(() => site.remove());
    const smtpd = await site.smtpd({ tables: '[log]\nlevel = "trace"\n' });
    t.after(() => smtpd.daemon.stop());
    const relayTo = { address: "127.0.0.1", port: smtpd.mx };
    const peer = await start(t, { domain: "peer.test", relayTo, tls: true });

    await inject(peer.listen, `alice@${DOMAIN}`).catch(async (error) =>
      assert.fail(`${error}\n${await peer.log()}`),
    );
    await smtpd.daemon
      .logged(({ msg }) => msg === "delivered")
      .catch(async (error) => assert.fail(`${error}\n${await peer.log()}`));
    await smtpd.daemon.logged(({ C }) => typeof C === "string" && C.startsWith(by));
    const [message] = await site.messages("alice");
    assert.ok(message);
    const text = message.content.toString();
    assert.match(text, /^Received: from mail\.peer\.test \(\[127\.0\.0\.1\]\)\n\tby mail\.\S+ with ESMTPS/m);
    assert.match(text, /\n\n\.dot\nhello\n+$/);
  });
}

/** Gives a message to a server in the clear. */
async function inject({ address, port }: Endpoint, to: string): Promise<void> {
  await succeed("swaks", [
    ...["--server", `${address}:${port}`, "--from", "sender@elsewhere.test", "--to", to],
    ...[
      "--helo",
      "client.test",
      "--data",
      "Subject: s\nDate: Sun, 22 Nov 2026 08:00:00 +0000\n\n.dot\nhello\n",
    ],
  ]);
}
