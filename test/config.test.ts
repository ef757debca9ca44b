/** The two configuration files: nearly empty ones are enough, and each key is known to the list of keys. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { z } from "zod";
import { pop3dSchema } from "../pop3d/config.js";
import { listOptions, type OptionRow, parseConfig } from "../shared/config/load.js";
import { ExitError } from "../shared/exit.js";
import { smtpdSchema } from "../smtpd/config.js";

const MINIMUM = 'domains = ["example.org"]\n';

/** What a table cannot do without. */
const NEEDED: Readonly<Record<string, string>> = {
  tls: 'certificate = "/c"\nkey = "/k"\n',
  oauth: 'introspection_url = "https://login.example.org/"\nclient_id = "c"\nclient_secret_file = "/s"\n',
};

const daemons: readonly (readonly [string, z.ZodType, number])[] = [
  ["smtpd", smtpdSchema, 25],
  ["pop3d", pop3dSchema, 110],
];

for (const [name, schema, port] of daemons) {
  describe(`${name}.toml`, () => {
    test("with the domains alone is enough, and listens where everyone looks", () => {
      const config = parseConfig(name, MINIMUM, schema);
      assert.ok(isRecord(config) && Array.isArray(config.listen));
      assert.deepEqual(
        config.listen.map(({ address }) => address),
        [
          { kind: "tcp", host: "0.0.0.0", port },
          { kind: "tcp", host: "::", port },
        ],
      );
    });

    test("needs the domains, and at least one listener", () => {
      for (const toml of ["", "domains = []", `${MINIMUM}listen = []`]) {
        assert.throws(() => parseConfig(name, toml, schema), ExitError);
      }
    });

    test("wants a certificate where TLS is implicit, and only there", () => {
      const listener = `${MINIMUM}[[listen]]\naddress = "127.0.0.1:0"\ntls = `;
      assert.throws(() => parseConfig(name, `${listener}"implicit"`, schema), /"tls"/);
      parseConfig(name, `${listener}"starttls"`, schema);
      parseConfig(name, `${listener}"implicit"\n[tls]\ncertificate = "/c"\nkey = "/k"`, schema);
    });

    test("sends tokens nowhere unencrypted but to this host", () => {
      const oauth = (url: string) =>
        `${MINIMUM}[oauth]\n${NEEDED.oauth?.replace("https://login.example.org/", url)}`;
      for (const url of [
        "https://a.example/x?y=z",
        "http://localhost/",
        "http://127.0.0.1:8080/",
        "http://[::1]/",
      ])
        parseConfig(name, oauth(url), schema);
      for (const url of [
        ...[
          "http://a.example/",
          "http://127.0.0.1.a.example/",
          "http://localhost.a.example/",
          "ftp://a.example/",
        ],
        ...["a.example", "", "https://user:secret@a.example/", "https://a.example/#b"],
      ])
        assert.throws(() => parseConfig(name, oauth(url), schema), /oauth\.introspection_url/, url);
    });

    test("has a list of its keys: each with help, and each refused with the list's own name when wrong", () => {
      const rows = listOptions(schema);
      for (const row of rows) {
        assert.ok(row.help, row.path.join("."));
        assert.throws(
          () => parseConfig(name, withWrongValue(row, rows), schema),
          (error) => {
            assert.ok(error instanceof ExitError);
            const key = row.path
              .join(".")
              .replace("listen.", "listen[1].")
              .replace("tls.sni.", "tls.sni[1].")
              .replace("route.", "route[1].");
            return error.message.includes(`key "${key}": found`);
          },
          row.path.join("."),
        );
      }
    });

    test("has no key that the list leaves out", () => {
      const listed = listOptions(schema).map(({ path }) => path.join("."));
      const full = parseConfig(name, `${MINIMUM}[tls]\ncertificate = "/c"\nkey = "/k"`, schema);
      for (const key of keysOf(full)) assert.ok(listed.includes(key), key);
    });

    test("has defaults that can be written into it", () => {
      for (const row of listOptions(schema)) {
        if (row.default === undefined || row.path.includes("sni")) continue;
        const [key, ...tables] = row.path.toReversed();
        if (tables.length > 0 && tables[0] === "listen") continue;
        const table = tables.length > 0 ? `[${tables.toReversed().join(".")}]\n` : "";
        const rest = NEEDED[tables[0] ?? ""] ?? "";
        parseConfig(name, `${MINIMUM}${table}${rest}${key} = ${toml(row.default)}`, schema);
      }
    });
  });
}

test("keys that both files have mean the same, by default, too", () => {
  const rows = (schema: z.ZodType) => new Map(listOptions(schema).map((row) => [row.path.join("."), row]));
  const pop3d = rows(pop3dSchema);
  let common = 0;
  for (const [key, row] of rows(smtpdSchema)) {
    const other = pop3d.get(key);
    // A listener's place is its own, and RFC 5321 and RFC 1939 have lines of different length.
    if (other === undefined || key === "listen" || key === "limits.command_length") continue;
    assert.deepEqual(other, row);
    common++;
  }
  assert.ok(common > 15);
});

/** A file in which this one key has a value that none takes, and the tables that it needs are there. */
function withWrongValue(row: OptionRow, rows: readonly OptionRow[]): string {
  const nothing = "1979-05-27";
  const [key, ...tables] = row.path.toReversed();
  const table = tables.toReversed().join(".");
  const isList = rows.some(({ path }) => path.join(".") === table);
  const header = table === "" ? "" : isList ? `[[${table}]]\n` : `[${table}]\n`;
  const domains = key === "domains" ? "" : MINIMUM;
  return `${domains}${header}${key} = ${nothing}\n`;
}

/** Texts in the file that are read as more than a text. */
const PARSED = ["auth", "listen.address"];

/** Every key of a parsed configuration, tables opened up, `listen.address`. */
function keysOf(value: unknown, path: readonly string[] = []): string[] {
  if (Array.isArray(value))
    return value.flatMap((item) => (isRecord(item) ? keysOf(item, path) : [path.join(".")]));
  if (!isRecord(value) || PARSED.includes(path.join("."))) return [path.join(".")];
  return Object.entries(value).flatMap(([key, inner]) => keysOf(inner, [...path, key]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function toml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(toml).join(", ")}]`;
  if (!isRecord(value)) return JSON.stringify(value);
  return `{ ${Object.entries(value)
    .map(([key, inner]) => `${key} = ${toml(inner)}`)
    .join(", ")} }`;
}
