/** Logins put together from a configuration and its files, as both daemons do it. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { pop3dSchema } from "../../../pop3d/config.js";
import {
  describeLogins,
  loadClientSecret,
  loginTroubles,
  openLogins,
} from "../../../shared/accounts/logins.js";
import { loadAccounts } from "../../../shared/accounts/passwd-file.js";
import { parseConfig } from "../../../shared/config/load.js";
import { ExitError } from "../../../shared/exit.js";
import { openLog } from "../../../shared/log.js";
import { Reloadable } from "../../../shared/reloadable.js";
import { CLIENT_ID, CLIENT_SECRET, IntrospectionServer } from "../../fakes/introspection-server.js";
import { temporaryDirectory } from "../../temporary-directory.js";

const TIMEOUT = { timeout: 30_000 };
const log = openLog("test", { level: "fatal", format: "json" });

/** A site whose accounts file has alice, with these options. */
async function site(t: TestContext, toml: (directory: string) => string) {
  const directory = await temporaryDirectory(t);
  const users = join(directory, "users");
  const secret = join(directory, "secret");
  await writeFile(users, "alice@example.org:{PLAIN}correct horse\n");
  await writeFile(secret, `${CLIENT_SECRET}\nnot this line\n`);
  const text = `domains = ["example.org"]\naccounts = "${users}"\n${toml(directory)}`;
  const config = parseConfig("pop3d.toml", text, pop3dSchema);
  const options = { mailRoot: directory, defaultDomain: "example.org" };
  const accounts = await Reloadable.open("accounts", [users], () => loadAccounts(users, options), log);
  return { config, accounts, secret };
}

async function opened(t: TestContext, { config, accounts }: Awaited<ReturnType<typeof site>>) {
  const clientSecret = await loadClientSecret(config, log);
  const logins = await openLogins(config, { accounts, clientSecret }, log);
  t.after(() => logins.close());
  return { logins, clientSecret };
}

test("tokens are taken where [oauth] says who knows them, beside passwords", TIMEOUT, async (t) => {
  const server = await IntrospectionServer.start();
  t.after(() => server.stop());
  server.answers.set("good", { active: true, email: "alice@example.org", scope: "mail", aud: "us" });
  server.answers.set("theirs", { active: true, email: "alice@example.org", scope: "mail", aud: "them" });
  server.answers.set("less", { active: true, email: "alice@example.org", scope: "web", aud: "us" });
  const made = await site(
    t,
    (directory) => `[oauth]
      introspection_url = "${server.url}"
      client_id = "${CLIENT_ID}"
      client_secret_file = "${directory}/secret"
      username_claim = "email"
      scope = "mail"
      audience = "us"\n`,
  );
  const { logins, clientSecret } = await opened(t, made);
  const kind = async (token: string) => (await logins.authenticateToken("alice", token)).kind;
  assert.equal(logins.takesTokens, true);
  assert.equal(await kind("good"), "granted");
  for (const token of ["theirs", "less", "unknown"]) assert.equal(await kind(token), "refused", token);
  assert.equal((await logins.authenticate("alice", "correct horse")).kind, "granted");

  await writeFile(made.secret, "another\n");
  await clientSecret?.reload();
  assert.equal(await kind("unknown"), "unavailable", "the server does not know us any more");
  await writeFile(made.secret, "\n");
  await assert.rejects(loadClientSecret(made.config, log), ExitError);
  assert.ok(!describeLogins(made.config).join().includes(CLIENT_SECRET));
});

test("without it none is taken", TIMEOUT, async (t) => {
  const { logins } = await opened(t, await site(t, () => ""));
  assert.equal(logins.takesTokens, false);
  assert.equal((await logins.authenticateToken("alice", "good")).kind, "refused");
});

test("a checkpassword program is asked instead of the accounts file", TIMEOUT, async (t) => {
  const made = await site(t, () => 'auth = "checkpassword /bin/false"\n');
  const { logins } = await opened(t, made);
  assert.equal((await logins.authenticate("alice", "correct horse")).kind, "refused");
  assert.deepEqual(await loginTroubles(made.config), []);
  const missing = await site(t, () => 'auth = "checkpassword /nonexistent"\n');
  assert.equal((await loginTroubles(missing.config)).length, 1);
  assert.equal((await (await opened(t, missing)).logins.authenticate("alice", "x")).kind, "unavailable");
});

test("a stranger sees the same of an unknown user at both daemons, and after a restart, as he does of a known one", async (t) => {
  const made = await site(t, (directory) => `mail_root = "${directory}"\n`);
  const saltsOf = async () => {
    const { logins } = await opened(t, made);
    const lookups = await Promise.all(["alice", "nobody"].map((name) => logins.scramKeys(name)));
    return lookups.map((lookup) => lookup.kind === "keys" && lookup.keys.salt.toString("hex"));
  };
  const [smtpd, pop3d] = await Promise.all([saltsOf(), saltsOf()]);
  assert.deepEqual(smtpd, pop3d);
  assert.deepEqual(await saltsOf(), pop3d);
  assert.notEqual(smtpd[0], smtpd[1]);
});
