/**
 * The picture of SMTP with a relay in between: a client hands a message to our smtpd, which finds another smtpd of ours
 * through DNS; there pop3d hands it out to a client. What cannot be delivered comes back to the sender, whom pop3d tells.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Daemon, type Entry, startDaemon } from "../daemons/daemon.js";
import { type CertificateFiles, writeCertificate } from "../fakes/certificate.js";
import { runsAsRoot } from "../nobody.js";
import { inapplicable, without } from "../peers.js";
import { dnsOn, type Host, type Hosts, loopbackHosts, namespacedHosts } from "./hosts.js";
import { succeed } from "./run.js";

const MESSAGE = [
  "From: Ann <ann@one.test>",
  "To: bob@two.test",
  "Subject: across",
  "Date: Sun, 22 Nov 2026 08:00:00 +0000",
  "Message-ID: <across@one.test>",
  "",
  ".a dot at the start of a line",
  "Grüße",
  "..",
  "",
].join("\r\n");

test("across three hosts of the loopback", { skip: without("curl"), timeout: 90_000 }, (t) =>
  across(t, loopbackHosts()),
);

const privileged = runsAsRoot ? without("curl", "ip") : inapplicable("network namespaces need root");
test("across three network namespaces", { skip: privileged, timeout: 90_000 }, async (t) =>
  across(t, await namespacedHosts(t)),
);

async function across(t: TestContext, hosts: Hosts): Promise<void> {
  const { client, relay, destination, port } = hosts;
  const there = await Place.make(t, "two.test", "bob");
  const mx = await there.start(t, "smtpd", destination, [{ port: port(25), role: "mx" }]);
  const [smtpPort = 0] = mx.ports;
  const [pop3Port] = (await there.start(t, "pop3d", destination, [{ port: port(110) }])).ports;

  const dns = await dnsOn(t, relay, {
    "two.test": { MX: [[10, "mx.two.test"]] },
    "mx.two.test": { A: [destination.address] },
  });
  const here = await Place.make(t, "one.test", "ann");
  const submission = [{ port: port(587), role: "submission" }];
  const tables = `[dns]\nservers = ["${dns}"]\n[relay]\nport = ${smtpPort}\n`;
  const sender = await here.start(t, "smtpd", relay, submission, tables);
  const [pop3PortHere] = (await here.start(t, "pop3d", relay, [{ port: port(110) }])).ports;

  const curl = (args: readonly string[]) => {
    const [command = "", ...rest] = [...client.wrapper, "curl", "--silent", "--show-error", "--insecure"];
    return succeed(command, [...rest, "--interface", client.address, "--ssl-reqd", ...args]);
  };
  const message = join(here.directory, "message");
  await writeFile(message, MESSAGE);
  const literal = `bob@[${destination.address}]`;
  await curl([
    ...[`smtp://${relay.address}:${sender.ports[0]}/client.one.test`, "--user", "ann@one.test:secret"],
    ...["--mail-from", "ann@one.test", "--upload-file", message],
    ...["bob@two.test", literal, "nobody@two.test"].flatMap((recipient) => ["--mail-rcpt", recipient]),
  ]);

  // A domain and an address literal are two destinations, and so two transactions.
  for (const to of ["bob@two.test", literal]) {
    await mx.logged(({ msg, to: recipients }) => msg === "delivered" && String(recipients).includes(to));
  }
  const collect = (host: Host, from: number | undefined, user: string, number: number) =>
    curl([`pop3://${host.address}:${from}/${number}`, "--user", `${user}:secret`]);
  for (const number of [1, 2]) {
    const collected = await collect(destination, pop3Port, "bob@two.test", number);
    assert.ok(collected.endsWith(MESSAGE), collected);
    const hops = collected.match(/^Received: .*\r\n\t.*/gm) ?? [];
    assert.equal(hops.length, 2, collected);
    assert.match(hops[0] ?? "", new RegExp(`from mail\\.one\\.test \\(\\[${hosts.callsFrom(relay)}\\]\\)`));
    assert.match(hops[0] ?? "", /by mail\.two\.test with ESMTPS /);
    assert.match(hops[1] ?? "", /by mail\.one\.test with ESMTPSA /);
    assert.match(hops[1] ?? "", new RegExp(`\\[${client.address}\\]`));
  }

  await sender.logged(({ msg, to }) => msg === "sent" && to === "ann@one.test");
  const notice = await collect(relay, pop3PortHere, "ann@one.test", 1);
  assert.match(notice, /^Return-Path: <>\r$/m);
  assert.match(notice, /^Content-Type: multipart\/report;/m);
  assert.match(notice, /^Final-Recipient: rfc822; ?nobody@two\.test\r$/im);
  assert.match(notice, /^Action: failed\r$/im);
  assert.match(notice, /^Status: 5\.1\.1\r$/im);
  assert.match(notice, /^Remote-MTA: dns; ?mx\.two\.test/im);
  assert.doesNotMatch(notice, /^Final-Recipient: .*bob@/im);
}

/** A domain with one user, whose password is "secret". */
class Place {
  readonly directory: string;
  readonly #domain: string;
  readonly #certificate: CertificateFiles;

  private constructor(directory: string, domain: string, certificate: CertificateFiles) {
    this.directory = directory;
    this.#domain = domain;
    this.#certificate = certificate;
  }

  static async make(t: TestContext, domain: string, user: string): Promise<Place> {
    const directory = await mkdtemp(join(tmpdir(), "pillarbox-host-"));
    t.after(() => rm(directory, { recursive: true, force: true }));
    await writeFile(join(directory, "users"), `${user}@${domain}:{PLAIN}secret\n`);
    return new Place(directory, domain, await writeCertificate(directory));
  }

  async start(
    t: TestContext,
    entry: Entry,
    { address, wrapper }: Host,
    listeners: readonly { readonly port: number; readonly role?: string }[],
    tables = "",
  ): Promise<Daemon> {
    const { directory } = this;
    const config = [
      `hostname = "mail.${this.#domain}"\ndomains = ["${this.#domain}"]\nuser = "root"`,
      `accounts = "${directory}/users"\nmail_root = "${directory}/mail"`,
      ...(entry === "smtpd" ? [`state_dir = "${directory}/state"`] : []),
      ...listeners.flatMap(({ port, role }) => [
        `[[listen]]\naddress = "${address}:${port}"`,
        ...(role === undefined ? [] : [`role = "${role}"`]),
      ]),
      `[tls]\ncertificate = "${this.#certificate.certificate}"\nkey = "${this.#certificate.key}"`,
      tables,
    ];
    const daemon = await startDaemon(entry, config.join("\n"), { wrapper });
    t.after(() => daemon.stop());
    return daemon;
  }
}
