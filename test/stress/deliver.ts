/** Those who deliver: Dovecot's LDA, procmail and maildrop, a process for each message, and our smtpd over one connection. */
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DOMAIN } from "../daemons/site.js";
import { Dialogue } from "../interop/dialogue.js";
import { run } from "../interop/run.js";
import { asNobody, giveFileToNobody } from "../nobody.js";
import { messageWith, withCrlf } from "./message.js";
import { MESSAGES_MAX, type Work } from "./work.js";

export const DOVECOT_LDA = "/usr/lib/dovecot/dovecot-lda";
const MESSAGES_PER_CONNECTION = 20;

/** Delivers with one of the programs after the other. @param config Dovecot's configuration file */
export async function deliverByPrograms(work: Work, config: string): Promise<void> {
  const { directory, maildir } = work;
  const procmailrc = join(directory, "procmailrc");
  const mailfilter = join(directory, "mailfilter");
  await writeFile(procmailrc, `DEFAULT=${maildir.path}/\nLOGFILE=/dev/null\n`);
  await writeFile(mailfilter, `to "${maildir.path}"\n`);
  // maildrop reads no file that others may write or read.
  await chmod(mailfilter, 0o600);
  for (const file of [procmailrc, mailfilter]) await giveFileToNobody(file);
  const programs: readonly (readonly [string, readonly [string, ...string[]]])[] = [
    ["Dovecot LDA", [DOVECOT_LDA, "-c", config]],
    ["procmail", ["procmail", procmailrc]],
    ["maildrop", ["maildrop", mailfilter]],
  ];
  while (work.goOn()) {
    for (const [name, words] of programs) await deliverBy(work, name, words);
    while (work.goOn() && isFull(work)) await sleep(50);
  }
}

async function deliverBy(work: Work, name: string, words: readonly [string, ...string[]]): Promise<void> {
  const { directory, ledger, random, tally } = work;
  const token = ledger.begin(name);
  const [command, ...args] = asNobody(words);
  const env = { USER: "alice", LOGNAME: "alice", HOME: directory };
  const { code, stderr } = await run(command, args, {
    input: messageWith(token, random),
    env,
    cwd: directory,
  });
  if (code === 0) ledger.delivered(token);
  else ledger.violated(`${name} ended with ${code}: ${stderr}`);
  tally.did(name);
}

/** @param port smtpd's, where it takes mail for the maildrop's owner */
export async function deliverBySmtp(work: Work, port: number): Promise<void> {
  const { ledger, random, tally } = work;
  while (work.goOn()) {
    const smtp = await Dialogue.connect(port);
    await smtp.expect(/^220/);
    await smtp.command("EHLO client.test", /^250/);
    for (let count = 0; count < MESSAGES_PER_CONNECTION && work.goOn(); count++) {
      while (work.goOn() && isFull(work)) await sleep(50);
      const token = ledger.begin("smtpd");
      await smtp.command("MAIL FROM:<x@y.test>", /^250/);
      await smtp.command(`RCPT TO:<alice@${DOMAIN}>`, /^250/);
      await smtp.command("DATA", /^354/);
      const message = withCrlf(messageWith(token, random)).toString("latin1");
      smtp.send(Buffer.from(message.replaceAll(/^\./gm, ".."), "latin1"));
      await smtp.command(".", /^250/);
      ledger.delivered(token);
      tally.did("smtpd");
    }
    await smtp.command("QUIT", /^221/);
    smtp.destroy();
  }
}

function isFull({ ledger }: Work): boolean {
  return ledger.certain.size > MESSAGES_MAX;
}
