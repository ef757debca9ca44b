/** LOGIN-DELAY and EXPIRE of a running daemon, for all and for single accounts. */
import assert from "node:assert/strict";
import { readdir, unlink, writeFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { LOCK_NAME } from "../../pop3d/lock.js";
import { DOMAIN, PASSWORD, type Pop3d, Site } from "../daemons/site.js";
import { Client } from "./client.js";

const TIMEOUT = { timeout: 60_000 };

test("[LOGIN-DELAY], after good credentials only, without a lock, and no failure", TIMEOUT, async (t) => {
  const { pop3, site, daemon } = await started(t, {
    users: { alice: "", bob: "userdb_pop3_login_delay=0s" },
    tables: '[limits]\nlogin_delay = "1h"\nlogin_failures = 2\nlogin_failure_delay = "0s"',
  });
  await site.deliver("alice", "Subject: a\n\nb\n");
  const first = await Client.loggedIn(pop3);
  assert.equal(await capability(first, "LOGIN-DELAY"), "LOGIN-DELAY 3600");
  await first.command("QUIT", "+OK");

  const again = await Client.connect(pop3);
  await again.expect("+OK");
  assert.equal(await capability(again, "LOGIN-DELAY"), "LOGIN-DELAY 3600 USER");
  await again.command("USER alice", "+OK");
  await again.command("PASS wrong", "-ERR [AUTH]");
  for (let refusal = 0; refusal < 3; refusal++) {
    await again.command("USER alice", "+OK");
    await again.command(`PASS ${PASSWORD}`, "-ERR [LOGIN-DELAY]");
  }
  assert.ok(!(await readdir(site.maildir("alice").path)).includes(LOCK_NAME));
  await daemon.logged(({ msg, reason }) => msg === "maildrop refused" && reason === "login delay");
  // Nor is anybody else kept from it, on the same connection.
  await again.login("bob");
  assert.equal(await capability(again, "LOGIN-DELAY"), "LOGIN-DELAY 0");
  await again.command("QUIT", "+OK");
  await (await Client.loggedIn(pop3, "bob")).command("QUIT", "+OK");
});

test("a login that finds the maildrop in use is none, and none has to wait for it", TIMEOUT, async (t) => {
  const tables = '[limits]\nlogin_delay = "1h"\n[maildrop]\nlock_wait = "0s"';
  const { pop3, site } = await started(t, { users: { alice: "" }, tables });
  await site.deliver("alice", "Subject: a\n\nb\n");
  // A holder of another program, alive.
  const lock = `${site.maildir("alice").path}/${LOCK_NAME}`;
  await writeFile(lock, "1:a host of nobody's\n");
  const client = await Client.connect(pop3);
  await client.expect("+OK");
  await client.command("USER alice", "+OK");
  await client.command(`PASS ${PASSWORD}`, "-ERR [IN-USE]");
  await unlink(lock);
  await client.login();
});

test("CAPA follows the accounts; a field that means nothing changes nothing", TIMEOUT, async (t) => {
  const { pop3, site, daemon } = await started(t, { users: { alice: "" } });
  const announced = async () => {
    const client = await Client.connect(pop3);
    await client.expect("+OK");
    const line = await capability(client, "EXPIRE");
    client.destroy();
    return line;
  };
  assert.equal(await announced(), "EXPIRE NEVER");
  const users = (extra: string) =>
    writeFile(`${site.directory}/users`, `alice@${DOMAIN}:{PLAIN}${PASSWORD}::::::${extra}\n`);
  await users("userdb_pop3_expire=14d");
  daemon.signal("SIGHUP");
  await daemon.logged(({ msg }) => msg === "reloaded");
  assert.equal(await announced(), "EXPIRE 14 USER");

  await users("userdb_pop3_expire=fortnight");
  daemon.signal("SIGHUP");
  const refused = await daemon.logged(({ level, what }) => level === "error" && what === "accounts");
  assert.match(JSON.stringify(refused), /users:1: .*userdb_pop3_expire/);
  assert.equal(await announced(), "EXPIRE 14 USER");
});

async function capability(client: Client, name: string): Promise<string | undefined> {
  await client.command("CAPA", "+OK");
  return (await client.lines()).find((line) => line.startsWith(name));
}

async function started(
  t: TestContext,
  { users, tables = "" }: { users: Readonly<Record<string, string>>; tables?: string },
): Promise<Pop3d & { site: Site }> {
  const site = await Site.make(new Map(Object.entries(users)));
  t.after(() => site.remove());
  const pop3d = await site.pop3d({ tables });
  t.after(() => pop3d.daemon.kill());
  return { ...pop3d, site };
}
