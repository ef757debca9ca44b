/** Configuration files: what is wrong in them is said with file, key, what was found and what is allowed. */
import assert from "node:assert/strict";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { describe, test } from "node:test";
import fc from "fast-check";
import { z } from "zod";
import { loadConfig, parseConfig, readConfigFile, readConfigOctets } from "../../../shared/config/load.js";
import {
  choice,
  count,
  domain,
  duration,
  flag,
  list,
  listenAddress,
  optionalTable,
  path,
  size,
  table,
  text,
} from "../../../shared/config/option.js";
import { ExitError } from "../../../shared/exit.js";
import { temporaryDirectory } from "../../temporary-directory.js";

const FILE = "/etc/pillarbox/test.toml";

/** One option of each kind. */
const schema = z.strictObject({
  name: domain().prefault("host.example"),
  domains: list(domain(), "DOMAINS", 1),
  root: path().prefault("/var/mail"),
  note: text("NOTE").optional(),
  listen: list(table({ address: listenAddress(), role: choice(["mx", "lmtp"]).prefault("mx") }), "LISTEN", 1)
    .prefault([{ address: "0.0.0.0:25" }])
    .describe("Where."),
  limits: optionalTable({
    size: size(1024).prefault("50MiB"),
    time: duration(1000).prefault("5m").describe("How long."),
    count: count(1, 10).prefault(3),
    seen: flag().prefault(true),
  }),
  tls: table({ key: path() }).optional(),
});

const MINIMUM = 'domains = ["example.org"]\n';

test("a minimal file has every default, parsed", () => {
  assert.deepEqual(parseConfig(FILE, MINIMUM, schema), {
    name: "host.example",
    domains: ["example.org"],
    root: "/var/mail",
    listen: [{ address: { kind: "tcp", host: "0.0.0.0", port: 25 }, role: "mx" }],
    limits: { size: 50 * 1024 ** 2, time: 300_000, count: 3, seen: true },
  });
});

test("what is written counts, in its one form", () => {
  const toml = `name = "MAIL.Bücher.example"
domains = ["Example.ORG", "b.example"]
root = "/srv/mail//"
note = "x"
listen = [{ address = "[::1]:2525", role = "lmtp" }, { address = "fd:3" }]
[limits]
size = "1KiB"
time = "2h"
count = 10
seen = false
[tls]
key = "/"
`;
  assert.deepEqual(parseConfig(FILE, toml, schema), {
    name: "mail.xn--bcher-kva.example",
    domains: ["example.org", "b.example"],
    root: "/srv/mail",
    note: "x",
    listen: [
      { address: { kind: "tcp", host: "::1", port: 2525 }, role: "lmtp" },
      { address: { kind: "fd", fd: 3 }, role: "mx" },
    ],
    limits: { size: 1024, time: 7_200_000, count: 10, seen: false },
    tls: { key: "/" },
  });
});

test("a configuration is frozen, all through", () => {
  const config = parseConfig(FILE, MINIMUM, schema);
  for (const part of [config, config.domains, config.listen, config.listen[0], config.limits]) {
    assert.ok(Object.isFrozen(part));
  }
});

/** What is wrong, and the words (key, found, allowed) that one line about it must hold. */
const mistakes: readonly (readonly [string, string, readonly string[]])[] = [
  ["nothing at all", "", ['"domains"', "missing", "DOMAINS"]],
  ["an empty list", "domains = []", ['"domains"', "found []", "DOMAINS"]],
  ["no list", 'domains = "a.example"', ['"domains"', 'found "a.example"', "DOMAINS"]],
  ["an item of a list", 'domains = ["a.example", 7]', ['"domains[2]"', "found 7", "domain name"]],
  ["an address for a domain", 'domains = ["[192.0.2.1]"]', ['"domains[1]"', '"[192.0.2.1]"', "domain name"]],
  ["an unknown key", `${MINIMUM}domain = 1`, ['unknown key "domain"', "domains", "limits", "root"]],
  [
    "an unknown key in a table",
    `${MINIMUM}[limits]\nsizes = 1`,
    ['"limits.sizes"', "count, seen, size, time"],
  ],
  [
    "an unknown key in the second of a list of tables",
    `${MINIMUM}[[listen]]\naddress = "fd:3"\n[[listen]]\naddress = "fd:4"\nrol = 1`,
    ['"listen[2].rol"', "address, role"],
  ],
  [
    "a value in the second of a list of tables",
    `${MINIMUM}[[listen]]\naddress = "fd:3"\n[[listen]]\naddress = "25"`,
    ['"listen[2].address"', 'found "25"', "[::]:25"],
  ],
  [
    "a key that is missing in a list of tables",
    `${MINIMUM}[[listen]]\nrole = "mx"`,
    ['"listen[1].address"', "missing"],
  ],
  [
    "a table for a list of tables",
    `${MINIMUM}[listen]\naddress = "fd:3"`,
    ['"listen"', '{"address"', "LISTEN"],
  ],
  ["a number in a list of tables", `${MINIMUM}listen = [3]`, ['"listen[1]"', "found 3", "a table"]],
  ["a string for a table", `${MINIMUM}limits = "x"`, ['"limits"', 'found "x"', "a table"]],
  ["a list for a table", `${MINIMUM}[[limits]]\ncount = 1`, ['"limits"', '[{"count":1}]', "a table"]],
  ["half a table", `${MINIMUM}[tls]`, ['"tls.key"', "missing", "absolute path"]],
  [
    "a word that is none of the choice",
    `${MINIMUM}listen = [{address="fd:3", role="x"}]`,
    ['"mx" or "lmtp"'],
  ],
  ["a relative path", `${MINIMUM}root = "mail"`, ['"root"', 'found "mail"', "absolute path"]],
  ["an empty text", `${MINIMUM}note = ""`, ['"note"', 'found ""', "NOTE"]],
  [
    "a size without a unit",
    `${MINIMUM}limits.size = 5`,
    ['"limits.size"', "found 5", "50MiB", "1KiB or more"],
  ],
  ["too small a size", `${MINIMUM}limits.size = "1B"`, ['"limits.size"', 'found "1B"', "1KiB or more"]],
  ["a time of another unit", `${MINIMUM}limits.time = "5y"`, ['"limits.time"', 'found "5y"', "1s to 24d"]],
  ["too short a time", `${MINIMUM}limits.time = "999ms"`, ['"limits.time"', 'found "999ms"', "1s to 24d"]],
  ["longer than a timer can wait", `${MINIMUM}limits.time = "25d"`, ['"limits.time"', 'found "25d"', "24d"]],
  ["too large a number", `${MINIMUM}limits.count = 11`, ['"limits.count"', "found 11", "from 1 to 10"]],
  ["no whole number", `${MINIMUM}limits.count = 1.5`, ['"limits.count"', "found 1.5", "whole number"]],
  ["a number in quotes", `${MINIMUM}limits.count = "3"`, ['"limits.count"', 'found "3"', "whole number"]],
  ["an infinite number", `${MINIMUM}limits.count = inf`, ['"limits.count"', "found Infinity"]],
  ["a date", `${MINIMUM}limits.count = 2026-11-22`, ['"limits.count"', "2026-11-22"]],
  [
    "a word for true or false",
    `${MINIMUM}limits.seen = "yes"`,
    ['"limits.seen"', 'found "yes"', "true or false"],
  ],
  ["a key of every object", `${MINIMUM}__proto__ = 1`, ['unknown key "__proto__"']],
  ["a very long value", `${MINIMUM}root = "${"x".repeat(500)}"`, [`found "${"x".repeat(59)}…`]],
];

for (const [what, toml, words] of mistakes) {
  test(`${what} is an error that names file, key, found and allowed`, () => {
    const error = failureOf(() => parseConfig(FILE, toml, schema));
    assert.equal(error.exitCode, 78);
    const [line, ...others] = error.message.split("\n");
    assert.deepEqual(others, []);
    assert.ok(line?.startsWith(`${FILE}: `), line);
    for (const word of words) assert.ok(line?.includes(word), `${word} in: ${line}`);
    assert.ok(line && line.length < 300);
  });
}

test("all mistakes are told at once, each in one line", () => {
  const toml = 'domains = []\nroot = "x"\nfoo = 1\nbar = 1\n[limits]\ncount = 1e99\n';
  const lines = failureOf(() => parseConfig(FILE, toml, schema)).message.split("\n");
  assert.equal(lines.length, 5);
  for (const key of ["domains", "root", "foo", "bar", "limits.count"]) {
    assert.equal(lines.filter((line) => line.includes(`"${key}"`)).length, 1, key);
  }
});

const notToml: readonly (readonly [string, string, string])[] = [
  ["a value that is missing", "a = \n", ":1:"],
  ["a list that does not end", 'x = 1\ny = ["a"\n', ":3:"],
  ["a string that does not end", 'x = 1\n\n  name = "abc\n', ":3:"],
  ["the same key twice", "x = 1\nx = 2\n", ":2:1:"],
  ["the same table twice", "[a]\n[b]\n[a]\n", ":3:"],
  ["a number beyond all", "x = 99999999999999999999", ":1:"],
  ["a word without quotes", "x = yes", ":1:5:"],
  ["another format", '{"domains": []}', ":1:"],
];
for (const [what, toml, place] of notToml) {
  test(`${what} is no TOML, and the error has line and column`, () => {
    const { exitCode, message } = failureOf(() => parseConfig(FILE, toml, schema));
    assert.equal(exitCode, 78);
    assert.ok(message.startsWith(`${FILE}${place}`), message);
    assert.match(message, /^[^\n]*:\d+:\d+: [^\n]+$/);
  });
}

test("whatever the text, it is a configuration or an ExitError", () => {
  const line = fc.constantFrom(
    "domains = ['a']",
    "[limits]",
    "[[listen]]",
    "count = 3",
    "a.b.c = 1",
    "x",
    "= 1",
  );
  const toml = fc.oneof(
    fc.array(line, { maxLength: 6 }).map((lines) => lines.join("\n")),
    fc.string({ unit: "binary" }),
  );
  fc.assert(
    fc.property(toml, (text) => {
      try {
        parseConfig(FILE, text, schema);
      } catch (error) {
        assert.ok(error instanceof ExitError && error.exitCode === 78, String(error));
      }
    }),
  );
});

describe("a file", () => {
  test("is read as UTF-8, a mark at its start left out", async (t) => {
    const file = `${await temporaryDirectory(t)}/x.toml`;
    await writeFile(file, '\ufeffdomains = ["bücher.example"]\r\n');
    assert.deepEqual((await loadConfig(file, schema)).domains, ["xn--bcher-kva.example"]);
  });

  test("that is not UTF-8 is an error", async (t) => {
    const file = `${await temporaryDirectory(t)}/x.toml`;
    await writeFile(file, Buffer.from(`note = "caf\xe9"\n${MINIMUM}`, "latin1"));
    await assertFails(loadConfig(file, schema), 78, file);
    assert.equal((await readConfigOctets(file))[11], 0xe9);
  });

  test("that cannot be had is an error of its own code", async (t) => {
    const directory = await temporaryDirectory(t);
    await writeFile(`${directory}/file`, "");
    await symlink("loop", `${directory}/loop`);
    await mkdir(`${directory}/directory`);
    for (const name of ["missing", "directory", "file/x", "loop", "n".repeat(300)]) {
      await assertFails(loadConfig(`${directory}/${name}`, schema), 78, `${directory}/${name}`);
    }
  });

  test("that goes on for ever is read up to a limit only", async (t) => {
    await assertFails(loadConfig("/dev/zero", schema), 78, "/dev/zero");
    const file = `${await temporaryDirectory(t)}/x`;
    await writeFile(file, "12345");
    assert.equal(await readConfigFile(file, 5), "12345");
    await assertFails(readConfigFile(file, 4), 78, file);
  });

  test("that may not be read is an error of permission", async (t) => {
    const file = `${await temporaryDirectory(t)}/x.toml`;
    await writeFile(file, MINIMUM, { mode: 0o000 });
    // Root may read everything, so for once it is not root.
    const root = process.getuid?.() === 0;
    if (root) process.seteuid?.(65_534);
    try {
      await assertFails(loadConfig(file, schema), 77, file);
    } finally {
      if (root) process.seteuid?.(0);
    }
  });
});

function failureOf(action: () => unknown): ExitError {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof ExitError, String(error));
    return error;
  }
  assert.fail("no error");
}

async function assertFails(promise: Promise<unknown>, exitCode: number, file: string): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof ExitError, String(error));
    assert.equal(error.exitCode, exitCode);
    assert.ok(error.message.startsWith(`${file}: `), error.message);
    return true;
  });
}
