/**
 * Real password checkers behind both daemons: Debian's checkpw, and PAM. Debian 12 has no package checkpassword-pam, so a
 * small checker of ours calls libpam, with a service file and a password file of the test's own; PAM and its module are real.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { chmod, chown, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { FsyncDurable } from "../../shared/durable.js";
import { createMaildir } from "../../shared/maildir/create.js";
import { maildirAt } from "../../shared/maildir/maildir.js";
import { runProgram } from "../daemons/program.js";
import { DOMAIN, PASSWORD, Site } from "../daemons/site.js";
import { SmtpClient } from "../fakes/smtp-client.js";
import { runsAsRoot } from "../nobody.js";
import { findPeer, inapplicable, lacking, without } from "../peers.js";
import { Client } from "../pop3d/client.js";
import { succeed } from "./run.js";

const TIMEOUT = { timeout: 60_000 };
const NO_DELAY = '[limits]\nlogin_failure_delay = "0s"\n';
const PYTHON = "/usr/bin/python3";
const PAM_CHECKER = fileURLToPath(new URL("../../../test/fakes/pam-checkpassword.py", import.meta.url));

test("checkpw checks ~/Maildir/.password of a user of this system", {
  ...TIMEOUT,
  skip: runsAsRoot ? without("checkpw") : inapplicable("checkpw becomes the user, and only root can"),
}, async (t) => {
  const site = await siteOf(t, ["daemon"]);
  const passwords = join(site.directory, "passwords");
  const file = join(passwords, ".password");
  await mkdir(passwords);
  await writeFile(file, "by-checkpw\n", { mode: 0o600 });
  // It takes no file but the user's own, which nobody else may read.
  await chown(file, Number(await succeed("id", ["-u", "daemon"])), 0);
  await site.deliver("daemon", "Subject: for daemon\n\nHello\n");
  const program = `/usr/bin/env MAILDIR=${passwords} ${findPeer("checkpw")}`;
  await serves(t, site, program, { user: "daemon", good: "by-checkpw", bad: PASSWORD });
});

test("PAM checks a user who is in no accounts file", { ...TIMEOUT, skip: withoutPam() }, async (t) => {
  const site = await siteOf(t, []);
  const homes = join(site.directory, "homes");
  const maildir = maildirAt(join(homes, "carol", "Maildir"));
  await createMaildir(maildir, new FsyncDurable());
  await writeFile(join(maildir.new, "1.M1P1Q1.host"), "Subject: for carol\n\nHello\n");

  const configuration = join(site.directory, "pam.d");
  const passwords = join(site.directory, "passwords");
  const hash = (await succeed("openssl", ["passwd", "-6", "by PAM"])).trim();
  await mkdir(configuration);
  await writeFile(passwords, `carol:${hash}\n`);
  await writeFile(
    join(configuration, "mail"),
    `auth required pam_pwdfile.so pwdfile=${passwords}\naccount required pam_permit.so\n`,
  );
  const program = `${PYTHON} ${PAM_CHECKER} ${configuration} mail ${homes}`;
  await serves(t, site, program, { user: "carol", good: "by PAM", bad: "by pam" });
});

interface Login {
  readonly user: string;
  readonly good: string;
  readonly bad: string;
}

/** Both daemons let the user in by the good password, and by no other, and a message is there. */
async function serves(
  t: TestContext,
  site: Site,
  program: string,
  { user, good, bad }: Login,
): Promise<void> {
  const top = `auth = "checkpassword ${program}"\n`;
  const { pop3, daemon } = await site.pop3d({ top, tables: NO_DELAY });
  t.after(() => daemon.kill());
  const client = await Client.connect(pop3);
  await client.expect("+OK");
  for (const [name, password] of [
    [user, bad],
    ["someone", good],
  ]) {
    await client.command(`USER ${name}`, "+OK");
    await client.command(`PASS ${password}`, "-ERR [AUTH]");
  }
  await client.login(user, good);
  await client.command("STAT", "+OK 1 ");
  await client.command("QUIT", "+OK");

  const smtpd = await site.smtpd({ top, tables: NO_DELAY });
  t.after(() => smtpd.daemon.kill());
  const submission = await SmtpClient.greeted(smtpd.submission);
  assert.equal(await submission.says(`AUTH PLAIN ${plain(user, bad)}`), "535 5.7.8");
  assert.equal(await submission.says(`AUTH PLAIN ${plain(user, good)}`), "235 2.7.0");
  submission.end();

  for (const { log } of [daemon, smtpd.daemon]) {
    assert.deepEqual(
      log.filter(({ level }) => level === "error"),
      [],
    );
    for (const secret of [good, plain(user, good)]) assert.ok(!JSON.stringify(log).includes(secret));
  }
}

test("check says who checks, and that the program is missing or cannot be executed", TIMEOUT, async (t) => {
  const site = await siteOf(t, ["alice"]);
  const program = join(site.directory, "checker");
  const config = join(site.directory, "checked.toml");
  const common = `user = "root"\ndomains = ["${DOMAIN}"]\naccounts = "${site.directory}/users"\nauth = "checkpassword ${program} -x"\n`;
  for (const [entry, own] of [
    ["pop3d", ""],
    ["smtpd", `state_dir = "${site.directory}/state"\n`],
  ] as const) {
    await writeFile(config, common + own);
    const check = () => runProgram(entry, ["check", "--config", config]);
    const missing = await check();
    assert.equal(missing.code, 0);
    assert.match(missing.stdout, new RegExp(`^auth +checkpassword ${program} -x$`, "m"));
    assert.match(missing.stdout, new RegExp(`^warning: .*${program} does not exist`, "m"));
    await writeFile(program, "#!/bin/sh\nexit 1\n", { mode: 0o600 });
    assert.match((await check()).stdout, new RegExp(`^warning: .*${program} may not be executed`, "m"));
    await chmod(program, 0o755);
    assert.ok(!(await check()).stdout.includes(`warning: no password`));
    await rm(program);
  }
});

function plain(user: string, password: string): string {
  return Buffer.from(`\0${user}\0${password}`).toString("base64");
}

async function siteOf(t: TestContext, users: readonly string[]): Promise<Site> {
  const site = await Site.make(users);
  t.after(() => site.remove());
  return site;
}

function withoutPam(): string | false {
  const places = readdirSync("/usr/lib").map((name) => `/usr/lib/${name}/security/pam_pwdfile.so`);
  if (!places.some((place) => existsSync(place)))
    return lacking("pam_pwdfile.so is not installed (package libpam-pwdfile)");
  return without(PYTHON, "openssl");
}
