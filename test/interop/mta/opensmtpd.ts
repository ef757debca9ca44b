/**
 * OpenSMTPD, whose directories are fixed when it is compiled: it gets file systems of its own there, which takes root. It
 * takes mail in the clear alone, since the TLS of Debian 12's cannot use a certificate (with OpenSSL 3, the process that
 * has the key cannot be asked to sign); what it sends goes over TLS.
 */
import { chmod, mkdir, writeFile } from "node:fs/promises";
import type { TestContext } from "node:test";
import { succeed } from "../run.js";
import { type Command, type Peer, type PeerOptions, type Setting, startPeer } from "./peer.js";

export const OPENSMTPD = "/usr/local/lib/opensmtpd/smtpd";

export function opensmtpd(t: TestContext, options: PeerOptions): Promise<Peer> {
  return startPeer(t, options, prepare);
}

async function prepare({ directory, domain, listen, relayTo, tls }: Setting): Promise<Command> {
  const file = `${directory}/smtpd.conf`;
  const scheme = tls ? "smtp+tls" : "smtp+notls";
  await writeFile(
    file,
    `
listen on ${listen.address} port ${listen.port} hostname mail.${domain}
action "in" maildir "${directory}/Maildir" virtual { "@${domain}" = nobody }
action "out" relay host ${scheme}://${relayTo.address}:${relayTo.port} tls no-verify helo mail.${domain}
match from any for domain "${domain}" action "in"
match from any for any action "out"
`,
  );
  await chmod(file, 0o600);
  await mkdir(`${directory}/Maildir`);
  await succeed("chown", ["nobody", `${directory}/Maildir`]);
  const script = [
    "for place in /var/spool /run /var/lib; do mount -t tmpfs none $place || exit 1; done",
    "mkdir -m 711 /var/spool/smtpd && mkdir -p /var/lib/opensmtpd/empty || exit 1",
    `exec ${OPENSMTPD} -d -f ${file}`,
  ].join("\n");
  return { program: "sh", args: ["-c", script] };
}
