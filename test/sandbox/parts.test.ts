/** The parts of the sandbox that its users hardly ever meet. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { provideAccount } from "../../etc/sandbox/account.js";
import { provideCertificate } from "../../etc/sandbox/certificate.js";
import { pop3dToml, smtpdToml } from "../../etc/sandbox/configuration.js";
import { type Layout, layoutOf, STANDARD_PORTS } from "../../etc/sandbox/layout.js";
import { readableLog } from "../../etc/sandbox/log-line.js";
import { pop3dSchema } from "../../pop3d/config.js";
import { parseConfig } from "../../shared/config/load.js";
import { smtpdSchema } from "../../smtpd/config.js";

const DAY_MS = 24 * 3_600_000;

let layout: Layout;
beforeEach(() => {
  layout = layoutOf(mkdtempSync(join(tmpdir(), "pillarbox-sandbox-")));
});
afterEach(() => rmSync(layout.directory, { recursive: true }));

test("a first start that was cut short after the samples does not deliver them twice", async () => {
  await provideAccount(layout);
  unlinkSync(layout.accounts);
  await provideAccount(layout);
  assert.equal(readdirSync(layout.maildir.new).length, 3);
  assert.ok(readFileSync(layout.accounts, "utf8").includes("demo@pillarbox.test:{SCRAM-SHA-256}"));
});

test("a certificate is kept while it is valid, and replaced when it is not", async () => {
  const now = Date.UTC(2025, 10, 3);
  await provideCertificate(layout, now);
  const first = readFileSync(layout.certificate, "utf8");
  await provideCertificate(layout, now + 799 * DAY_MS);
  assert.equal(readFileSync(layout.certificate, "utf8"), first);
  await provideCertificate(layout, now + 801 * DAY_MS);
  assert.notEqual(readFileSync(layout.certificate, "utf8"), first);
});

test("its configuration is valid, wherever the directory lies, and names root only for root", () => {
  const odd = layoutOf(`/home/it's "odd"\\\u{1f4ee}`);
  for (const asRoot of [true, false]) {
    const smtpd = parseConfig("smtpd.toml", smtpdToml(odd, STANDARD_PORTS, asRoot), smtpdSchema);
    const pop3d = parseConfig("pop3d.toml", pop3dToml(odd, STANDARD_PORTS, asRoot), pop3dSchema);
    assert.equal(smtpd.mail_root, odd.mailRoot);
    assert.equal(pop3d.tls?.key, odd.key);
    assert.equal(smtpd.user === "root", asRoot);
    assert.equal(pop3d.user === "root", asRoot);
  }
});

test("the log is shown to people, and what is no log as it is", () => {
  const readable = readableLog("smtpd", false);
  const line = readable(
    '{"level":"info","time":"2025-11-03T09:00:00.000Z","name":"smtpd","port":25,"msg":"listening"}',
  );
  assert.match(line, /INFO.*smtpd.*listening.*25/);
  assert.ok(!line.includes("\u001b"));
  assert.equal(readable("Warning: odd"), "Warning: odd\n");
  assert.equal(readable("17"), "17\n");
});
