/** Whom the failures of others slow down, and how many sessions an account may have. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { PASSWORD, type Pop3d, Site } from "../daemons/site.js";
import { Client } from "./client.js";

const TIMEOUT = { timeout: 60_000 };
const HOME = "127.0.0.1";

test("while strangers guess from everywhere, a user is let in at home at once", TIMEOUT, async (t) => {
  const { pop3, daemon } = await started(t, '[limits]\nlogin_failure_delay = "1h"');
  const first = await Client.loggedIn(pop3);
  await first.command("QUIT", "+OK");
  for (let i = 0; i < 10; i++) await attempt(t, pop3, `127.0.1.${i}`, "wrong");
  await daemon.logged(() => daemon.log.filter(({ msg }) => msg === "login failed").length === 10);

  // Who knows the password waits as those do who guess it, being where the user has never been.
  const strange = await attempt(t, pop3, "127.0.2.1", PASSWORD);
  const home = await attempt(t, pop3, HOME, PASSWORD);
  assert.equal(
    await Promise.race([strange.line().then(() => "strange"), home.expect("+OK").then(() => "home")]),
    "home",
  );
});

test(
  "an account has so many sessions, and one that ends, however it ends, makes room",
  TIMEOUT,
  async (t) => {
    const { pop3, daemon } = await started(
      t,
      '[limits]\nconnections_per_account = 1\n[maildrop]\nlock_wait = "0s"',
    );
    const first = await Client.loggedIn(pop3);
    const second = await Client.connect(pop3);
    await second.expect("+OK");
    await second.command("USER alice", "+OK");
    await second.command(`PASS ${PASSWORD}`, "-ERR [IN-USE]");
    await daemon.logged(({ reason }) => reason === "too many connections of this account");
    await (await Client.loggedIn(pop3, "bob")).command("QUIT", "+OK");
    await first.command("QUIT", "+OK");
    await second.login();

    second.destroy();
    await daemon.logged(
      ({ msg, account, reason }) =>
        msg === "connection closed" && account === "alice@pillarbox.test" && reason !== "QUIT",
    );
    await (await Client.loggedIn(pop3)).command("QUIT", "+OK");
  },
);

test("of a name as long as a response may be, the log has its beginning", TIMEOUT, async (t) => {
  const { pop3, daemon } = await started(t, "");
  const client = await Client.connect(pop3);
  t.after(() => client.destroy());
  await client.expect("+OK");
  const response = Buffer.from(`\0${"x".repeat(12_000)}\0y`).toString("base64");
  client.send(`AUTH PLAIN\r\n${response}\r\n`);
  const { username } = await daemon.logged(({ msg }) => msg === "login failed");
  assert.equal(username, "x".repeat(256));
});

/** Sends a login from this address; the reply to it is the next line. */
async function attempt(t: TestContext, port: number, address: string, password: string): Promise<Client> {
  const client = await Client.connect(port, address);
  t.after(() => client.destroy());
  await client.expect("+OK");
  await client.command("USER alice", "+OK");
  client.send(`PASS ${password}\r\n`);
  return client;
}

async function started(t: TestContext, tables: string): Promise<Pop3d> {
  const site = await Site.make();
  t.after(() => site.remove());
  const pop3d = await site.pop3d({ tables });
  t.after(() => pop3d.daemon.kill());
  return pop3d;
}
