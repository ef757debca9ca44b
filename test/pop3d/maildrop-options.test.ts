/** The options about the maildrop and about what CAPA says of it: what they allow, and what it comes to. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { policyIn, pop3dSchema } from "../../pop3d/config.js";
import { parseConfig } from "../../shared/config/load.js";
import { EXIT, ExitError } from "../../shared/exit.js";

const DOMAINS = 'domains = ["example.org"]\n';

test("a maildrop is the Maildir alone, unless folders are named", () => {
  assert.deepEqual(maildropOf("").folders, [""]);
  const folders = ["", ".Spam", ".Lists.pillarbox", ".&AOQ-"];
  assert.deepEqual(maildropOf(`folders = ${JSON.stringify(folders)}`).folders, folders);
});

for (const name of [
  "Spam",
  ".",
  "..",
  "...",
  "./x",
  ".Spam/new",
  "../x",
  ".a..b",
  ".Spam.",
  ".a\\u0000b",
  "new",
]) {
  test(`"${name}" is no folder`, () => wrong(`folders = ["${name}"]`));
}

test("a folder is named once, and one at least", () => {
  wrong('folders = ["", ".Spam", ""]');
  wrong("folders = []");
  wrong(`folders = [".${"x".repeat(255)}"]`);
});

for (const [name, allowed] of [
  ["pillarbox", true],
  ["", true],
  ["Post-Office 7 (the old one)", true],
  ["x".repeat(200), true],
  ["x".repeat(201), false],
  [" x", false],
  ["x ", false],
  ["x  y", false],
  ["caf\u00e9", false],
  ["x\\ty", false],
  ["x\\r\\n.", false],
] as const) {
  test(`"${name.slice(0, 30)}" may ${allowed ? "" : "not "}be announced as the implementation`, () => {
    const read = () => parseConfig("pop3d.toml", `${DOMAINS}implementation = "${name}"`, pop3dSchema);
    if (allowed) assert.equal(read().implementation, name);
    else assert.throws(read, ExitError);
  });
}

test("mail stays for ever, and nobody waits to log in, unless something else is said", () => {
  const policy = (toml: string) => policyIn(parseConfig("pop3d.toml", DOMAINS + toml, pop3dSchema));
  assert.deepEqual(policy(""), { expireMs: Number.POSITIVE_INFINITY, loginDelaySeconds: 0 });
  const toml = '[maildrop]\nexpire = "2w"\n[limits]\nlogin_delay = "90s"';
  assert.deepEqual(policy(toml), { expireMs: 14 * 86_400_000, loginDelaySeconds: 90 });
  wrong('expire = "monthly"');
});

function maildropOf(keys: string) {
  return parseConfig("pop3d.toml", `${DOMAINS}[maildrop]\n${keys}`, pop3dSchema).maildrop;
}

function wrong(keys: string): void {
  assert.throws(
    () => maildropOf(keys),
    (error) => error instanceof ExitError && error.exitCode === EXIT.configuration,
  );
}
