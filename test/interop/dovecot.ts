/**
 * Dovecot's pop3 and imap at work on a Maildir, each for a session over standard input, logged in beforehand; and the
 * configuration that its programs need to run as an ordinary user in a test's directory.
 */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Maildir } from "../../shared/maildir/maildir.js";
import { asNobody, giveToNobody, NOBODY, runsAsRoot } from "../nobody.js";
import { run } from "./run.js";

export const DOVECOT_POP3 = "/usr/lib/dovecot/pop3";

/** What a POP3 or IMAP server says to these commands. */
export type MailServer = (commands: readonly string[]) => Promise<string>;

export type Settings = Readonly<Record<string, string>>;

/** Dovecot's pop3 with these settings, on a Maildir in `directory`, which it uses for its own files. */
export function dovecotPop3(directory: string, maildir: Maildir, settings: Settings): MailServer {
  return (commands) => dovecotAnswers("pop3", directory, maildir, settings, commands);
}

/** Dovecot's imap on the same; the commands are tagged, and each must succeed. */
export function dovecotImap(directory: string, maildir: Maildir): MailServer {
  return async (commands) => {
    const output = await dovecotAnswers("imap", directory, maildir, {}, commands);
    for (const command of commands) {
      assert.match(output, new RegExp(`^${command.split(" ", 1)[0]} OK `, "m"), output);
    }
    return output;
  };
}

/**
 * Writes a configuration into `directory`; resolves to its path.
 * @param sections what is no simple setting, such as `plugin { … }`
 */
export async function dovecotConfig(
  protocol: "imap" | "pop3",
  directory: string,
  maildirPath: string,
  settings: Settings = {},
  sections = "",
): Promise<string> {
  const [uid, gid] = runsAsRoot ? [NOBODY, NOBODY] : [process.getuid?.(), process.getgid?.()];
  const file = join(directory, `dovecot-${protocol}.conf`);
  const all = {
    base_dir: `${directory}/run`,
    state_dir: `${directory}/run`,
    log_path: "/dev/stderr",
    protocols: protocol,
    ssl: "no",
    stats_writer_socket_path: "",
    mail_location: `maildir:${maildirPath}`,
    mail_uid: uid,
    mail_gid: gid,
    first_valid_uid: 0,
    first_valid_gid: 0,
    ...settings,
  };
  const lines = Object.entries(all).map(([key, value]) => `${key} = ${value}\n`);
  await writeFile(file, lines.join("") + sections);
  return file;
}

/** A session with Dovecot's pop3 or imap, whatever it answers to the commands. */
export async function dovecotAnswers(
  protocol: "imap" | "pop3",
  directory: string,
  maildir: Maildir,
  settings: Settings,
  commands: readonly string[],
): Promise<string> {
  const config = await dovecotConfig(protocol, directory, maildir.path, settings);
  // It refuses to touch mail as root.
  await giveToNobody(directory);
  const [program, ...args] = asNobody(["doveadm", "-c", config, "exec", protocol]);
  const env = { USER: "alice", HOME: directory };
  const input = commands.map((line) => `${line}\r\n`).join("");
  const { code, stdout, stderr } = await run(program, args, { input, env });
  assert.equal(code, 0, stderr);
  return stdout;
}
