/**
 * The programs of others that keep a quota in maildirsize: Dovecot's imap, dovecot-lda and doveadm with its quota plugin, and
 * Courier's maildirmake and deliverquota, of Debian's maildrop. Each runs as the owner of the mail (nobody.ts).
 */
import assert from "node:assert/strict";
import { lstat, readdir, readFile } from "node:fs/promises";
import type { Maildir } from "../../shared/maildir/maildir.js";
import type { Amount } from "../../shared/maildir/quota.js";
import { parseLines } from "../../shared/maildir/quota-lines.js";
import { asNobody } from "../nobody.js";
import { findPeer } from "../peers.js";
import { dovecotConfig } from "./dovecot.js";
import { type Outcome, run } from "./run.js";

export const DOVECOT_LDA = "dovecot-lda";
export const QUOTA_PLUGIN = "/usr/lib/dovecot/modules/lib10_quota_plugin.so";
export const MAILDIRMAKE = "maildirmake.maildrop";
export const DELIVERQUOTA = "deliverquota.maildrop";

/** Dovecot on one Maildir, with a quota rule of its own configuration. */
export class DovecotQuota {
  readonly #directory: string;
  readonly #config: string;

  private constructor(directory: string, config: string) {
    this.#directory = directory;
    this.#config = config;
  }

  /** @param directory of the test, where Dovecot's own files go, too */
  static async make(directory: string, maildir: Maildir, rule: string): Promise<DovecotQuota> {
    const plugin = `plugin {\n  quota = maildir:User quota\n  quota_rule = ${rule}\n  quota_grace = 0\n}\n`;
    const settings = { mail_plugins: "quota" };
    return new DovecotQuota(
      directory,
      await dovecotConfig("imap", directory, maildir.path, settings, plugin),
    );
  }

  /** IMAP commands, tagged, logged in beforehand; each must succeed. */
  async imap(commands: readonly string[]): Promise<void> {
    const input = commands.map((line) => `${line}\r\n`).join("");
    const { stdout, stderr } = await this.#run("doveadm", ["-c", this.#config, "exec", "imap"], input);
    for (const command of commands) {
      assert.match(stdout, new RegExp(`^${command.split(" ", 1)[0]} OK `, "m"), stdout + stderr);
    }
  }

  /** A delivery by dovecot-lda: 0, or 75 or 77 when it does not fit. */
  async deliver(message: string): Promise<number | null> {
    const { code } = await this.#run(DOVECOT_LDA, ["-c", this.#config, "-e", "-f", "bob@x.test"], message);
    return code;
  }

  /** How many messages Dovecot says there are. */
  async messages(): Promise<number> {
    const { stdout } = await this.#run("doveadm", ["-c", this.#config, "quota", "get"]);
    return Number(/MESSAGE\s+(\d+)/.exec(stdout)?.[1]);
  }

  /** Lets Dovecot count by itself. */
  async recalculate(): Promise<void> {
    await this.#run("doveadm", ["-c", this.#config, "quota", "recalc"]);
  }

  async #run(program: string, args: readonly string[], input = ""): Promise<Outcome> {
    const [command, ...rest] = asNobody([findPeer(program) ?? program, ...args]);
    const env = { USER: "alice", HOME: this.#directory };
    return run(command, rest, { input, env, cwd: this.#directory });
  }
}

/** `maildirmake -q`: sets the quota, and counts. */
export async function courierQuota(directory: string, maildir: Maildir, definition: string): Promise<void> {
  const { code, stderr } = await asOwner(directory, [MAILDIRMAKE, "-q", definition, maildir.path]);
  if (code !== 0) throw new Error(stderr);
}

/** A delivery by deliverquota: 0, or 77 when it does not fit. */
export async function courierDeliver(
  directory: string,
  maildir: Maildir,
  message: string,
  options: readonly string[] = [],
): Promise<number | null> {
  return (await asOwner(directory, [DELIVERQUOTA, ...options, maildir.path], message)).code;
}

async function asOwner(
  directory: string,
  [program, ...args]: readonly [string, ...string[]],
  input = "",
): Promise<Outcome> {
  const [command, ...rest] = asNobody([findPeer(program) ?? program, ...args]);
  return run(command, rest, { input, cwd: directory });
}

/** What stands in maildirsize; undefined when that is no sum. */
export async function toldBy(maildir: Maildir): Promise<Amount | undefined> {
  return parseLines(await readFile(`${maildir.path}/maildirsize`)).usage;
}

/** What really lies in a Maildir and its folders, but for those whose names match. */
export async function lyingIn(maildir: Maildir, butFor = /^$/): Promise<Amount> {
  const folders = (await readdir(maildir.path)).filter((name) => /^\.[^.]/.test(name) && !butFor.test(name));
  const amount = { octets: 0, messages: 0 };
  for (const home of [maildir.path, ...folders.map((name) => `${maildir.path}/${name}`)]) {
    for (const folder of [`${home}/new`, `${home}/cur`]) {
      for (const name of await readdir(folder).catch((): string[] => [])) {
        if (butFor.test(name)) continue;
        amount.octets += (await lstat(`${folder}/${name}`)).size;
        amount.messages++;
      }
    }
  }
  return amount;
}
