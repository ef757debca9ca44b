/** The manual pages say what the programs do: every option of a configuration is there, at its default. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { pop3dSchema } from "../pop3d/config.js";
import { listOptions, type OptionRow } from "../shared/config/load.js";
import { smtpdSchema } from "../smtpd/config.js";
import { FLAGS } from "../smtpd/sendmail/flags.js";

const MAN = new URL("../../etc/man/", import.meta.url);

for (const [page, schema] of [
  ["smtpd.toml.5", smtpdSchema],
  ["pop3d.toml.5", pop3dSchema],
] as const) {
  test(`${page} has every option, its default and its help`, async () => {
    const text = await readFile(new URL(page, MAN), "utf8");
    const missing = listOptions(schema)
      .map(entry)
      .filter((lines) => !text.includes(lines));
    assert.deepEqual(missing, []);
    assert.equal(text.match(/^\.It Ic /gm)?.length, listOptions(schema).length, "and no others");
  });
}

test("smtpd-sendmail.1 has every flag, and no other", async () => {
  const text = await readFile(new URL("smtpd-sendmail.1", MAN), "utf8");
  const flags = [...text.matchAll(/\bFl ([A-Za-z])/g)].map(([, letter = ""]) => letter);
  assert.deepEqual([...new Set(flags)].sort(), [...FLAGS.keys()].sort());
});

test("package.json lists every page", async () => {
  const { man }: { man: string[] } = JSON.parse(await readFile(new URL("../../package.json", MAN), "utf8"));
  assert.deepEqual(man.map((path) => path.replace("etc/man/", "")).sort(), (await readdir(MAN)).sort());
});

/** An option as it stands in a page. */
function entry({ path, help, default: fallback }: OptionRow): string {
  const value = typeof fallback === "string" ? `\\(dq${fallback}\\(dq` : JSON.stringify(fallback);
  const shown = fallback === undefined || path.at(-1) === "hostname" ? "" : ` Pq default ${value}`;
  return `.It Ic ${path.at(-1)}${shown}\n${help}\n`.replaceAll("-", "\\-");
}
