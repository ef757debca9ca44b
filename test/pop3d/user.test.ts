/** `pop3d user`, as a program: what it does to the accounts file and the Maildirs, and its exit codes. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { programOf } from "../daemons/daemon.js";
import { runProgram } from "../daemons/program.js";
import { runsAsRoot } from "../nobody.js";
import { USER, UserSite } from "./user-site.js";

let site: UserSite;
beforeEach(async () => {
  site = await UserSite.make();
});
afterEach(() => site.remove());

describe("add", () => {
  test("makes an account that can log in, and its Maildir, of the user of the configuration", async () => {
    await site.add("Alice", " päss:word ");
    assert.match(await site.accountsFile(), /^alice@example\.org:\{SCRAM-SHA-256\}\d+,[^:]+::::::\n$/);
    assert.equal(await site.canLogIn("alice", " päss:word "), true);
    assert.equal(await site.canLogIn("alice", "päss:word"), false);
    const owner = await ownerOf(USER);
    for (const path of ["srv", "srv/mail", "srv/mail/example.org", "srv/mail/example.org/alice"]) {
      assert.deepEqual(await ownerAndMode(join(site.directory, path)), [...owner, 0o700], path);
    }
    for (const folder of ["", "tmp", "new", "cur"]) {
      assert.deepEqual(
        await ownerAndMode(join(site.home("alice"), "Maildir", folder)),
        [...owner, 0o700],
        folder,
      );
    }
  });

  test("makes an accounts file that the daemons can read, and nobody else", async () => {
    await site.add("alice");
    const [uid, gid] = await ownerOf(USER);
    const expected = runsAsRoot ? [0, gid, 0o640] : [uid, process.getgid?.(), 0o600];
    assert.deepEqual(await ownerAndMode(join(site.directory, "users")), expected);
    assert.deepEqual((await readdir(site.directory)).sort(), ["pop3d.toml", "srv", "users"]);
  });

  test("keeps what is in the file", async () => {
    const before = "# people\r\n\nbob:{PLAIN}x:1:2:::: userdb_quota_rule=*:storage=1G";
    await site.writeAccountsFile(before, 0o604);
    await site.add("alice@example.net");
    const after = await site.accountsFile();
    assert.equal(after.slice(0, before.length), before);
    assert.match(after.slice(before.length), /^\nalice@example\.net:[^\n]+\n$/);
    assert.equal((await stat(join(site.directory, "users"))).mode & 0o7777, 0o604);
  });

  test("twenty at once are all there, beside the lock of a dead editor", async () => {
    const dead = spawn(process.execPath, ["-e", ""]);
    await once(dead, "exit");
    await writeFile(join(site.directory, "users.lock"), `${dead.pid}:${hostname()}\n`);
    const names = Array.from({ length: 20 }, (_, i) => `user${i}`);
    await Promise.all(names.map((name) => site.add(name)));
    const lines = (await site.accountsFile()).trimEnd().split("\n");
    assert.deepEqual(lines.map((line) => line.split("@")[0]).sort(), names.sort());
    assert.deepEqual((await readdir(site.home("."))).sort(), names);
    assert.deepEqual((await readdir(site.directory)).sort(), ["pop3d.toml", "srv", "users"]);
  });

  test("the same one twice at once is one account and one error", async () => {
    const codes = await Promise.all(
      ["one", "two"].map(
        async (password) => (await site.run(["add", "alice", "--password-stdin"], password)).code,
      ),
    );
    assert.deepEqual(codes.sort(), [0, 64]);
    assert.equal((await site.accountsFile()).split("\n").length, 2);
  });

  for (const [what, args, input] of [
    ["an account that exists", ["add", "BOB@example.org", "--password-stdin"], "x\n"],
    ["an address of another domain", ["add", "alice@elsewhere.example", "--password-stdin"], "x\n"],
    ["no address", ["add", "alice@", "--password-stdin"], "x\n"],
    ["an address that a line cannot hold", ["add", '"a:b"@example.org', "--password-stdin"], "x\n"],
    ["an address that makes a comment", ["add", "#alice", "--password-stdin"], "x\n"],
    ["a local-part that is no directory", ["add", '".."@example.org', "--password-stdin"], "x\n"],
    ["a local-part with a slash", ["add", "a/b", "--password-stdin"], "x\n"],
    ["an empty password", ["add", "alice", "--password-stdin"], "\nx\n"],
    ["no password at all", ["add", "alice", "--password-stdin"], ""],
    ["a password with a NUL", ["add", "alice", "--password-stdin"], "a\0b\n"],
    ["a password with a CR in it", ["add", "alice", "--password-stdin"], "a\rb\n"],
    ["a password that is too long", ["add", "alice", "--password-stdin"], `${"x".repeat(512)}\n`],
    ["a password without end", ["add", "alice", "--password-stdin"], "x".repeat(1_000_000)],
    ["a password without a terminal to ask on", ["add", "alice"], "x\n"],
    ["a password as an argument", ["add", "alice", "secret"], ""],
    ["no command", [], ""],
    ["an unknown command", ["frobnicate"], ""],
  ] as const) {
    test(`refuses ${what}`, async () => {
      await site.writeAccountsFile("bob:{PLAIN}x\n");
      const { code, stdout } = await site.run(args, input);
      assert.equal(code, 64);
      assert.equal(stdout, "");
      assert.equal(await site.accountsFile(), "bob:{PLAIN}x\n");
      assert.deepEqual((await readdir(site.directory)).sort(), ["pop3d.toml", "users"]);
    });
  }

  test("a password of octets that are not UTF-8 is refused", async () => {
    const child = spawn(process.execPath, [
      programOf("pop3d"),
      ...["user", "add", "alice", "--password-stdin", "--config", site.configFile],
    ]);
    child.stdin.end(Buffer.from("p\xe4ss\n", "latin1"));
    assert.deepEqual(await once(child, "exit"), [64, null]);
  });

  test("a password is stored as SASLprep makes it, and refused where that prohibits it", async () => {
    await site.add("alice", "pa\u0308ss\u00a0\u2168");
    for (const password of ["päss IX", "pa\u0308ss\u00a0\u2168"]) {
      assert.equal(await site.canLogIn("alice", password), true, password);
    }
    for (const [name, password] of [
      ["control", "pa\tss"],
      ["private", "pa\ue000ss"],
      ["newer", "pa\u{1f511}ss"],
      ["empty", "\u00ad"],
    ] as const) {
      assert.equal((await site.run(["add", name, "--password-stdin"], `${password}\n`)).code, 64, name);
    }
  });

  test("the first line is the password, with a line end of either kind or none", async () => {
    for (const [name, input] of [
      ["lf", "pass \nmore\n"],
      ["crlf", "pass \r\nmore\r\n"],
      ["none", "pass "],
    ] as const) {
      const { code } = await site.run(["add", name, "--password-stdin"], input);
      assert.equal(code, 0);
      assert.equal(await site.canLogIn(name, "pass "), true, name);
    }
  });

  test("a configuration that is not there, or names a user that is not", async () => {
    const nowhere = join(site.directory, "nowhere.toml");
    assert.equal((await runProgram("pop3d", ["user", "add", "alice", "--config", nowhere])).code, 78);
    if (!runsAsRoot) return;
    const config = site.configFile;
    await writeFile(config, (await readFile(config, "utf8")).replace(`"${USER}"`, '"no-such-user"'));
    assert.equal((await site.run(["add", "alice", "--password-stdin"], "x\n")).code, 78);
    assert.deepEqual(await readdir(site.directory), ["pop3d.toml"]);
  });
});

describe("where root would be led astray", () => {
  test("a link in the place of a Maildir's directories leads to no more than the user may do", async () => {
    await site.add("alice");
    // Whoever has become USER replaces the directory of the domain.
    const target = join(site.directory, "target");
    await mkdir(target, { mode: 0o700 });
    await rm(site.home("."), { recursive: true });
    await symlink(target, site.home("."));
    const { code } = await site.run(["add", "bob", "--password-stdin"], "x\n");
    assert.equal(code, runsAsRoot ? 77 : 0);
    assert.deepEqual(await readdir(target), runsAsRoot ? [] : ["bob"]);
    assert.deepEqual((await site.accountsFile()).includes("bob"), !runsAsRoot);
  });
});

describe("passwd", () => {
  test("changes the password and nothing else, also of an entry that the daemons do not take", async () => {
    const before = "# é\nalice:{MD5}old:1:2:G:/h:/s: a=*:b\r\nbob:{PLAIN}x";
    await site.writeAccountsFile(before);
    const { code } = await site.run(["passwd", "alice@example.org", "--password-stdin"], "new\n");
    assert.equal(code, 0);
    assert.equal((await site.accountsFile()).replace(/\{SCRAM-SHA-256\}[^:]*/, "{MD5}old"), before);
    assert.equal(await site.canLogIn("alice", "new"), true);
  });

  for (const address of ["carol", "alice@example.net"]) {
    test(`refuses an account that is not there: ${address}`, async () => {
      await site.writeAccountsFile("alice:{PLAIN}x\n");
      assert.equal((await site.run(["passwd", address, "--password-stdin"], "x\n")).code, 64);
      assert.equal(await site.accountsFile(), "alice:{PLAIN}x\n");
    });
  }
});

describe("remove", () => {
  test("takes the account out and leaves its mail, and says where", async () => {
    await site.add("alice");
    await site.add("bob");
    const { code, stdout } = await site.run(["remove", "alice"]);
    assert.equal(code, 0);
    assert.ok(stdout.includes(join(site.home("alice"), "Maildir")));
    assert.match(await site.accountsFile(), /^bob@/);
    assert.deepEqual(await readdir(join(site.home("alice"), "Maildir")), ["cur", "new", "tmp"]);
  });

  test("deletes the mail when it is told to, and the home when that is empty", async () => {
    await site.add("alice");
    await site.add("bob");
    await writeFile(join(site.home("alice"), "Maildir/new/1.a"), "x\n");
    await writeFile(join(site.home("bob"), "note"), "x\n");
    for (const name of ["alice", "bob"]) {
      assert.equal((await site.run(["remove", name, "--delete-mail", "--yes"])).code, 0);
    }
    assert.equal(await site.accountsFile(), "");
    assert.deepEqual(await readdir(site.home(".")), ["bob"]);
    assert.deepEqual(await readdir(site.home("bob")), ["note"]);
  });

  test("does nothing without a yes", async () => {
    await site.add("alice");
    const before = await site.accountsFile();
    assert.equal((await site.run(["remove", "alice", "--delete-mail"], "y\n")).code, 64);
    assert.equal(await site.accountsFile(), before);
    assert.deepEqual(await readdir(site.home("alice")), ["Maildir"]);
  });

  test("does not delete mail that is another account's too", async () => {
    await writeFile(
      join(site.directory, "users"),
      `alice:*::::${site.directory}/shared\nbob:*::::${site.directory}/shared/\n`,
    );
    assert.equal((await site.run(["remove", "alice", "--delete-mail", "--yes"])).code, 64);
    assert.match(await site.accountsFile(), /^alice/);
  });

  test("refuses an account that is not there", async () => {
    assert.equal((await site.run(["remove", "alice"])).code, 64);
  });
});

describe("list", () => {
  test("for people and as JSON, without passwords", async () => {
    await site.writeAccountsFile("alice:{PLAIN}Tr0ub4dor\nbob@example.net:*::::/srv/bob\n");
    const text = await site.run(["list"]);
    assert.equal(text.code, 0);
    assert.equal(text.stdout.trimEnd().split("\n").length, 2);
    const json = await site.run(["list", "--json"]);
    const maildir = join(site.home("alice"), "Maildir");
    assert.deepEqual(JSON.parse(json.stdout), [
      {
        address: "alice@example.org",
        maildir,
        home: site.home("alice"),
        scheme: "PLAIN",
        quota: null,
        usage: null,
      },
      {
        address: "bob@example.net",
        maildir: "/srv/bob/Maildir",
        home: "/srv/bob",
        scheme: null,
        quota: null,
        usage: null,
      },
    ]);
    assert.ok(!`${text.stdout}${json.stdout}`.includes("Tr0ub4dor"));
  });

  test("with quotas, and what is known to be used of them, without counting", async () => {
    const rules = { alice: "*:storage=1M:messages=10", bob: "*:bytes=1000", carol: "*:ignore" };
    const entries = Object.entries(rules).map(([user, rule]) => `${user}:!::::::userdb_quota_rule=${rule}\n`);
    await site.writeAccountsFile(`${entries.join("")}dave:!\n`);
    for (const [user, content] of [
      ["alice", "1048576S,10C\n524000 3\n288 1\n"],
      ["bob", "1000S\nrubbish\n"],
      ["dave", "5C\n99 3\n"],
    ] as const) {
      await mkdir(join(site.home(user), "Maildir"), { recursive: true });
      await writeFile(join(site.home(user), "Maildir/maildirsize"), content);
    }
    const rows: unknown = JSON.parse((await site.run(["list", "--json"])).stdout);
    assert.ok(Array.isArray(rows));
    assert.deepEqual(
      rows.map(({ quota, usage }) => ({ quota, usage })),
      [
        { quota: { octets: 1_048_576, messages: 10 }, usage: { octets: 524_288, messages: 4 } },
        { quota: { octets: 1000, messages: null }, usage: null },
        { quota: { octets: null, messages: null }, usage: null },
        { quota: { octets: null, messages: 5 }, usage: { octets: 99, messages: 3 } },
      ],
    );
    const { stdout } = await site.run(["list"]);
    for (const shown of [/alice.* 50% .*1MiB.* 4 .*10 /, /bob.* \? .*1000B/, /dave.* 3 .*5 /])
      assert.match(stdout, shown);
    assert.equal(await readFile(join(site.home("bob"), "Maildir/maildirsize"), "utf8"), "1000S\nrubbish\n");
  });

  test("of a file with mistakes, or none, is an error of the configuration", async () => {
    assert.equal((await site.run(["list"])).code, 78);
    await site.writeAccountsFile("alice:{NO}x\n");
    assert.equal((await site.run(["list"])).code, 78);
  });
});

async function ownerOf(name: string): Promise<[uid: number, gid: number]> {
  const ids = [];
  for (const option of ["-u", "-g"]) {
    const child = spawn("id", [option, name]);
    const [output] = await once(child.stdout, "data");
    ids.push(Number(String(output)));
  }
  return [ids[0] ?? 0, ids[1] ?? 0];
}

async function ownerAndMode(path: string): Promise<number[]> {
  const { uid, gid, mode } = await stat(path);
  return [uid, gid, mode & 0o7777];
}
