/**
 * AUTH with the mechanisms whose lines have to be computed or whose tokens somebody else checks, against the daemon:
 * SCRAM with and without channel binding, OAUTHBEARER and XOAUTH2. The others have transcripts.
 */
import assert from "node:assert/strict";
import { appendFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { hashScramSha256 } from "../../shared/accounts/schemes/scram.js";
import { DOMAIN, PASSWORD, type Pop3d, Site } from "../daemons/site.js";
import { CLIENT_ID, CLIENT_SECRET, IntrospectionServer } from "../fakes/introspection-server.js";
import { ScramClient, type ScramClientOptions } from "../fakes/scram-client.js";
import { Client } from "./client.js";

const TRACE = '[log]\nlevel = "trace"\n[limits]\nlogin_failure_delay = "0s"\n';

const encode = (text: string) => Buffer.from(text).toString("base64");

/** The octets of the challenge that comes next. */
async function challenge(client: Client): Promise<string> {
  const line = await client.expect("+ ");
  return Buffer.from(line.slice(2), "base64").toString();
}

/** Speaks SCRAM up to the server's verdict; resolves to its first line. */
async function scram(
  client: Client,
  mechanism: string,
  options: Partial<ScramClientOptions> = {},
): Promise<string> {
  const us = new ScramClient({ username: "alice", password: PASSWORD, nonce: "abc", ...options });
  client.send(`AUTH ${mechanism} ${encode(us.first)}\r\n`);
  const first = await client.line();
  if (!first.startsWith("+ ")) return first;
  client.send(`${encode(us.final(Buffer.from(first.slice(2), "base64").toString()))}\r\n`);
  const second = await client.line();
  if (!second.startsWith("+ ")) return second;
  assert.ok(us.accepts(Buffer.from(second.slice(2), "base64").toString()), "the server knows the password");
  client.send("\r\n");
  return client.line();
}

async function mechanismsOf(client: Client): Promise<string | undefined> {
  await client.command("CAPA", "+OK");
  return (await client.lines()).find((line) => line.startsWith("SASL "));
}

async function greeted(client: Client): Promise<Client> {
  await client.expect("+OK");
  return client;
}

describe("SCRAM-SHA-256", () => {
  let site: Site;
  let pop3d: Pop3d;
  before(async () => {
    site = await Site.make(["alice"]);
    const bob = `bob@${DOMAIN}:${hashScramSha256(PASSWORD, 4096)}\n`;
    await appendFile(join(site.directory, "users"), bob);
    pop3d = await site.pop3d({ tables: TRACE });
  });
  after(async () => {
    await pop3d?.daemon.stop();
    await site?.remove();
  });

  const plain = async () => greeted(await Client.connect(pop3d.pop3));
  const tls13 = async () => greeted(await Client.connectTls(pop3d.pop3s));
  const starttls = async () => {
    const client = await plain();
    await client.command("STLS", "+OK");
    return client.startTls();
  };

  for (const username of ["alice", `bob@${DOMAIN}`]) {
    test(`${username} logs in, with TLS and without, and is logged in once the server is accepted`, async () => {
      for (const connect of [plain, starttls, tls13]) {
        const client = await connect();
        assert.match(await scram(client, "SCRAM-SHA-256", { username }), /^\+OK/);
        await client.command("STAT", "+OK");
        await client.command("QUIT", "+OK");
      }
    });
  }

  test("PLUS binds TLS 1.3, of both kinds", async () => {
    for (const connect of [starttls, tls13]) {
      const client = await connect();
      const { channelBinding } = client;
      assert.ok(channelBinding);
      assert.match(await scram(client, "scram-sha-256-plus", { channelBinding }), /^\+OK/);
      await client.command("QUIT", "+OK");
    }
  });

  test("PLUS is not for whoever sits between two connections, and a hidden PLUS is noticed", async () => {
    const client = await tls13();
    const elsewhere = (await tls13()).channelBinding;
    assert.ok(elsewhere);
    assert.match(await scram(client, "SCRAM-SHA-256-PLUS", { channelBinding: elsewhere }), /^-ERR \[AUTH\]/);
    assert.match(await scram(client, "SCRAM-SHA-256", { gs2: "y,," }), /^-ERR \[AUTH\]/);
    client.destroy();
  });

  test("PLUS is offered under TLS 1.3 alone", async () => {
    assert.equal(await mechanismsOf(await plain()), "SASL SCRAM-SHA-256 PLAIN LOGIN");
    assert.equal(await mechanismsOf(await tls13()), "SASL SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN");
    const old = await greeted(await Client.connectTls(pop3d.pop3s, { maxVersion: "TLSv1.2" }));
    assert.equal(await mechanismsOf(old), "SASL SCRAM-SHA-256 PLAIN LOGIN");
    await old.command("AUTH SCRAM-SHA-256-PLUS", "-ERR");
    assert.match(await scram(old, "SCRAM-SHA-256", { gs2: "y,," }), /^\+OK/);
  });

  test("a wrong password and an unknown user fail at the same point, and the session goes on", async () => {
    const client = await plain();
    assert.match(await scram(client, "SCRAM-SHA-256", { password: "wrong" }), /^-ERR \[AUTH\]/);
    assert.match(await scram(client, "SCRAM-SHA-256", { username: "nobody" }), /^-ERR \[AUTH\]/);
    await client.login();
  });

  test("who cancels instead of accepting the server is not logged in", async () => {
    const client = await plain();
    const us = new ScramClient({ username: "alice", password: PASSWORD, nonce: "abc" });
    client.send(`AUTH SCRAM-SHA-256\r\n`);
    assert.equal(await challenge(client), "");
    client.send(`${encode(us.first)}\r\n`);
    client.send(`${encode(us.final(await challenge(client)))}\r\n`);
    assert.ok(us.accepts(await challenge(client)));
    await client.command("*", "-ERR");
    await client.command("STAT", "-ERR");
  });

  test("the log names the mechanism and the user of a failure, and shows nothing to guess by", async () => {
    const client = await plain();
    const us = new ScramClient({ username: "mallory", password: "x", nonce: "this-is-a-nonce" });
    client.send(`AUTH SCRAM-SHA-256 ${encode(us.first)}\r\n`);
    const first = await challenge(client);
    const final = us.final(first);
    await client.command(encode(final), "-ERR");
    const { method } = await pop3d.daemon.logged(
      ({ msg, username }) => msg === "login failed" && username === "mallory",
    );
    assert.equal(method, "SCRAM-SHA-256");
    const log = JSON.stringify(pop3d.daemon.log);
    for (const secret of [us.first, first, final])
      assert.ok(!log.includes(encode(secret).slice(0, 40)), secret);
  });
});

test("SCRAM goes when an account cannot do it, and comes again; a session keeps what it has announced", async (t) => {
  const site = await Site.make(["alice"]);
  const users = join(site.directory, "users");
  const { daemon, pop3 } = await site.pop3d();
  t.after(async () => {
    await daemon.stop();
    await site.remove();
  });
  const early = await greeted(await Client.connect(pop3));
  const alice = `alice@${DOMAIN}:{PLAIN}${PASSWORD}\n`;
  await writeFile(users, `${alice}bob@${DOMAIN}:{SSHA256}${Buffer.alloc(40, 1).toString("base64")}\n`);
  daemon.signal("SIGHUP");
  await daemon.logged(({ msg, what }) => msg === "reloaded" && what === "accounts");
  const late = await greeted(await Client.connect(pop3));
  assert.equal(await mechanismsOf(late), "SASL PLAIN LOGIN");
  await late.command("AUTH SCRAM-SHA-256", "-ERR");
  assert.equal(await mechanismsOf(early), "SASL SCRAM-SHA-256 PLAIN LOGIN");
  assert.match(await scram(early, "SCRAM-SHA-256"), /^\+OK/);
  await early.command("QUIT", "+OK");
});

describe("tokens", () => {
  let site: Site;
  let issuer: IntrospectionServer;
  let pop3d: Pop3d;
  before(async () => {
    site = await Site.make(["alice", "bob"]);
    issuer = await IntrospectionServer.start();
    issuer.answers.set("hers", { active: true, username: `alice@${DOMAIN}` });
    const secretFile = join(site.directory, "secret");
    await writeFile(secretFile, `${CLIENT_SECRET}\n`);
    const oauth =
      `[oauth]\nintrospection_url = "${issuer.url}"\nclient_id = "${CLIENT_ID}"\n` +
      `client_secret_file = "${secretFile}"\n`;
    pop3d = await site.pop3d({ tables: oauth + TRACE });
  });
  after(async () => {
    await pop3d?.daemon.stop();
    await issuer?.stop();
    await site?.remove();
  });

  const bearer = (user: string, token: string) => encode(`n,a=${user},\x01auth=Bearer ${token}\x01\x01`);
  const xoauth2 = (user: string, token: string) => encode(`user=${user}\x01auth=Bearer ${token}\x01\x01`);

  for (const [mechanism, message, dummy] of [
    ["OAUTHBEARER", bearer, "AQ=="],
    ["XOAUTH2", xoauth2, ""],
  ] as const) {
    test(`${mechanism}: a good token, at once or when it is asked for`, async () => {
      for (const lines of [
        [`AUTH ${mechanism} ${message("alice", "hers")}`],
        [`AUTH ${mechanism}`, message(`alice@${DOMAIN}`, "hers")],
      ]) {
        const client = await greeted(await Client.connectTls(pop3d.pop3s));
        for (const line of lines.slice(0, -1)) await client.command(line, "+ ");
        await client.command(lines.at(-1) ?? "", "+OK");
        await client.command("QUIT", "+OK");
      }
      await pop3d.daemon.logged(({ msg, method }) => msg === "login" && method === mechanism);
    });

    test(`${mechanism}: a bad token, and a good one of somebody else, end in JSON and a refusal`, async () => {
      const client = await greeted(await Client.connectTls(pop3d.pop3s));
      for (const [user, token, answer] of [
        ["alice", "stolen", dummy],
        ["bob", "hers", "*"],
      ] as const) {
        client.send(`AUTH ${mechanism} ${message(user, token)}\r\n`);
        assert.equal(typeof JSON.parse(await challenge(client)).status, "string");
        await client.command(answer, "-ERR [AUTH]");
      }
      await client.login();
    });
  }

  test("a long token comes in a line longer than a command may be", async () => {
    const token = "x".repeat(12_000);
    issuer.answers.set(token, { active: true, username: "alice" });
    const client = await greeted(await Client.connectTls(pop3d.pop3s));
    await client.command("AUTH OAUTHBEARER", "+ ");
    await client.command(bearer("alice", token), "+OK");
    await client.command("QUIT", "+OK");
  });

  test("when the issuer has trouble, nobody says wrong", async () => {
    const client = await greeted(await Client.connectTls(pop3d.pop3s));
    await client.command(`AUTH XOAUTH2 ${xoauth2("alice", "failing")}`, "-ERR [SYS/TEMP]");
  });

  test("no token is in the log", () => {
    const log = JSON.stringify(pop3d.daemon.log);
    for (const secret of [bearer("alice", "hers"), xoauth2("alice", "hers"), "hers"]) {
      assert.ok(!log.includes(secret), secret);
    }
  });
});
