/** Maildrops opened on real Maildirs without a daemon, for the tests of what works on them. */
import assert from "node:assert/strict";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import pino from "pino";
import { SessionLocks } from "../../pop3d/lock.js";
import type { Message } from "../../pop3d/maildrop.js";
import { type Opening, type OpenMaildrop, openMaildrop } from "../../pop3d/open-maildrop.js";
import { TwinSeparator } from "../../pop3d/twins.js";
import { UniqueIds } from "../../pop3d/unique-ids.js";
import { type UpdateOutcome, type UpdateRules, update } from "../../pop3d/update.js";
import { WireSizes } from "../../pop3d/wire-sizes.js";
import { type Durable, FsyncDurable } from "../../shared/durable.js";
import { createMaildir } from "../../shared/maildir/create.js";
import { type Maildir, maildirAt } from "../../shared/maildir/maildir.js";
import { pathOf, uniqueNames } from "../../shared/maildir/name.js";
import { QuotaKeeper } from "../../shared/maildir/quota-keeper.js";

export const silent = pino({ level: "silent" });
const durable = new FsyncDurable();
export const uniqueName = uniqueNames("test", process.pid, Date.now);

export function opening(folders: readonly string[] = [""], more: Partial<Opening> = {}): Opening {
  return {
    locks: new SessionLocks({ host: hostname(), uniqueName }),
    sizes: new WireSizes({ durable, uniqueName }),
    uniqueIds: new UniqueIds({ server: "pillarbox", durable, uniqueName }),
    twins: new TwinSeparator({ durable, uniqueName }),
    infoSeparator: ":",
    lockWait: 0,
    folders,
    ...more,
  };
}

/** A Maildir in `directory` with these files, `new/1.a` and their contents. */
export async function maildirWith(
  directory: string,
  files: Readonly<Record<string, string>>,
): Promise<Maildir> {
  const maildir = maildirAt(`${directory}/Maildir`);
  await createMaildir(maildir, durable);
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(`${maildir.path}/${name}`), { recursive: true });
    await writeFile(pathOf(maildir.path, name), content, "latin1");
  }
  return maildir;
}

/** Opens a maildrop that must be there to be opened. */
export async function opened(maildir: Maildir, how = opening(), utf8 = false): Promise<OpenMaildrop> {
  const outcome = await openMaildrop(maildir, how, silent, utf8);
  assert.ok(typeof outcome !== "string", `the maildrop is ${outcome}`);
  return outcome;
}

export function messageOf({ maildrop }: OpenMaildrop, number: number): Message {
  const message = maildrop.find(number);
  assert.ok(message, `no message ${number}`);
  return message;
}

export function mark(open: OpenMaildrop, deleted: readonly number[], retrieved: readonly number[]): void {
  for (const number of retrieved) open.maildrop.markRetrieved(messageOf(open, number));
  for (const number of deleted) open.maildrop.markDeleted(messageOf(open, number));
}

/** The time of every UPDATE: 2027-01-15. */
export const NOW = 1_800_000_000_000;

/** An UPDATE that unlinks, flags as seen and lets nothing expire, unless the rules say otherwise. */
export function runWith(
  open: OpenMaildrop,
  rules: Partial<UpdateRules>,
  durable: Durable = new FsyncDurable(),
): Promise<UpdateOutcome> {
  const all: UpdateRules = {
    deletion: "unlink",
    markSeen: true,
    expireMs: Number.POSITIVE_INFINITY,
    ...rules,
  };
  const quotas = new QuotaKeeper({ durable, uniqueName, now: Date.now, log: silent });
  return update(open, all, { durable, uniqueName, now: () => NOW, quotas }, silent);
}

/** What lies in new/ and cur/, as `cur/1.a:2,S`, and in those of its folders, as `.Trash/cur/1.a:2,ST`. */
export async function filesIn(maildir: Maildir): Promise<string[]> {
  const files: string[] = [];
  const folders = (await readdir(maildir.path, "latin1")).filter((name) => name.startsWith("."));
  for (const directory of ["", ...folders].flatMap((name) => [join(name, "cur"), join(name, "new")])) {
    const filenames = await readdir(join(maildir.path, directory), "latin1").catch((): string[] => []);
    files.push(...filenames.map((filename) => `${directory}/${filename}`));
  }
  return files.sort();
}
