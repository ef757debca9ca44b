/** `pop3d user`, as a program: what it does to the accounts file and the Maildirs, and its exit codes. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { hostname, tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { createAuthenticator } from "../../shared/accounts/authenticator.js";
import { loadAccounts } from "../../shared/accounts/passwd-file.js";
import { type Ended, runProgram } from "../daemons/program.js";
import { ListingChecker } from "../fakes/password-checker.js";
import { findPeer, without } from "../peers.js";

const DOMAIN = "example.org";
/** The user whose mail it is: somebody else, where we are root. */
const IS_ROOT = process.getuid?.() === 0;
const USER = IS_ROOT ? "nobody" : userInfo().username;

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "pillarbox-user-"));
  // USER has to come to its mail.
  await run("chmod", "711", directory);
  await writeFile(
    join(directory, "pop3d.toml"),
    `domains = ["${DOMAIN}", "example.net"]
     accounts = "${directory}/users"
     mail_root = "${directory}/srv/mail"
     user = "${USER}"
     [[listen]]
     address = "127.0.0.1:0"\n`,
  );
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function user(args: readonly string[], input = ""): Promise<Ended> {
  return runProgram("pop3d", ["user", ...args, "--config", join(directory, "pop3d.toml")], input);
}

async function add(address: string, password = "secret"): Promise<void> {
  const { code, stderr } = await user(["add", address, "--password-stdin"], `${password}\n`);
  assert.equal(code, 0, stderr);
}

function accountsFile(): Promise<string> {
  return readFile(join(directory, "users"), "utf8");
}

function home(localPart: string): string {
  return join(directory, "srv/mail", DOMAIN, localPart);
}

async function canLogIn(username: string, password: string): Promise<boolean> {
  const options = { mailRoot: join(directory, "srv/mail"), defaultDomain: DOMAIN };
  const accounts = await loadAccounts(join(directory, "users"), options);
  const checker = new ListingChecker();
  const logins = createAuthenticator({ accounts: () => accounts, defaultDomain: DOMAIN, checker });
  return (await logins.authenticate(username, password)).kind === "granted";
}

async function run(command: string, ...args: string[]): Promise<void> {
  const child = spawn(command, args, { stdio: "inherit" });
  const [code] = await once(child, "exit");
  assert.equal(code, 0, command);
}

describe("add", () => {
  test("makes an account that can log in, and its Maildir, of the user of the configuration", async () => {
    await add("Alice", " päss:word ");
    assert.match(await accountsFile(), /^alice@example\.org:\{SCRAM-SHA-256\}\d+,[^:]+::::::\n$/);
    assert.equal(await canLogIn("alice", " päss:word "), true);
    assert.equal(await canLogIn("alice", "päss:word"), false);
    const owner = await ownerOf(USER);
    for (const path of ["srv", "srv/mail", "srv/mail/example.org", "srv/mail/example.org/alice"]) {
      assert.deepEqual(await ownerAndMode(join(directory, path)), [...owner, 0o700], path);
    }
    for (const folder of ["", "tmp", "new", "cur"]) {
      assert.deepEqual(await ownerAndMode(join(home("alice"), "Maildir", folder)), [...owner, 0o700], folder);
    }
  });

  test("makes an accounts file that the daemons can read, and nobody else", async () => {
    await add("alice");
    const [uid, gid] = await ownerOf(USER);
    const expected = IS_ROOT ? [0, gid, 0o640] : [uid, process.getgid?.(), 0o600];
    assert.deepEqual(await ownerAndMode(join(directory, "users")), expected);
    assert.deepEqual((await readdir(directory)).sort(), ["pop3d.toml", "srv", "users"]);
  });

  test("keeps what is in the file", async () => {
    const before = "# people\r\n\nbob:{PLAIN}x:1:2:::: userdb_quota_rule=*:storage=1G";
    await writeFile(join(directory, "users"), before, { mode: 0o604 });
    await add("alice@example.net");
    const after = await accountsFile();
    assert.equal(after.slice(0, before.length), before);
    assert.match(after.slice(before.length), /^\nalice@example\.net:[^\n]+\n$/);
    assert.equal((await stat(join(directory, "users"))).mode & 0o7777, 0o604);
  });

  test("twenty at once are all there, beside the lock of a dead editor", async () => {
    const dead = spawn(process.execPath, ["-e", ""]);
    await once(dead, "exit");
    await writeFile(join(directory, "users.lock"), `${dead.pid}:${hostname()}\n`);
    const names = Array.from({ length: 20 }, (_, i) => `user${i}`);
    await Promise.all(names.map((name) => add(name)));
    const lines = (await accountsFile()).trimEnd().split("\n");
    assert.deepEqual(lines.map((line) => line.split("@")[0]).sort(), names.sort());
    assert.deepEqual((await readdir(home("."))).sort(), names);
    assert.deepEqual((await readdir(directory)).sort(), ["pop3d.toml", "srv", "users"]);
  });

  test("the same one twice at once is one account and one error", async () => {
    const codes = await Promise.all(
      ["one", "two"].map(
        async (password) => (await user(["add", "alice", "--password-stdin"], password)).code,
      ),
    );
    assert.deepEqual(codes.sort(), [0, 64]);
    assert.equal((await accountsFile()).split("\n").length, 2);
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
      await writeFile(join(directory, "users"), "bob:{PLAIN}x\n");
      const { code, stdout } = await user(args, input);
      assert.equal(code, 64);
      assert.equal(stdout, "");
      assert.equal(await accountsFile(), "bob:{PLAIN}x\n");
      assert.deepEqual((await readdir(directory)).sort(), ["pop3d.toml", "users"]);
    });
  }

  test("a password of octets that are not UTF-8 is refused", async () => {
    const child = spawn(process.execPath, [
      new URL("../../pop3d/main.js", import.meta.url).pathname,
      ...["user", "add", "alice", "--password-stdin", "--config", join(directory, "pop3d.toml")],
    ]);
    child.stdin.end(Buffer.from("p\xe4ss\n", "latin1"));
    assert.deepEqual(await once(child, "exit"), [64, null]);
  });

  test("the first line is the password, with a line end of either kind or none", async () => {
    for (const [name, input] of [
      ["lf", "pass \nmore\n"],
      ["crlf", "pass \r\nmore\r\n"],
      ["none", "pass "],
    ] as const) {
      const { code } = await user(["add", name, "--password-stdin"], input);
      assert.equal(code, 0);
      assert.equal(await canLogIn(name, "pass "), true, name);
    }
  });

  test("a configuration that is not there, or names a user that is not", async () => {
    const nowhere = join(directory, "nowhere.toml");
    assert.equal((await runProgram("pop3d", ["user", "add", "alice", "--config", nowhere])).code, 78);
    if (!IS_ROOT) return;
    const config = join(directory, "pop3d.toml");
    await writeFile(config, (await readFile(config, "utf8")).replace(`"${USER}"`, '"no-such-user"'));
    assert.equal((await user(["add", "alice", "--password-stdin"], "x\n")).code, 78);
    assert.deepEqual(await readdir(directory), ["pop3d.toml"]);
  });
});

describe("where root would be led astray", () => {
  test("a link in the place of a Maildir's directories leads to no more than the user may do", async () => {
    await add("alice");
    // Whoever has become USER replaces the directory of the domain.
    const target = join(directory, "target");
    await mkdir(target, { mode: 0o700 });
    await rm(join(directory, "srv/mail", DOMAIN), { recursive: true });
    await symlink(target, join(directory, "srv/mail", DOMAIN));
    const { code } = await user(["add", "bob", "--password-stdin"], "x\n");
    assert.equal(code, IS_ROOT ? 77 : 0);
    assert.deepEqual(await readdir(target), IS_ROOT ? [] : ["bob"]);
    assert.deepEqual((await accountsFile()).includes("bob"), !IS_ROOT);
  });
});

describe("passwd", () => {
  test("changes the password and nothing else, also of an entry that the daemons do not take", async () => {
    const before = "# é\nalice:{MD5}old:1:2:G:/h:/s: a=*:b\r\nbob:{PLAIN}x";
    await writeFile(join(directory, "users"), before);
    const { code } = await user(["passwd", "alice@example.org", "--password-stdin"], "new\n");
    assert.equal(code, 0);
    assert.equal((await accountsFile()).replace(/\{SCRAM-SHA-256\}[^:]*/, "{MD5}old"), before);
    assert.equal(await canLogIn("alice", "new"), true);
  });

  for (const address of ["carol", "alice@example.net"]) {
    test(`refuses an account that is not there: ${address}`, async () => {
      await writeFile(join(directory, "users"), "alice:{PLAIN}x\n");
      assert.equal((await user(["passwd", address, "--password-stdin"], "x\n")).code, 64);
      assert.equal(await accountsFile(), "alice:{PLAIN}x\n");
    });
  }
});

describe("remove", () => {
  test("takes the account out and leaves its mail, and says where", async () => {
    await add("alice");
    await add("bob");
    const { code, stdout } = await user(["remove", "alice"]);
    assert.equal(code, 0);
    assert.ok(stdout.includes(join(home("alice"), "Maildir")));
    assert.match(await accountsFile(), /^bob@/);
    assert.deepEqual(await readdir(join(home("alice"), "Maildir")), ["cur", "new", "tmp"]);
  });

  test("deletes the mail when it is told to, and the home when that is empty", async () => {
    await add("alice");
    await add("bob");
    await writeFile(join(home("alice"), "Maildir/new/1.a"), "x\n");
    await writeFile(join(home("bob"), "note"), "x\n");
    for (const name of ["alice", "bob"]) {
      assert.equal((await user(["remove", name, "--delete-mail", "--yes"])).code, 0);
    }
    assert.equal(await accountsFile(), "");
    assert.deepEqual(await readdir(home(".")), ["bob"]);
    assert.deepEqual(await readdir(home("bob")), ["note"]);
  });

  test("does nothing without a yes", async () => {
    await add("alice");
    const before = await accountsFile();
    assert.equal((await user(["remove", "alice", "--delete-mail"], "y\n")).code, 64);
    assert.equal(await accountsFile(), before);
    assert.deepEqual(await readdir(home("alice")), ["Maildir"]);
  });

  test("does not delete mail that is another account's too", async () => {
    await writeFile(
      join(directory, "users"),
      `alice:*::::${directory}/shared\nbob:*::::${directory}/shared/\n`,
    );
    assert.equal((await user(["remove", "alice", "--delete-mail", "--yes"])).code, 64);
    assert.match(await accountsFile(), /^alice/);
  });

  test("refuses an account that is not there", async () => {
    assert.equal((await user(["remove", "alice"])).code, 64);
  });
});

describe("list", () => {
  test("for people and as JSON, without passwords", async () => {
    await writeFile(join(directory, "users"), "alice:{PLAIN}Tr0ub4dor\nbob@example.net:*::::/srv/bob\n");
    const text = await user(["list"]);
    assert.equal(text.code, 0);
    assert.equal(text.stdout.trimEnd().split("\n").length, 2);
    const json = await user(["list", "--json"]);
    const maildir = join(home("alice"), "Maildir");
    assert.deepEqual(JSON.parse(json.stdout), [
      { address: "alice@example.org", maildir, home: home("alice"), scheme: "PLAIN" },
      { address: "bob@example.net", maildir: "/srv/bob/Maildir", home: "/srv/bob", scheme: null },
    ]);
    assert.ok(!`${text.stdout}${json.stdout}`.includes("Tr0ub4dor"));
  });

  test("of a file with mistakes, or none, is an error of the configuration", async () => {
    assert.equal((await user(["list"])).code, 78);
    await writeFile(join(directory, "users"), "alice:{NO}x\n");
    assert.equal((await user(["list"])).code, 78);
  });
});

describe("at a terminal", { skip: without("python3") }, () => {
  for (const [what, answers, expected] of [
    ["the same password twice", ["qä zz ", "qä zz "], 0],
    ["with a letter corrected", ["qä zz x\x7f", "qä zz "], 0],
    ["two that differ", ["qä zz ", "qä zz"], 64],
    ["an empty one", ["", ""], 64],
    ["the end of input", ["\x04"], 64],
    ["Ctrl-C", ["\x03"], "SIGINT"],
  ] as const) {
    test(`asks for ${what}, and shows none of it`, async () => {
      const { outcome, shown } = await atTerminal(answers, ["add", "alice"]);
      assert.equal(outcome, expected, shown);
      assert.ok(!shown.includes("ä"), shown);
      if (expected === 0) assert.equal(await canLogIn("alice", "qä zz "), true);
      else assert.ok(!(await readdir(directory)).includes("users"));
    });
  }

  for (const [answer, expected] of [
    ["y", 0],
    ["n", 64],
    ["", 64],
    ["\x04", 64],
  ] as const) {
    test(`asks before it deletes mail: ${JSON.stringify(answer)}`, async () => {
      await add("alice");
      const { outcome } = await atTerminal([answer], ["remove", "alice", "--delete-mail"]);
      assert.equal(outcome, expected);
      assert.deepEqual(await readdir(home(".")), expected === 0 ? [] : ["alice"]);
    });
  }
});

/**
 * Runs the command on a terminal of its own, gives one answer for each line that ends without a newline, and tells what the
 * terminal showed and how the program ended.
 */
async function atTerminal(
  answers: readonly string[],
  args: readonly string[],
): Promise<{ outcome: number | string; shown: string }> {
  const program = [
    process.execPath,
    new URL("../../pop3d/main.js", import.meta.url).pathname,
    "user",
    ...args,
  ];
  program.push("--config", join(directory, "pop3d.toml"));
  const child = spawn(findPeer("python3") ?? "", ["-c", TERMINAL, JSON.stringify(answers), ...program], {
    timeout: 30_000,
  });
  let output = "";
  child.stdout.on("data", (data) => {
    output += data;
  });
  child.stderr.pipe(process.stderr);
  await once(child, "close");
  const { status, shown } = JSON.parse(output);
  return { outcome: status < 0 ? (status === -2 ? "SIGINT" : `signal ${-status}`) : status, shown };
}

const TERMINAL = `
import json, os, pty, subprocess, sys
answers, command = json.loads(sys.argv[1]), sys.argv[2:]
ours, theirs = pty.openpty()
child = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
os.close(theirs)
shown = b""
while True:
    try:
        octets = os.read(ours, 4096)
    except OSError:
        break
    if not octets:
        break
    shown += octets
    if answers and shown.endswith(b" "):
        answer = answers.pop(0)
        os.write(ours, (answer if answer in ("\\x03", "\\x04") else answer + "\\r").encode())
print(json.dumps({"status": child.wait(), "shown": shown.decode()}))
`;

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
