/**
 * A whole Dovecot of the test's own: login, auth and pop3 processes, as an ordinary user, reachable through a Unix socket in
 * the test's directory, and ended by process id.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { CertificateFiles } from "../fakes/certificate.js";
import { asNobody, giveToNobody, NOBODY, runsAsRoot } from "../nobody.js";

export interface Dovecot {
  connect(): Promise<Socket>;
  stop(): Promise<void>;
}

const STARTING_MS_MAX = 20_000;
const POLL_MS = 50;

/**
 * Starts Dovecot's POP3 server.
 * @param certificate that it can read, as nobody too where the test runs as root
 * @param directory where it may write; `users` there is its passwd-file, `mail/<user>/Maildir` the Maildirs
 */
export async function startDovecot(
  directory: string,
  { certificate, key }: CertificateFiles,
): Promise<Dovecot> {
  const run = join(directory, "run");
  await mkdir(run, { recursive: true });
  const [uid, gid] = runsAsRoot ? [NOBODY, NOBODY] : [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  const user = runsAsRoot ? "nobody" : userInfo().username;
  const group = runsAsRoot ? "nogroup" : execFileSync("id", ["-gn"], { encoding: "utf8" }).trim();
  const config = join(directory, "dovecot.conf");
  await writeFile(
    config,
    `
base_dir = ${run}
state_dir = ${run}
log_path = ${directory}/log
protocols = pop3
ssl = yes
ssl_cert = <${certificate}
ssl_key = <${key}
disable_plaintext_auth = no
auth_mechanisms = scram-sha-256 plain login
auth_failure_delay = 0
default_internal_user = ${user}
default_internal_group = ${group}
default_login_user = ${user}
mail_location = maildir:${directory}/mail/%n/Maildir
mail_uid = ${uid}
mail_gid = ${gid}
first_valid_uid = 0
first_valid_gid = 0
stats_writer_socket_path =
pop3_uidl_format = %f
passdb {
  driver = passwd-file
  args = ${directory}/users
}
userdb {
  driver = static
  args = uid=${uid} gid=${gid} home=${directory}/mail/%n
}
service pop3-login {
  chroot =
  process_limit = 100
  unix_listener login/test {
    mode = 0600
  }
  inet_listener pop3 {
    port = 0
  }
  inet_listener pop3s {
    port = 0
  }
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
`,
  );
  await chmod(directory, 0o755);
  await giveToNobody(directory);
  const [command, ...args] = asNobody(["dovecot", "-F", "-c", config]);
  const child = spawn(command, args, {
    stdio: "ignore",
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
  });
  const socket = join(run, "login", "test");
  const stop = () => ended(child);
  for (const deadline = performance.now() + STARTING_MS_MAX; ; ) {
    const probe = await open(socket).catch(() => undefined);
    probe?.destroy();
    if (probe !== undefined) return { connect: () => open(socket), stop };
    if (child.exitCode === null && performance.now() < deadline) await sleep(POLL_MS);
    else {
      await stop();
      throw new Error(`Dovecot does not start: ${await readFile(`${directory}/log`, "utf8").catch(String)}`);
    }
  }
}

async function open(path: string): Promise<Socket> {
  const socket = connect({ path, allowHalfOpen: true });
  await once(socket, "connect");
  return socket;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}
