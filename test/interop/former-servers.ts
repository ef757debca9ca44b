/**
 * Courier's courierpop3d, which people move in from, for a session over standard input, logged in beforehand; and what
 * any POP3 server calls its messages. Dovecot's is in dovecot.ts.
 */
import assert from "node:assert/strict";
import type { Maildir } from "../../shared/maildir/maildir.js";
import { asNobody, giveToNobody } from "../nobody.js";
import { findPeer } from "../peers.js";
import type { MailServer } from "./dovecot.js";
import { run } from "./run.js";

/** Debian's courier-pop and dovecot-pop3d exclude each other; this is the one program of it that is needed. */
export const COURIER_POP3 = "courierpop3d";

/** Courier's courierpop3d. */
export function courierPop3(directory: string, maildir: Maildir): MailServer {
  return async (commands) => {
    await giveToNobody(directory);
    const [program, ...args] = asNobody([findPeer(COURIER_POP3) ?? COURIER_POP3, maildir.path]);
    const env = { AUTHENTICATED: "alice", HOME: directory };
    return (
      await run(program, args, { input: commands.map((line) => `${line}\r\n`).join(""), env, cwd: directory })
    ).stdout;
  };
}

/** The unique-ids that a server gives, by the subjects of the messages. */
export async function idsBySubject(server: MailServer): Promise<Map<string, string>> {
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
