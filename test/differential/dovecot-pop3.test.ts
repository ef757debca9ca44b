/**
 * The same dialogues with Dovecot's POP3 server and with pop3d, on copies of the same Maildirs: every reply means the same,
 * and the same is left in the end, or the difference stands in the table of differences.ts.
 */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { DOMAIN, type Pop3d, Site } from "../daemons/site.js";
import { writeCertificate } from "../fakes/certificate.js";
import { without } from "../peers.js";
import { converse } from "./conversation.js";
import { DIALOGUES, type ServerDialogue } from "./dialogues.js";
import { DIFFERENCES } from "./differences.js";
import { type Dovecot, startDovecot } from "./dovecot.js";
import { MAILDROPS } from "./maildrops.js";

const TIMEOUT = { timeout: 60_000 };

const accountOf = (i: number) => `d${i}`;

describe("Dovecot and pop3d", { skip: without("dovecot") }, () => {
  let directory: string;
  let site: Site;
  let dovecot: Dovecot;
  let pop3d: Pop3d;
  const seen = new Set<(typeof DIFFERENCES)[number]>();

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "pillarbox-dovecot-"));
    site = await Site.make([]);
    const users = DIALOGUES.map(({ password }, i) => {
      return Buffer.from(`${accountOf(i)}@${DOMAIN}:{PLAIN}${password}::::::\n`, "latin1");
    });
    for (const home of [directory, site.directory])
      await writeFile(join(home, "users"), Buffer.concat(users));
    for (const [i, { maildrop }] of DIALOGUES.entries()) {
      for (const maildir of [maildirOfDovecot(i), site.maildir(accountOf(i)).path]) {
        for (const folder of ["tmp", "new", "cur"]) await mkdir(join(maildir, folder), { recursive: true });
        for (const { path, content } of MAILDROPS[maildrop]) await writeFile(join(maildir, path), content);
      }
    }
    dovecot = await startDovecot(directory, await writeCertificate(directory));
    pop3d = await site.pop3d({
      listen: 'allow_plaintext_auth = "always"\n',
      tables: '[limits]\nlogin_failure_delay = "0s"\n',
    });
  });
  after(async () => {
    await Promise.all([dovecot?.stop(), pop3d?.daemon.stop()]);
    await Promise.all([rm(directory, { recursive: true, force: true }), site?.remove()]);
  });

  for (const [i, dialogue] of DIALOGUES.entries()) {
    test(dialogue.name, TIMEOUT, async () => {
      const lines = dialogue.lines.map((line) => Buffer.from(filled(line, accountOf(i)), "latin1"));
      const [theirs, ours] = await Promise.all([
        dovecot.connect().then((socket) => converse(socket, lines, dialogue)),
        converse(connect({ port: pop3d.pop3, host: "127.0.0.1", allowHalfOpen: true }), lines, dialogue),
      ]);
      compare(dialogue, "", theirs[0], ours[0]);
      for (const [at, line] of dialogue.lines.entries())
        compare(dialogue, line, theirs[at + 1], ours[at + 1]);
      compare(dialogue, "left", await left(maildirOfDovecot(i)), await left(site.maildir(accountOf(i)).path));
    });
  }

  test("every row of the table of differences is one that is there", () => {
    const idle = DIFFERENCES.filter((difference) => !seen.has(difference));
    assert.deepEqual(
      idle.map(({ at, because }) => `${at}: ${because}`),
      [],
    );
  });

  function maildirOfDovecot(i: number): string {
    return join(directory, "mail", accountOf(i), "Maildir");
  }

  function compare({ name }: ServerDialogue, at: string, theirs = "", ours = ""): void {
    if (theirs === ours) return;
    const listed = DIFFERENCES.find(
      (row) => row.at === at && row.dialogues.test(name) && row.dovecot.test(theirs) && row.ours.test(ours),
    );
    assert.ok(listed, `at ${JSON.stringify(at)}\n Dovecot: ${theirs}\n pop3d:   ${ours}`);
    seen.add(listed);
  }
});

function filled(line: string, account: string): string {
  const named = line.replaceAll("{user}", `${account}@${DOMAIN}`).replaceAll("{local}", account);
  return named.replace(/\{base64:([^}]*)\}/g, (_, text: string) =>
    Buffer.from(text.replaceAll("\\0", "\0")).toString("base64"),
  );
}

/** The messages of a Maildir and their flags, wherever they lie. */
async function left(maildir: string): Promise<string> {
  const names: string[] = [];
  for (const folder of ["new", "cur"]) names.push(...(await readdir(join(maildir, folder))));
  return names
    .map((name) => (name.includes(":2,") ? name : `${name}:2,`))
    .sort()
    .join(" ");
}
