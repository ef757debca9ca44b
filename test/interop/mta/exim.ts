/** Exim, all of it in one directory. It takes a configuration of ours from root alone. */
import { mkdir, writeFile } from "node:fs/promises";
import type { TestContext } from "node:test";
import { findPeer } from "../../peers.js";
import { succeed } from "../run.js";
import { type Command, type Peer, type PeerOptions, type Setting, startPeer } from "./peer.js";

export function exim(t: TestContext, options: PeerOptions): Promise<Peer> {
  return startPeer(t, options, prepare);
}

async function prepare(setting: Setting): Promise<Command> {
  const { directory, domain, listen, relayTo, tls, certificate } = setting;
  const file = `${directory}/exim.conf`;
  await mkdir(`${directory}/spool`);
  await writeFile(
    file,
    `
exim_path = ${findPeer("exim4")}
primary_hostname = mail.${domain}
spool_directory = ${directory}/spool
log_file_path = ${directory}/log/%s
pid_file_path = ${directory}/exim.pid
local_interfaces = ${listen.address}
daemon_smtp_ports = ${listen.port}
tls_advertise_hosts = *
tls_certificate = ${directory}/exim-cert.pem
tls_privatekey = ${directory}/exim-key.pem
chunking_advertise_hosts = *
dsn_advertise_hosts = *
smtputf8_advertise_hosts = *
acl_smtp_rcpt = accept
acl_smtp_data = accept
acl_smtp_mail = accept
deliver_drop_privilege = true
never_users =
keep_environment =
remote_max_parallel = 4
begin routers
ours:
  driver = accept
  domains = ${domain}
  transport = maildir
others:
  driver = manualroute
  route_list = * ${relayTo.address} byname
  self = send
  transport = next
begin transports
maildir:
  driver = appendfile
  directory = ${directory}/Maildir
  maildir_format
  user = Debian-exim
next:
  driver = smtp
  port = ${relayTo.port}
  allow_localhost
  hosts_require_tls = ${tls ? "*" : ""}
  hosts_avoid_tls = ${tls ? "" : "*"}
  tls_verify_certificates =
begin retry
* * F,1h,2s
`,
  );
  await succeed("cp", [certificate.certificate, `${directory}/exim-cert.pem`]);
  await succeed("cp", [certificate.key, `${directory}/exim-key.pem`]);
  const owned = ["spool", "log", "exim-cert.pem", "exim-key.pem"].map((name) => `${directory}/${name}`);
  await mkdir(`${directory}/Maildir`);
  await succeed("chown", ["-R", "Debian-exim:Debian-exim", `${directory}/Maildir`, ...owned]);
  return { program: "exim4", args: ["-C", file, "-bdf", "-q2s"] };
}
