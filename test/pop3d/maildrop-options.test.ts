/** The options of `[maildrop]`: what they allow, and what it comes to. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { pop3dSchema } from "../../pop3d/config.js";
import { parseConfig } from "../../shared/config/load.js";
import { EXIT, ExitError } from "../../shared/exit.js";

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

function maildropOf(keys: string) {
  return parseConfig("pop3d.toml", `domains = ["example.org"]\n[maildrop]\n${keys}`, pop3dSchema).maildrop;
}

function wrong(keys: string): void {
  assert.throws(
    () => maildropOf(keys),
    (error) => error instanceof ExitError && error.exitCode === EXIT.configuration,
  );
}
