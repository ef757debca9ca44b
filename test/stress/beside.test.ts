/**
 * Many programs at work on one Maildir at the same time, while POP3 sessions list, retrieve and delete: Dovecot's imapd and
 * LDA, mbsync, procmail, maildrop, mutt, our smtpd, and one that only renames. No message is lost, none is shown twice,
 * none goes that was not marked or expunged, a unique-id is of one message and for ever, and sizes are what is sent.
 *
 * PILLARBOX_STRESS sets the least number of operations (the renamer's not counted), PILLARBOX_STRESS_SEED the choices of
 * all programs; what the kernel makes of them is its own affair.
 */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { FsyncDurable } from "../../shared/durable.js";
import { createMaildir } from "../../shared/maildir/create.js";
import { type DaemonOptions, Site } from "../daemons/site.js";
import { dovecotConfig } from "../interop/dovecot.js";
import { giveToNobody, withoutNobody } from "../nobody.js";
import { without } from "../peers.js";
import { audit, collect } from "./collect.js";
import { DOVECOT_LDA, deliverByPrograms, deliverBySmtp } from "./deliver.js";
import { useImap } from "./imap.js";
import { Ledger } from "./ledger.js";
import { Mirror } from "./mbsync.js";
import { tokenIn } from "./message.js";
import { Random } from "./random.js";
import { readByMutt, renameAlong } from "./read.js";
import { Tally, type Work } from "./work.js";

const OPERATIONS = Number(process.env.PILLARBOX_STRESS ?? 800);
const SEED = Number(process.env.PILLARBOX_STRESS_SEED ?? Math.floor(Math.random() * 1e9));
/** Under the test runner's bound for a file. */
const WORKING_MS_MAX = 240_000;
const PEERS = ["doveadm", DOVECOT_LDA, "procmail", "maildrop", "mbsync", "mutt", "script"];

test(`${OPERATIONS} operations of many programs, and none comes to grief`, {
  skip: without(...PEERS) || withoutNobody(),
}, async (t) => {
  const site = await Site.make(["alice"]);
  t.after(() => site.remove());
  const maildir = site.maildir("alice");
  const directory = join(site.directory, "home");
  await mkdir(directory);
  await createMaildir(maildir, new FsyncDurable());
  const dovecot = await dovecotConfig("imap", directory, maildir.path, {
    log_path: `${directory}/dovecot.log`,
    postmaster_address: "postmaster@pillarbox.test",
  });
  await giveToNobody(site.directory);

  const ledger = new Ledger();
  const tally = new Tally();
  const deadline = performance.now() + WORKING_MS_MAX;
  const goOn = () =>
    tally.operations("renamer") < OPERATIONS &&
    ledger.violations.length === 0 &&
    performance.now() < deadline;
  const random = new Random(SEED);
  const work = (name: string): Work => ({
    directory,
    maildir,
    ledger,
    tally,
    goOn,
    random: random.fork(name),
  });
  const options: DaemonOptions = { user: "nobody" };
  const tables = '[maildrop]\nlock_wait = "10s"\n';
  const { daemon: smtpd, mx } = await site.smtpd(options);
  t.after(() => smtpd.stop());
  const { daemon: pop3d, pop3 } = await site.pop3d({ ...options, tables });
  t.after(() => pop3d.stop());

  const mirror = await Mirror.make(work("mbsync"));
  const began = performance.now();
  const outcomes = await Promise.allSettled([
    collect(work("POP3 one"), pop3),
    collect(work("POP3 two"), pop3),
    useImap(work("imapd"), dovecot),
    deliverByPrograms(work("deliveries"), dovecot),
    deliverBySmtp(work("smtpd"), mx),
    mirror.keep(),
    readByMutt(work("mutt")),
    renameAlong(work("renamer")),
  ]);
  report(t, tally, performance.now() - began);
  t.diagnostic(`${ledger.certain.size} messages at the end`);
  for (const outcome of outcomes) if (outcome.status === "rejected") ledger.violated(String(outcome.reason));

  await mirror.sync();
  const files = await tokensBelow([maildir.new, maildir.cur]);
  const audited = await audit(work("audit"), pop3);
  assert.deepEqual([...audited.values()].sort(), [...new Set(files)].sort());
  const elsewhere = await tokensBelow([`${maildir.path}/.Other/new`, `${maildir.path}/.Other/cur`]);
  ledger.settle(new Set([...files, ...elsewhere]));
  assert.deepEqual(ledger.violations, [], `seed ${SEED}`);
  assert.deepEqual(
    [...pop3d.log, ...smtpd.log].filter(({ level }) => level === "error"),
    [],
    `seed ${SEED}`,
  );
  assert.ok(tally.operations("renamer") >= OPERATIONS, "there was time enough");
});

function report(t: TestContext, tally: Tally, milliseconds: number): void {
  t.diagnostic(`seed ${SEED}`);
  t.diagnostic(`${"".padEnd(22)}${"done".padStart(8)}${"refused".padStart(8)}`);
  for (const line of tally.lines()) t.diagnostic(line);
  const operations = tally.operations("renamer");
  t.diagnostic(`${operations} operations without the renamer's in ${Math.round(milliseconds / 1000)} s`);
}

/** The tokens of all messages in these folders; each must be whole. */
async function tokensBelow(folders: readonly string[]): Promise<string[]> {
  const tokens: string[] = [];
  for (const folder of folders) {
    for (const name of await readdir(folder).catch((): string[] => [])) {
      const content = await readFile(join(folder, name));
      const token = tokenIn(content);
      assert.ok(token, `${name} is no whole message: ${content}`);
      tokens.push(token);
    }
  }
  return tokens;
}
