/** The sample files of etc/: complete, at the defaults, and valid as they are and with every line uncommented. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parse } from "smol-toml";
import { pop3dSchema } from "../pop3d/config.js";
import { parseAccounts } from "../shared/accounts/passwd-file.js";
import { readStoredPassword } from "../shared/accounts/schemes.js";
import { listOptions, type OptionRow, parseConfig } from "../shared/config/load.js";
import { smtpdSchema } from "../smtpd/config.js";
import { parseAliases } from "../smtpd/receive/aliases.js";

/** Compiled, this file lies in dist/test/. */
function sample(name: string): string {
  return readFileSync(new URL(`../../etc/${name}`, import.meta.url), "utf8");
}

/** `#key = value` is an option that is commented out, `# text` is a comment. */
function uncommented(text: string): string {
  return text.replace(/^#(?=[^\s#])/gm, "");
}

/** All values that a key has in a parsed file; in a list of tables, those of each table. */
function valuesAt(value: unknown, path: readonly string[]): unknown[] {
  if (Array.isArray(value) && path.length > 0) return value.flatMap((item) => valuesAt(item, path));
  const [key, ...rest] = path;
  if (key === undefined) return [value];
  if (typeof value !== "object" || value === null || !(key in value)) return [];
  return valuesAt(Reflect.get(value, key), rest);
}

/** What each comment says, unwrapped. */
function comments(text: string): string[] {
  const blocks = text.match(/(?:^# .*\n)+/gm) ?? [];
  return blocks.map((block) => block.replace(/^# /gm, "").trimEnd().replaceAll("\n", " "));
}

/** An example stands where the default is another on each machine, none at all, or a list of tables. */
function hasFixedDefault({ path, default: value }: OptionRow): boolean {
  return (
    value !== undefined && typeof value !== "function" && !Array.isArray(value) && path[0] !== "hostname"
  );
}

for (const [name, schema] of [
  ["smtpd.toml", smtpdSchema],
  ["pop3d.toml", pop3dSchema],
] as const) {
  const text = sample(name);
  const everything = parse(uncommented(text));

  test(`${name} is valid, and changes nothing but the domains`, () => {
    const expected = parseConfig(name, 'domains = ["example.org"]', schema);
    assert.deepEqual(parseConfig(name, text, schema), expected);
  });

  test(`${name} is valid with every option uncommented`, () => {
    parseConfig(name, uncommented(text), schema);
  });

  for (const option of listOptions(schema)) {
    test(`${name} has ${option.path.join(".")}, its default and its help`, () => {
      const values = valuesAt(everything, option.path);
      assert.notEqual(values.length, 0);
      if (hasFixedDefault(option)) assert.ok(values.includes(option.default), `found ${values}`);
      assert.ok(comments(text).includes(option.help ?? ""), `no comment says: ${option.help}`);
    });
  }
}

test("the accounts are valid, commented out and not", async () => {
  const options = { mailRoot: "/var/mail/pillarbox", defaultDomain: "example.org" };
  const { accounts, problems } = await parseAccounts(uncommented(sample("users")), options);
  assert.deepEqual(problems, []);
  assert.ok(accounts.size >= 5);
  for (const { address, password } of accounts.values()) {
    const stored = readStoredPassword(password);
    if (stored.kind === "locked") continue;
    assert.equal(stored.kind, "credential", address);
    assert.ok(await stored.credential.verify(Buffer.from("example")), address);
  }
  const asTheyAre = await parseAccounts(sample("users"), options);
  assert.deepEqual(asTheyAre, { accounts: new Map(), problems: [] });
});

test("the aliases are valid, commented out and not", () => {
  const { aliases, errors } = parseAliases(uncommented(sample("aliases")), "example.org");
  assert.deepEqual(errors, []);
  assert.ok(aliases.size >= 5);
  assert.deepEqual(parseAliases(sample("aliases"), "example.org"), { aliases: new Map(), errors: [] });
});
