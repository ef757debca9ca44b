/**
 * A mail site for a test: a temporary directory with accounts, aliases, certificate and Maildirs, and both daemons on
 * free ports of 127.0.0.1 with every kind of listener.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FsyncDurable } from "../../shared/durable.js";
import { commitAll, Delivery } from "../../shared/maildir/deliver.js";
import { type Maildir, maildirAt } from "../../shared/maildir/maildir.js";
import { uniqueNames } from "../../shared/maildir/name.js";
import { type CertificateFiles, writeCertificate } from "../fakes/certificate.js";
import { type Daemon, startDaemon } from "./daemon.js";

const durable = new FsyncDurable();
const uniqueName = uniqueNames("site", process.pid, Date.now);

export const DOMAIN = "pillarbox.test";
export const PASSWORD = "correct horse";

export class Site {
  readonly directory: string;
  readonly certificate: CertificateFiles;
  readonly #domain: string;

  private constructor(directory: string, certificate: CertificateFiles, domain: string) {
    this.directory = directory;
    this.certificate = certificate;
    this.#domain = domain;
  }

  /**
   * Makes the directory, with accounts of these local-parts whose password is PASSWORD.
   * @param users or their extra fields by local-part
   */
  static async make(
    users: readonly string[] | ReadonlyMap<string, string> = ["alice", "bob"],
    aliases = "postmaster: alice\n",
    domain = DOMAIN,
  ): Promise<Site> {
    const directory = await mkdtemp(join(tmpdir(), "pillarbox-site-"));
    const certificate = await writeCertificate(directory);
    await writeFile(
      join(directory, "users"),
      (users instanceof Map ? [...users] : [...users].map((user) => [user, ""]))
        .map(([user, extra]) => `${user}@${domain}:{PLAIN}${PASSWORD}::::::${extra}\n`)
        .join(""),
    );
    await writeFile(join(directory, "aliases"), aliases);
    return new Site(directory, certificate, domain);
  }

  maildir(user: string): Maildir {
    return maildirAt(join(this.directory, "mail", this.#domain, user, "Maildir"));
  }

  /** Starts smtpd: mx, submission with STARTTLS, submission with implicit TLS. */
  async smtpd(options: DaemonOptions = {}): Promise<Smtpd> {
    const listeners = [
      { role: "mx", tls: "starttls" },
      { role: "submission", tls: "starttls" },
      { role: "submission", tls: "implicit" },
      { role: "mx", tls: "implicit" },
    ];
    const head = `aliases = "${this.directory}/aliases"\nstate_dir = "${this.directory}/${options.state ?? "state"}"\n`;
    const daemon = await this.#start("smtpd", head, listeners, options);
    const [mx = 0, submission = 0, submissions = 0, mxs = 0] = daemon.ports;
    return { daemon, mx, mxs, submission, submissions };
  }

  /** Starts pop3d: plain with STLS, and implicit TLS. */
  async pop3d(options: DaemonOptions = {}): Promise<Pop3d> {
    const daemon = await this.#start("pop3d", "", [{ tls: "starttls" }, { tls: "implicit" }], options);
    const [pop3 = 0, pop3s = 0] = daemon.ports;
    return { daemon, pop3, pop3s };
  }

  /** The messages of a user: file names and contents, those in new/ first. */
  async messages(user: string): Promise<{ name: string; content: Buffer }[]> {
    const found = [];
    for (const folder of [this.maildir(user).new, this.maildir(user).cur]) {
      for (const name of (await readdir(folder).catch((): string[] => [])).sort()) {
        found.push({ name, content: await readFile(join(folder, name)) });
      }
    }
    return found;
  }

  /** Puts a message into a user's Maildir as smtpd does. */
  async deliver(user: string, message: string | Buffer): Promise<void> {
    const delivery = await Delivery.begin(this.maildir(user), uniqueName(), durable);
    await delivery.write(Buffer.from(message));
    await delivery.stage();
    await commitAll([delivery], durable);
  }

  async remove(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }

  #start(
    name: "smtpd" | "pop3d",
    head: string,
    listeners: readonly Readonly<Record<string, string>>[],
    { user = "root", top = "", listen = "", tables = "", ...how }: DaemonOptions,
  ): Promise<Daemon> {
    const tls = `certificate = "${this.certificate.certificate}"\nkey = "${this.certificate.key}"`;
    const config = [
      `hostname = "mail.${this.#domain}"\ndomains = ["${this.#domain}"]\naccounts = "${this.directory}/users"`,
      `mail_root = "${this.directory}/mail"\nuser = "${user}"\n${head}${top}`,
      ...listeners.map((keys) => `[[listen]]\naddress = "127.0.0.1:0"\n${toml(keys)}${listen}`),
      `[tls]\n${tls}\n${tables}`,
    ].join("\n");
    return startDaemon(name, config, how);
  }
}

export interface DaemonOptions {
  /** The user to become, when the test runs as root. */
  readonly user?: string;
  /** Where smtpd has its queue, below the directory of the site; each smtpd of several needs its own. */
  readonly state?: string;
  /** TOML for the top level of the configuration. */
  readonly top?: string;
  /** TOML for each `[[listen]]`. */
  readonly listen?: string;
  /** TOML of further tables: `[limits]`, `[log]` … */
  readonly tables?: string;
  /** A command to run the daemon under. */
  readonly wrapper?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Smtpd {
  readonly daemon: Daemon;
  readonly mx: number;
  readonly mxs: number;
  readonly submission: number;
  readonly submissions: number;
}

export interface Pop3d {
  readonly daemon: Daemon;
  readonly pop3: number;
  readonly pop3s: number;
}

function toml(keys: Readonly<Record<string, string>>): string {
  return Object.entries(keys)
    .map(([key, value]) => `${key} = "${value}"\n`)
    .join("");
}
