/** Postfix, all of it in one directory. Its master insists on root. */
import { chmod, mkdir, writeFile } from "node:fs/promises";
import type { TestContext } from "node:test";
import { succeed } from "../run.js";
import { type Command, type Peer, type PeerOptions, type Setting, startPeer } from "./peer.js";

export function postfix(t: TestContext, options: PeerOptions): Promise<Peer> {
  return startPeer(t, options, prepare);
}

/** Who owns the Maildir: nobody. */
const OWNER = 65534;

async function prepare(setting: Setting): Promise<Command> {
  const { directory, domain, listen, relayTo, tls, certificate } = setting;
  for (const name of ["etc", "queue", "data"]) await mkdir(`${directory}/${name}`);
  await succeed("chown", ["postfix", `${directory}/data`]);
  await chmod(`${directory}/data`, 0o700);
  const main = {
    compatibility_level: "3.6",
    queue_directory: `${directory}/queue`,
    data_directory: `${directory}/data`,
    maillog_file: `${directory}/log/postfix`,
    maillog_file_prefixes: directory,
    myhostname: `mail.${domain}`,
    // Of this setting it wants an address that an interface has; where it listens is said in master.cf.
    inet_interfaces: "127.0.0.1",
    inet_protocols: "ipv4",
    mynetworks: "127.0.0.0/8",
    mydestination: "",
    alias_maps: "",
    smtpd_tls_cert_file: certificate.certificate,
    smtpd_tls_key_file: certificate.key,
    smtpd_tls_security_level: "may",
    smtpd_tls_received_header: "yes",
    virtual_mailbox_domains: domain,
    virtual_mailbox_base: directory,
    virtual_mailbox_maps: "static:Maildir/",
    virtual_uid_maps: `static:${OWNER}`,
    virtual_gid_maps: `static:${OWNER}`,
    relayhost: `[${relayTo.address}]:${relayTo.port}`,
    smtp_tls_security_level: tls ? "encrypt" : "none",
    smtp_dns_support_level: "disabled",
    minimal_backoff_time: "2s",
    queue_run_delay: "2s",
  };
  const lines = Object.entries(main).map(([key, value]) => `${key} = ${value}\n`);
  await writeFile(`${directory}/etc/main.cf`, lines.join(""));
  await writeFile(`${directory}/etc/master.cf`, masterCf(`${listen.address}:${listen.port}`));
  await mkdir(`${directory}/Maildir`);
  await succeed("chown", ["-R", `${OWNER}:${OWNER}`, `${directory}/Maildir`]);
  return { program: "postfix", args: ["-c", `${directory}/etc`, "start-fg"] };
}

/** The services, none in a chroot, which would want files that are not there. */
function masterCf(listen: string): string {
  const service = (name: string, type: string, priv: string, program: string, wakeup = "-", max = "-") =>
    `${name} ${type} ${priv} - n ${wakeup} ${max} ${program}\n`;
  return [
    service(listen, "inet", "n", "smtpd"),
    service("pickup", "unix", "n", "pickup", "60", "1"),
    service("cleanup", "unix", "n", "cleanup", "-", "0"),
    service("qmgr", "unix", "n", "qmgr", "2", "1"),
    service("tlsmgr", "unix", "-", "tlsmgr", "1000?", "1"),
    service("rewrite", "unix", "-", "trivial-rewrite"),
    service("bounce", "unix", "-", "bounce", "-", "0"),
    service("defer", "unix", "-", "bounce", "-", "0"),
    service("trace", "unix", "-", "bounce", "-", "0"),
    service("verify", "unix", "-", "verify", "-", "1"),
    service("proxymap", "unix", "-", "proxymap"),
    service("smtp", "unix", "-", "smtp"),
    service("relay", "unix", "-", "smtp"),
    service("error", "unix", "-", "error"),
    service("retry", "unix", "-", "error"),
    service("discard", "unix", "-", "discard"),
    service("virtual", "unix", "-", "virtual").replace(" - n ", " n n "),
    service("anvil", "unix", "-", "anvil", "-", "1"),
    service("scache", "unix", "-", "scache", "-", "1"),
    "postlog unix-dgram n - n - 1 postlogd\n",
  ].join("");
}
