/**
 * Other people's programs collect, in the clear, over STLS and over implicit TLS. Leaving mail on the server, twice in a
 * row: the second time brings nothing new, a further message arrives alone, so the unique-ids hold. Then deleting:
 * all is brought, and the Maildir is empty.
 */
import assert from "node:assert/strict";
import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { DOMAIN, PASSWORD, type Pop3d, Site } from "../daemons/site.js";
import { asNobody, giveToNobody } from "../nobody.js";
import { without } from "../peers.js";
import { run, succeed } from "./run.js";

type Security = "plain" | "starttls" | "implicit";

/** Each way of each program has an account of its own. */
function userOf(peer: string, security: Security): string {
  return `${peer}-${security}`;
}

/** One program's way of collecting, with a directory of its own to remember unique-ids in. */
interface Collecting {
  /** `user@domain` */
  readonly login: string;
  readonly security: Security;
  readonly port: number;
  readonly keep: boolean;
  /** Empty at first, the same for each run of a test. */
  readonly home: string;
}

/** Collects once; the messages brought, with LF line ends. */
type Collector = (collecting: Collecting) => Promise<string[]>;

const CURL: Collector = async ({ login, security, port, keep, home }) => {
  const url = `${security === "implicit" ? "pop3s" : "pop3"}://127.0.0.1:${port}/`;
  const common = [
    ...["--silent", "--show-error", "--insecure", "--user", `${login}:${PASSWORD}`],
    ...(security === "starttls" ? ["--ssl-reqd"] : []),
  ];
  const ids = (await succeed("curl", [...common, "--request", "UIDL", url]))
    .trim()
    .split("\r\n")
    .filter(Boolean);
  const seenFile = join(home, "seen");
  const seen = new Set((await readFile(seenFile, "utf8").catch(() => "")).split("\n"));
  const out = join(home, "out");
  for (const [number, id] of ids.map((line) => line.split(" "))) {
    if (number === undefined || id === undefined || seen.has(id)) continue;
    await succeed("curl", [...common, "--create-dirs", "--output", join(out, id), `${url}${number}`]);
    seen.add(id);
  }
  // curl quits after each command, and so each DELE of the first message is a session of its own.
  if (!keep)
    for (const _ of ids) await succeed("curl", [...common, "--request", "DELE", "--head", `${url}1`]);
  await writeFile(seenFile, [...seen].join("\n"));
  return takeFiles(out);
};

const FETCHMAIL: Collector = async ({ login, security, port, keep, home }) => {
  const rc = join(home, "fetchmailrc");
  const ssl = security === "implicit" ? "ssl" : security === "starttls" ? "sslproto tls1.2+" : "sslproto ''";
  const out = join(home, "out");
  await mkdir(out, { recursive: true });
  await writeFile(
    rc,
    `set invisible\npoll 127.0.0.1 protocol pop3 port ${port} uidl auth password no dns\n` +
      `  user "${login}" password "${PASSWORD}" ${ssl} no sslcertck ${keep ? "keep" : "no keep flush"} no rewrite\n` +
      `  mda "cat > ${out}/$$.eml"\n`,
    { mode: 0o600 },
  );
  const { code, stdout, stderr } = await run(
    "fetchmail",
    ["-f", rc, "--idfile", join(home, "ids"), "--pidfile", join(home, "pid"), "--nosyslog", "--nodetach"],
    {
      env: { HOME: home, FETCHMAILHOME: home },
    },
  );
  assert.ok(code === 0 || code === 1, `fetchmail ended with ${code}: ${stdout}${stderr}`);
  return takeFiles(out);
};

const MPOP: Collector = async ({ login, security, port, keep, home }) => {
  const rc = join(home, "mpoprc");
  const out = join(home, "Mail");
  for (const folder of ["tmp", "new", "cur"]) await mkdir(join(out, folder), { recursive: true });
  await writeFile(
    rc,
    [
      "account x\nhost 127.0.0.1",
      `port ${port}\nuser ${login}\npassword "${PASSWORD}"\nauth ${security === "plain" ? "user" : "plain"}`,
      security === "plain"
        ? "tls off"
        : `tls on\ntls_certcheck off\ntls_starttls ${security === "starttls" ? "on" : "off"}`,
      `delivery maildir ${out}\nkeep ${keep ? "on" : "off"}\nuidls_file ${home}/uidls\nreceived_header off\n`,
    ].join("\n"),
    { mode: 0o600 },
  );
  await succeed("mpop", ["--file", rc, "--quiet", "x"], { env: { HOME: home } });
  return takeFiles(join(out, "new"));
};

const GETMAIL: Collector = async ({ login, security, port, keep, home }) => {
  const rc = join(home, "getmailrc");
  const out = join(home, "Mail");
  for (const folder of ["tmp", "new", "cur"]) await mkdir(join(out, folder), { recursive: true });
  const type = security === "plain" ? "SimplePOP3Retriever" : "SimplePOP3SSLRetriever";
  await writeFile(
    rc,
    `[retriever]\ntype = ${type}\nserver = 127.0.0.1\nport = ${port}\nusername = ${login}\npassword = ${PASSWORD}\n\n` +
      `[destination]\ntype = Maildir\npath = ${out}/\n\n` +
      `[options]\nread_all = false\ndelete = ${!keep}\ndelivered_to = false\nreceived = false\nverbose = 0\n`,
    { mode: 0o600 },
  );
  // It refuses to deliver as root.
  await chmod(site.directory, 0o711);
  await giveToNobody(home);
  const [command, ...args] = asNobody(["getmail", "--getmaildir", home, "--rcfile", rc]);
  await succeed(command, args, { env: { HOME: home } });
  // It puts a field of its own on top, whatever it is told.
  return (await takeFiles(join(out, "new"))).map((message) =>
    message.replace(/^Return-Path: <unknown>\n/, ""),
  );
};

const POPLIB = `
import poplib, ssl, sys, os
port, security, keep, home, login = int(sys.argv[1]), sys.argv[2], sys.argv[3] == "true", sys.argv[4], sys.argv[5]
poplib._MAXLINE = 1 << 20
context = ssl._create_unverified_context()
box = poplib.POP3_SSL("127.0.0.1", port, context=context) if security == "implicit" else poplib.POP3("127.0.0.1", port)
if security == "starttls": box.stls(context=context)
box.user(login); box.pass_(${JSON.stringify(PASSWORD)})
path = os.path.join(home, "seen")
seen = set(open(path).read().split()) if os.path.exists(path) else set()
count, octets = box.stat()
lines = [line.split() for line in box.uidl()[1]]
sizes = [int(line.split()[1]) for line in box.list()[1]]
assert len(lines) == count == len(sizes) and sum(sizes) == octets
os.makedirs(os.path.join(home, "out"), exist_ok=True)
for number, uid in lines:
    if uid.decode() not in seen:
        body = b"\\r\\n".join(box.retr(int(number))[1]) + b"\\r\\n"
        assert len(body) == sizes[int(number) - 1], (len(body), sizes)
        open(os.path.join(home, "out", uid.decode()), "wb").write(body)
        seen.add(uid.decode())
    if not keep: box.dele(int(number))
open(path, "w").write("\\n".join(seen))
box.quit()
`;

const PYTHON: Collector = async ({ login, security, port, keep, home }) => {
  await succeed("python3", ["-c", POPLIB, `${port}`, security, `${keep}`, home, login]);
  return takeFiles(join(home, "out"));
};

const collectors: readonly (readonly [peer: string, collect: Collector, securities: readonly Security[]])[] =
  [
    ["curl", CURL, ["plain", "starttls", "implicit"]],
    ["fetchmail", FETCHMAIL, ["plain", "starttls", "implicit"]],
    ["mpop", MPOP, ["plain", "starttls", "implicit"]],
    // getmail speaks no STLS.
    ["getmail", GETMAIL, ["plain", "implicit"]],
    ["python3", PYTHON, ["plain", "starttls", "implicit"]],
  ];

let site: Site;
let pop3d: Pop3d;
before(async () => {
  site = await Site.make(
    collectors.flatMap(([peer, , securities]) => securities.map((way) => userOf(peer, way))),
  );
  pop3d = await site.pop3d();
});
after(async () => {
  await pop3d?.daemon.stop();
  await site?.remove();
});

for (const [peer, collect, securities] of collectors) {
  for (const security of securities) {
    test(`${peer} collects, ${security}: leaves mail twice, then takes it`, {
      skip: without(peer),
    }, async () => {
      const user = userOf(peer, security);
      const home = join(site.directory, user);
      await mkdir(home);
      const port = security === "implicit" ? pop3d.pop3s : pop3d.pop3;
      const once = (keep: boolean) => collect({ login: `${user}@${DOMAIN}`, security, port, keep, home });

      const sent = [
        message("one", ".dot\n..\n"),
        message("two", "\u00e4\u00f6\u00fc 8-bit\n"),
        message("three", ""),
      ];
      for (const octets of sent) await site.deliver(user, octets);
      assert.deepEqual((await once(true)).sort(), sent.map(text).sort(), "the first time all");
      assert.deepEqual(await once(true), [], "the second time nothing new");

      const fourth = message("four", `${"a long line ".repeat(300)}\n`);
      await site.deliver(user, fourth);
      assert.deepEqual(await once(true), [text(fourth)], "then only what is new");
      assert.equal((await site.messages(user)).length, 4, "all are still here");

      const fifth = message("five", "bye\n");
      await site.deliver(user, fifth);
      assert.deepEqual(await once(false), [text(fifth)]);
      assert.deepEqual(await site.messages(user), [], "taken, and gone");
    });
  }
}

function message(subject: string, body: string): Buffer {
  return Buffer.from(
    `From: bob@${DOMAIN}\nTo: alice@${DOMAIN}\nSubject: ${subject}\nDate: Sun, 22 Nov 2026 08:00:00 +0000\nMessage-ID: <${subject}@x>\n\n${body}`,
  );
}

/** How programs' output is compared: octet for octet. */
function text(octets: Buffer): string {
  return octets.toString("latin1");
}

/** The contents of a directory's files, which are then emptied so that the next look shows only what is new. */
async function takeFiles(directory: string): Promise<string[]> {
  const taken: string[] = [];
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    const content = (await readFile(path)).toString("latin1").replaceAll("\r\n", "\n");
    if (content !== "") taken.push(content);
    await writeFile(path, "");
  }
  return taken;
}
