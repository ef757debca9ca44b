/** What the documents say of the programs and no other test compares: the lines of the log, the standards, extra fields, links. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { capabilities } from "../pop3d/capabilities.js";
import { parseLoginDelay, sitePolicy } from "../pop3d/policy.js";
import { offeredMechanisms } from "../shared/sasl/mechanisms.js";

/** Compiled, this file lies in dist/test/. */
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const README = read("README.md");
const PAGES = { pop3d: page("pop3d.8"), smtpd: page("smtpd.8") } as const;

for (const daemon of ["pop3d", "smtpd"] as const) {
  test(`${daemon}(8) lists the lines of the log that the code writes, and no others`, () => {
    const listed = [...section(PAGES[daemon], "LOG").matchAll(/^\.It Dq (.*)$/gm)].map(
      ([, line = ""]) => line,
    );
    assert.deepEqual(listed, [...new Set(listed)], "each once");
    const own = sources(daemon);
    assert.deepEqual(
      logged(own).filter((line) => !listed.includes(line)),
      [],
    );
    const all = own + sources("shared");
    assert.deepEqual(
      listed.filter((line) => !all.includes(`"${line}"`) && !all.includes(`'${line}'`)),
      [],
    );
  });
}

test("what both daemons log stands in both pages", () => {
  const everywhere = logged(sources("shared"));
  assert.ok(everywhere.length > 10);
  for (const [daemon, text] of Object.entries(PAGES)) {
    const missing = everywhere.filter((line) => !section(text, "LOG").includes(`.It Dq ${line}\n`));
    assert.deepEqual(missing, [], daemon);
  }
});

test("pop3d(8) names all that CAPA may list", () => {
  const mechanisms = offeredMechanisms({ takesScram: true, takesTokens: true }, Buffer.alloc(32));
  const policy = { expireMs: 0, loginDelaySeconds: parseLoginDelay("5m") ?? 0 };
  const names = mechanisms.map(({ name }) => name);
  const site = sitePolicy(policy, []);
  const lines = capabilities({ mechanisms: names, stls: true, site, own: undefined, implementation: "x" });
  const standards = section(PAGES.pop3d, "STANDARDS");
  for (const name of [...lines.map((line) => line.split(" ", 1)[0]), ...names])
    assert.match(standards, new RegExp(`(?<![\\w-])${name}(?![\\w-])`));
});

test("the README's table and the pages' STANDARDS have the same RFCs", () => {
  const table = README.slice(README.indexOf("## Which standards"), README.indexOf("## What it is built on"));
  const standards = `${section(PAGES.pop3d, "STANDARDS")} ${section(PAGES.smtpd, "STANDARDS")}`;
  assert.deepEqual(rfcs(table), rfcs(standards));
});

test("each extra field of an account that the code reads is in pop3d(8), the README and the sample", () => {
  const fields = new Set((sources("pop3d") + sources("shared")).match(/userdb_[a-z0-9_]*[a-z]/g));
  assert.ok(fields.size >= 3);
  for (const document of [PAGES.pop3d, README, read("etc/users")])
    for (const field of fields) assert.ok(document.includes(field), field);
});

test("what the README links to in the package is there", () => {
  const targets = [...README.matchAll(/\]\((?!https:)([^)]+)\)/g)].map(([, target = ""]) => target);
  assert.ok(targets.length > 3);
  for (const target of targets) assert.ok(existsSync(join(ROOT, target)), target);
});

function read(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}

/** A manual page, its escapes read. */
function page(name: string): string {
  return read(`etc/man/${name}`).replaceAll("\\-", "-").replaceAll("\\(dq", '"');
}

function section(text: string, name: string): string {
  const from = text.indexOf(`.Sh ${name}\n`);
  assert.ok(from >= 0, name);
  const to = text.indexOf("\n.Sh ", from);
  return text.slice(from, to < 0 ? undefined : to + 1);
}

/** All TypeScript below a directory, one after the other. */
function sources(directory: string): string {
  return readdirSync(join(ROOT, directory), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => read(join(directory, file)))
    .join("\n");
}

/** The messages of calls of a log: a text that ends the call. Those of debug and trace are for whoever has the code. */
function logged(code: string): string[] {
  const calls = code.matchAll(
    /\blog\??\.(?:info|warn|error|fatal)\([^;]*?(?:"([^"]+)"|'([^']+)'),?\s*\)(?=[;,)\s])/g,
  );
  return [...new Set(Array.from(calls, ([, double, single]) => double ?? single ?? ""))];
}

function rfcs(text: string): string[] {
  return [...new Set(text.match(/(?<![\d,.])\b\d{4}\b(?!C)/g))].sort();
}
