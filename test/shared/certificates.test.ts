/** Certificates: the right one for each name, over real TLS; broken ones refused. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFile, rename, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { connect, TLSSocket } from "node:tls";
import pino from "pino";
import { Certificates } from "../../shared/certificates.js";
import type { TlsConfig } from "../../shared/config/common.js";
import { ExitError } from "../../shared/exit.js";
import { Reloadable } from "../../shared/reloadable.js";
import { writeCertificate } from "../fakes/certificate.js";
import { temporaryDirectory } from "../temporary-directory.js";

/** A configuration with a certificate for main.example, and one more for each list of names. */
async function configWith(directory: string, ...sni: string[][]): Promise<TlsConfig> {
  const main = await writeCertificate(directory, "main.example");
  const others = [];
  for (const [i, names] of sni.entries())
    others.push({ names, ...(await writeCertificate(directory, `sni${i}.example`)) });
  return { ...main, min_version: "TLSv1.2", sni: others };
}

/** A server that presents certificates as the daemons do. Resolves to its port. */
async function serve(t: TestContext, certificates: () => Certificates): Promise<number> {
  const server = createServer((socket) => {
    const tls = new TLSSocket(socket, {
      isServer: true,
      secureContext: certificates().contextFor(undefined),
      SNICallback: (name, done) => done(null, certificates().contextFor(name)),
    });
    tls.on("error", () => {});
    t.after(() => tls.destroy());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  return address.port;
}

interface Asked {
  /** None when it is undefined. */
  readonly name?: string;
  readonly maxVersion?: "TLSv1.2" | "TLSv1.3";
}

/** The common name of the certificate that a client gets. Rejects when there is no handshake. */
async function presentedAt(port: number, { name, maxVersion = "TLSv1.3" }: Asked): Promise<string> {
  const client = connect({
    port,
    host: "127.0.0.1",
    maxVersion,
    rejectUnauthorized: false,
    ...(name === undefined ? {} : { servername: name }),
  });
  try {
    await once(client, "secureConnect");
    return String(client.getPeerCertificate().subject.CN);
  } finally {
    client.destroy();
  }
}

const names: readonly (readonly [string, string])[] = [
  ["main.example", "main.example"],
  ["mail.one.example", "sni0.example"],
  ["MAIL.One.Example", "sni0.example"],
  ["one.example", "main.example"],
  ["a.wild.example", "sni1.example"],
  ["mail.wild.example", "sni1.example"],
  ["wild.example", "main.example"],
  ["a.b.wild.example", "main.example"],
  ["exact.wild.example", "sni2.example"],
  ["unknown.example", "main.example"],
];

describe("a client gets", () => {
  for (const [asked, expected] of names) {
    test(`the certificate of ${expected} when it asks for ${asked}`, async (t) => {
      const config = await configWith(
        await temporaryDirectory(t),
        ["mail.one.example"],
        ["*.wild.example"],
        ["exact.wild.example", "another.example"],
      );
      const certificates = await Certificates.load(config);
      const port = await serve(t, () => certificates);
      assert.equal(await presentedAt(port, { name: asked }), expected);
    });
  }

  test("the one that is of no name when it asks for none", async (t) => {
    const certificates = await Certificates.load(
      await configWith(await temporaryDirectory(t), ["*.example"]),
    );
    const port = await serve(t, () => certificates);
    assert.equal(await presentedAt(port, {}), "main.example");
    assert.equal(certificates.contextFor(""), certificates.contextFor(undefined));
  });
});

test("the oldest version of TLS is the configuration's, whatever name is asked for", async (t) => {
  const config = await configWith(await temporaryDirectory(t), ["other.example"]);
  const certificates = await Certificates.load({ ...config, min_version: "TLSv1.3" });
  const port = await serve(t, () => certificates);
  for (const name of ["main.example", "other.example"]) {
    await presentedAt(port, { name, maxVersion: "TLSv1.3" });
    await assert.rejects(presentedAt(port, { name, maxVersion: "TLSv1.2" }));
  }
});

test("the files to watch are all that the configuration names", async (t) => {
  const config = await configWith(await temporaryDirectory(t), ["a.example"], ["b.example"]);
  assert.deepEqual(
    Certificates.files(config).map((file) => file.replace(/.*\//, "")),
    [
      "main.example.crt",
      "main.example.key",
      "sni0.example.crt",
      "sni0.example.key",
      "sni1.example.crt",
      "sni1.example.key",
    ],
  );
});

const broken: readonly (readonly [string, (config: TlsConfig) => Promise<unknown>])[] = [
  ["a certificate that is none", ({ certificate }) => writeFile(certificate, "no certificate\n")],
  ["an empty certificate", ({ certificate }) => writeFile(certificate, "")],
  ["a certificate that is cut short", ({ certificate, key }) => copyFile(key, certificate)],
  ["a key that is none", ({ key }) => writeFile(key, "no key\n")],
  ["the key of another certificate", ({ key, sni }) => copyFile(sni[0]?.key ?? "", key)],
  ["a missing key", ({ key }) => rename(key, `${key}.away`)],
  [
    "a missing certificate of a name",
    ({ sni }) => rename(sni[0]?.certificate ?? "", `${sni[0]?.certificate}.away`),
  ],
];

for (const [what, damage] of broken) {
  test(`${what} is an error of the configuration that names the file`, async (t) => {
    const directory = await temporaryDirectory(t);
    const config = await configWith(directory, ["a.example"]);
    await Certificates.load(config);
    await damage(config);
    await assert.rejects(Certificates.load(config), (error) => {
      assert.ok(error instanceof ExitError, String(error));
      assert.equal(error.exitCode, 78);
      assert.ok(error.message.startsWith(`${directory}/`));
      return true;
    });
  });
}

test("connections after a reload get the new certificate; a broken one leaves the old in force", async (t) => {
  const directory = await temporaryDirectory(t);
  const config = await configWith(directory);
  const log = pino({ level: "silent" });
  const load = () => Certificates.load(config);
  const reloadable = await Reloadable.open("certificates", Certificates.files(config), load, log);
  const port = await serve(t, () => reloadable.current);
  assert.equal(await presentedAt(port, {}), "main.example");

  await writeFile(config.key, "broken");
  assert.equal(await reloadable.reload(), false);
  assert.equal(await presentedAt(port, {}), "main.example");

  const renewed = await writeCertificate(directory, "renewed.example");
  await rename(renewed.certificate, config.certificate);
  await rename(renewed.key, config.key);
  assert.equal(await reloadable.reload(), true);
  assert.equal(await presentedAt(port, {}), "renewed.example");
});
