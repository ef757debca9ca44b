/** The accounts file: what may stand in it, and that a mistake is told with its line and without any part of a password. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Accounts } from "../../../shared/accounts/account.js";
import { readEntries } from "../../../shared/accounts/entry.js";
import { loadAccounts } from "../../../shared/accounts/passwd-file.js";
import { ExitError } from "../../../shared/exit.js";

const OPTIONS = { mailRoot: "/srv/mail", defaultDomain: "example.org" };

let directory = "";
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "pillarbox-passwd-file-"));
});
after(() => rm(directory, { recursive: true, force: true }));

async function load(text: string | Buffer): Promise<Accounts> {
  const file = join(directory, "users");
  await writeFile(file, text);
  return loadAccounts(file, OPTIONS);
}

/** The lines that the error of loading this text names, and its whole text. */
async function mistakesIn(text: string | Buffer): Promise<{ lines: number[]; message: string }> {
  const error = await load(text).then(
    () => assert.fail("it was loaded"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof ExitError);
  assert.equal(error.exitCode, 78);
  const lines = error.message.split("\n").map((line) => {
    const [, number] = /^(?:.*\/users):(\d+): ./.exec(line) ?? [];
    assert.ok(number, `no line number: ${line}`);
    return Number(number);
  });
  return { lines, message: error.message };
}

describe("entries", () => {
  for (const [text, entry] of [
    ["alice", { user: "alice", password: undefined, home: "", extra: "" }],
    ["alice:", { user: "alice", password: "", home: "", extra: "" }],
    ["alice:{PLAIN}x", { user: "alice", password: "{PLAIN}x", home: "", extra: "" }],
    ["alice:{PLAIN} x ::::/h", { user: "alice", password: "{PLAIN} x ", home: "/h", extra: "" }],
    ["a@b:{PLAIN}x:1:2:G E C:/h:/bin/sh", { user: "a@b", password: "{PLAIN}x", home: "/h", extra: "" }],
    [
      "a@b:{PLAIN}x:1:2:::: userdb_quota_rule=*:storage=1G userdb_mail=maildir:~/x ",
      {
        user: "a@b",
        password: "{PLAIN}x",
        home: "",
        extra: " userdb_quota_rule=*:storage=1G userdb_mail=maildir:~/x ",
      },
    ],
    ["alice:{PLAIN}x\r", { user: "alice", password: "{PLAIN}x", home: "", extra: "" }],
  ] as const) {
    test(text, () => assert.deepEqual(readEntries(text), [{ line: 1, ...entry }]));
  }

  test("comments and blank lines count as lines only", () => {
    const entries = readEntries("# first\n\n \t\nalice:x\n\r\n#bob:x\ncarol:y\n");
    assert.deepEqual(
      entries.map(({ line, user }) => [line, user]),
      [
        [4, "alice"],
        [7, "carol"],
      ],
    );
  });
});

describe("accounts", () => {
  test("by canonical address, with home and Maildir", async () => {
    const accounts = await load(
      [
        "# people",
        "Alice@Example.ORG:{PLAIN}x:1000:1000:::: userdb_quota_rule=*:storage=1G",
        "bob:{PLAIN}x",
        '"carol c"@example.net:{PLAIN}x::::/home/carol/:/bin/sh:userdb_mail=maildir:~/x',
        "dora@bücher.example:*",
        "eve",
      ].join("\n"),
    );
    assert.deepEqual(
      [...accounts.all()].map(({ address, password, home, maildir }) => [
        address,
        password,
        home,
        maildir.path,
      ]),
      [
        [
          "alice@example.org",
          "{PLAIN}x",
          "/srv/mail/example.org/alice",
          "/srv/mail/example.org/alice/Maildir",
        ],
        ["bob@example.org", "{PLAIN}x", "/srv/mail/example.org/bob", "/srv/mail/example.org/bob/Maildir"],
        ['"carol c"@example.net', "{PLAIN}x", "/home/carol", "/home/carol/Maildir"],
        [
          "dora@xn--bcher-kva.example",
          "*",
          "/srv/mail/xn--bcher-kva.example/dora",
          "/srv/mail/xn--bcher-kva.example/dora/Maildir",
        ],
        ["eve@example.org", "", "/srv/mail/example.org/eve", "/srv/mail/example.org/eve/Maildir"],
      ],
    );
    assert.equal(accounts.size, 5);
    assert.equal(accounts.find("bob@example.org")?.maildir.new, "/srv/mail/example.org/bob/Maildir/new");
    assert.equal(accounts.find("Bob@example.org"), undefined);
  });

  test("beside octets that are not UTF-8, where nobody needs them to be", async () => {
    const text = Buffer.from("# f\xfcr alle\nalice:{PLAIN}x:::J\xfcrgen\n", "latin1");
    assert.equal((await load(text)).size, 1);
  });

  test("none", async () => assert.equal((await load("")).size, 0));

  test("a local-part that is no name of a directory, with a home of its own", async () => {
    const accounts = await load('".."@example.org:{PLAIN}x::::/srv/dots\na/b:{PLAIN}x::::/srv/ab\n');
    assert.equal(accounts.find('".."@example.org')?.home, "/srv/dots");
    assert.equal(accounts.find("a/b@example.org")?.home, "/srv/ab");
  });
});

describe("mistakes", () => {
  for (const text of [
    "a b:{PLAIN}x",
    " alice:{PLAIN}x",
    "@example.org:{PLAIN}x",
    "alice@:{PLAIN}x",
    "alice@-.example:{PLAIN}x",
    ":{PLAIN}x",
    "al\u0000ice:{PLAIN}x",
    Buffer.from("al\xefce:{PLAIN}x", "latin1"),
    Buffer.from("alice:{PLAIN}\xef", "latin1"),
    "alice:{PLAIN}a\u0000b",
    "alice:{UNKNOWN}x",
    "alice:{PLAIN}x::::home/alice",
    "alice:{PLAIN}x::::~/mail",
    "alice:{PLAIN}x::::/home/\u0000",
    "alice:{PLAIN}x::::::userdb_quota_rule=*:storage=lots",
    "alice:{PLAIN}x::::::userdb_quota_rule=*:storage=1G userdb_quota_rule2=*:messages=-1",
    // Local-parts that would be other directories than one of their own below mail_root.
    '".":{PLAIN}x',
    '"..":{PLAIN}x',
    '".hidden"@example.org:{PLAIN}x',
    "a/b:{PLAIN}x",
    '"../bob":{PLAIN}x',
    '"/etc":{PLAIN}x',
    "/etc:{PLAIN}x",
  ]) {
    test(JSON.stringify(text.toString()), async () => {
      assert.deepEqual((await mistakesIn(text)).lines, [1]);
    });
  }

  test("all of a file's are told, in the order of the lines", async () => {
    const text = "alice:{PLAIN}x\n# :\nALICE@example.org:{PLAIN}y\n\n..:{NO}x::::rel\nbob:{SSHA}x\n";
    assert.deepEqual((await mistakesIn(text)).lines, [3, 5, 5, 5, 6]);
  });

  test("no part of a password is told", async () => {
    const secret = "Tr0ub4dor";
    const { message } = await mistakesIn(
      [
        `alice:${secret}`,
        `bob:{${secret}}`,
        `carol:{PLAIN.hex}${secret}`,
        `{PLAIN}${secret}:dora`,
        // The second half of a line that somebody broke in two.
        `${secret}/${secret}=`,
        `$6$${secret}:x`,
        `eve:{PLAIN}${secret}\u0000`,
        `..:{PLAIN}${secret}`,
      ].join("\n"),
    );
    assert.ok(!message.includes(secret), message);
  });

  test("a file that is not there", async () => {
    await assert.rejects(loadAccounts(join(directory, "nowhere"), OPTIONS), {
      name: "ExitError",
      exitCode: 78,
    });
  });
});

test("ARGON2ID without its library is a mistake of that line, and others load without it", async () => {
  // An installation without the optional package: our code, and links to all packages but that one.
  const root = join(directory, "installed");
  const dist = fileURLToPath(new URL("../../..", import.meta.url));
  const modules = fileURLToPath(new URL("../../../../node_modules", import.meta.url));
  await mkdir(join(root, "node_modules"), { recursive: true });
  await cp(join(dist, "shared"), join(root, "shared"), { recursive: true });
  await writeFile(join(root, "package.json"), '{ "type": "module" }');
  for (const name of await readdir(modules)) {
    if (name !== "@node-rs") await symlink(join(modules, name), join(root, "node_modules", name));
  }
  const argon2 =
    "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$KcJ1T340J+3falrSgby6Zg$qCZW01A3CLeogUMCIBpa5g5yxaw3uke4pMaplhQ7+3Q";
  await writeFile(join(directory, "plain"), "alice:{PLAIN}x\n");
  await writeFile(join(directory, "argon2"), `alice:{PLAIN}x\nbob:${argon2}\n`);
  const script = `
    import { loadAccounts } from ${JSON.stringify(join(root, "shared/accounts/passwd-file.js"))};
    const options = ${JSON.stringify(OPTIONS)};
    const plain = await loadAccounts(${JSON.stringify(join(directory, "plain"))}, options);
    const error = await loadAccounts(${JSON.stringify(join(directory, "argon2"))}, options).catch((error) => error);
    console.log(JSON.stringify({ size: plain.size, code: error.exitCode, message: error.message }));
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script]);
  const { size, code, message } = JSON.parse(stdout);
  assert.equal(size, 1);
  assert.equal(code, 78);
  assert.match(message, /\/argon2:2: .*@node-rs\/argon2/);
});
