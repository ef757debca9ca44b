/** The two configuration files of the sandbox: real ones, that either daemon can be started with by hand. Pure. */
import { stringify } from "smol-toml";
import { ADDRESS, DOMAIN, HOSTNAME, type Layout, type Ports } from "./layout.js";

/** The first line of a file that the sandbox may overwrite. */
export const WRITTEN_BY_US =
  "# Written by the pillarbox sandbox at each start; what is changed here is lost.";

/** A stopped sandbox does not keep anyone waiting at a terminal. */
const SHUTDOWN_TIME = "2s";

/** What stands in smtpd.toml. */
export function smtpdToml(layout: Layout, ports: Ports, asRoot: boolean): string {
  return toml({
    ...common(layout, asRoot),
    aliases: layout.aliases,
    state_dir: layout.stateDirectory,
    listen: [
      { address: `${ADDRESS}:${ports.smtp}`, role: "mx" },
      { address: `${ADDRESS}:${ports.submission}`, role: "submission", allow_plaintext_auth: "loopback" },
    ],
    tls: certificate(layout),
  });
}

/** What stands in pop3d.toml. */
export function pop3dToml(layout: Layout, ports: Ports, asRoot: boolean): string {
  return toml({
    ...common(layout, asRoot),
    listen: [
      { address: `${ADDRESS}:${ports.pop3}`, tls: "starttls", allow_plaintext_auth: "loopback" },
      { address: `${ADDRESS}:${ports.pop3s}`, tls: "implicit" },
    ],
    tls: certificate(layout),
  });
}

function common(layout: Layout, asRoot: boolean) {
  return {
    hostname: HOSTNAME,
    domains: [DOMAIN],
    mail_root: layout.mailRoot,
    accounts: layout.accounts,
    // Started by root, a daemon becomes another user, who could not write to root's directory.
    ...(asRoot ? { user: "root" } : {}),
    shutdown_time: SHUTDOWN_TIME,
  };
}

function certificate(layout: Layout) {
  return { certificate: layout.certificate, key: layout.key };
}

function toml(configuration: Record<string, unknown>): string {
  // The log is read by the sandbox, which shows it to people.
  return `${WRITTEN_BY_US}\n\n${stringify({ ...configuration, log: { level: "info", format: "json" } })}\n`;
}
