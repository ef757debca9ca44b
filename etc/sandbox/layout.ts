/**
 * What the sandbox is made of: its one account, its ports, and where everything lies in its directory. Pure.
 *
 *     smtpd.toml pop3d.toml         written anew at each start
 *     users aliases                 made once, then the user's own
 *     certificate.pem key.pem       made once, and again when they have expired
 *     mail/pillarbox.test/demo/     the home of the account, with its Maildir
 *     state/queue/                  mail on its way to other hosts
 */
import { type Maildir, maildirAt } from "../../shared/maildir/maildir.js";

/** Only programs on this machine can reach the sandbox, since everyone knows its password. */
export const ADDRESS = "127.0.0.1";
/** RFC 2606 §2: "test" is nobody's domain and never will be. */
export const DOMAIN = "pillarbox.test";
export const HOSTNAME = `mail.${DOMAIN}`;
export const ACCOUNT = `demo@${DOMAIN}`;
export const PASSWORD = "demo";

/** Each port of the sandbox, by what is spoken on it. 0 stands for any that is free. */
export interface Ports {
  readonly smtp: number;
  readonly submission: number;
  readonly pop3: number;
  readonly pop3s: number;
}

export type PortName = keyof Ports;

export const STANDARD_PORTS: Ports = { smtp: 2525, submission: 2587, pop3: 2110, pop3s: 2995 };

export const PORT_NAMES = ["smtp", "submission", "pop3", "pop3s"] as const satisfies readonly PortName[];

/** The option that sets a port, without its dashes. */
export function portOption<Name extends PortName>(name: Name): `${Name}-port` {
  return `${name}-port`;
}

export interface Layout {
  readonly directory: string;
  readonly smtpdConfig: string;
  readonly pop3dConfig: string;
  readonly accounts: string;
  readonly aliases: string;
  readonly certificate: string;
  readonly key: string;
  readonly mailRoot: string;
  readonly stateDirectory: string;
  /** The Maildir of the one account. */
  readonly maildir: Maildir;
}

/** @param directory an absolute path */
export function layoutOf(directory: string): Layout {
  const mailRoot = `${directory}/mail`;
  return {
    directory,
    smtpdConfig: `${directory}/smtpd.toml`,
    pop3dConfig: `${directory}/pop3d.toml`,
    accounts: `${directory}/users`,
    aliases: `${directory}/aliases`,
    certificate: `${directory}/certificate.pem`,
    key: `${directory}/key.pem`,
    mailRoot,
    stateDirectory: `${directory}/state`,
    maildir: maildirAt(`${mailRoot}/${DOMAIN}/demo/Maildir`),
  };
}
