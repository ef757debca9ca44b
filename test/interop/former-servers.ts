/**
 * The POP3 servers that people move in from, at work on a Maildir: Dovecot's pop3 (and its imap) and Courier's courierpop3d,
 * each for a session over standard input, logged in beforehand.
 */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Maildir } from "../../shared/maildir/maildir.js";
import { asNobody, giveToNobody, NOBODY, runsAsRoot } from "../nobody.js";
import { findPeer } from "../peers.js";
import { run } from "./run.js";

export const DOVECOT_POP3 = "/usr/lib/dovecot/pop3";
/** Debian's courier-pop and dovecot-pop3d exclude each other; this is the one program of it that is needed. */
export const COURIER_POP3 = "courierpop3d";

/** What a POP3 server says to these commands. */
export type Pop3Server = (commands: readonly string[]) => Promise<string>;

/** Dovecot's pop3 with these settings, on a Maildir in `directory`, which it uses for its own files. */
export function dovecotPop3(directory: string, maildir: Maildir, settings: Settings): Pop3Server {
  return (commands) => dovecot("pop3", directory, maildir, settings, commands);
}

/** Dovecot's imap on the same; the commands are tagged. */
export function dovecotImap(directory: string, maildir: Maildir): Pop3Server {
  return async (commands) => {
    const output = await dovecot("imap", directory, maildir, {}, commands);
    for (const command of commands) {
      assert.match(output, new RegExp(`^${command.split(" ", 1)[0]} OK `, "m"), output);
    }
    return output;
  };
}

/** Courier's courierpop3d. */
export function courierPop3(directory: string, maildir: Maildir): Pop3Server {
  return async (commands) => {
    await giveToNobody(directory);
    const [program, ...args] = asNobody([findPeer(COURIER_POP3) ?? COURIER_POP3, maildir.path]);
    const env = { AUTHENTICATED: "alice", HOME: directory };
    return (await run(program, args, { input: linesOf(commands), env, cwd: directory })).stdout;
  };
}

type Settings = Readonly<Record<string, string>>;

async function dovecot(
  protocol: "imap" | "pop3",
  directory: string,
  maildir: Maildir,
  settings: Settings,
  commands: readonly string[],
): Promise<string> {
  const [uid, gid] = runsAsRoot ? [NOBODY, NOBODY] : [process.getuid?.(), process.getgid?.()];
  const config = join(directory, `dovecot-${protocol}.conf`);
  const all = {
    base_dir: `${directory}/run`,
    state_dir: `${directory}/run`,
    log_path: "/dev/stderr",
    protocols: protocol,
    ssl: "no",
    stats_writer_socket_path: "",
    mail_location: `maildir:${maildir.path}`,
    mail_uid: uid,
    mail_gid: gid,
    first_valid_uid: 0,
    first_valid_gid: 0,
    ...settings,
  };
  await writeFile(
    config,
    Object.entries(all)
      .map(([key, value]) => `${key} = ${value}\n`)
      .join(""),
  );
  // It refuses to touch mail as root.
  await giveToNobody(directory);
  const [program, ...args] = asNobody(["doveadm", "-c", config, "exec", protocol]);
  const env = { USER: "alice", HOME: directory };
  const { code, stdout, stderr } = await run(program, args, { input: linesOf(commands), env });
  assert.equal(code, 0, stderr);
  return stdout;
}

function linesOf(commands: readonly string[]): string {
  return commands.map((line) => `${line}\r\n`).join("");
}

/** The unique-ids that a server gives, by the subjects of the messages. */
export async function idsBySubject(server: Pop3Server): Promise<Map<string, string>> {
  const listed = (await server(["UIDL", "QUIT"])).split("\r\n");
  const pairs = listed.flatMap((line) => {
    const [, number, id] = /^(\d+) (\S+)$/.exec(line) ?? [];
    return number === undefined || id === undefined ? [] : [{ number, id }];
  });
  const tops = await server([...pairs.map(({ number }) => `TOP ${number} 0`), "QUIT"]);
  const subjects = tops.match(/(?<=^Subject: ).*(?=\r$)/gm) ?? [];
  assert.equal(subjects.length, pairs.length, tops);
  return new Map(pairs.map(({ id }, i) => [subjects[i] ?? "", id]));
}
